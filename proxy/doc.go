// Package proxy is the HTTP sidecar in front of a payment service: it tags a slice of orders gray, forwards every
// request to the stable release, and afterwards mirrors the gray ones to the candidate.
//
// In:    HTTP requests of clients; the answers of stable and candidate.
// Out:   the stable answer to the client, untouched; for each sampled request one opened and one closed event.
// Never: a client byte that depends on the shadow run, a sampled request in two buckets or in none, or unbounded memory.
package proxy
