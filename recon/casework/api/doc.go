// Package api is the HTTP API of cases. Its OpenAPI document is part of it, is served by it, and tests hold every answer
// against it.
//
// In:    requests with a bearer token, as GET and POST below /api/v1/.
// Out:   JSON; exports as CSV, JSON lines or Parquet.
// Never: an answer to somebody without a role, a change of state by GET, an unknown field taken in silence.
package api
