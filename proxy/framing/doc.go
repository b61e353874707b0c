// Package framing reads the frame of HTTP/1.1 messages, strictly: where a head ends, where a body ends, and nothing that
// two readers could see differently. It looks at bytes and owns no connection, except that Conn guards one for net/http.
//
// In:    bytes as they come from a peer.
// Out:   the head with its fields, and the end of the body; or what is wrong, for an answer of 400 or 502.
// Never: a boundary that net/http would put elsewhere, a repaired message, a body held in memory.
package framing
