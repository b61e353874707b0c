// Package front is the port of the clients: it accepts connections, reads the frame of every request strictly, passes
// plain HTTP/1.1 messages on as the bytes they are, and hands everything else, bytes unread, to net/http.
//
//	client ──► accept ──TLS, ALPN──► h2, h2c ─────────────────────────────────► net/http
//	                        └──► framing ──► plain ──► relay: bytes + fields ──► service
//	                                 └──► upgrade, chunked, expectation … ──► framing.Conn ──► net/http
//
// In:    connections of clients; what a Handler decides about each plain request.
// Out:   the service's answers, byte for byte but for the fields of the hop.
// Never: a request with two readings passed on, a request sent twice that the service may have acted on, a wait without
// an end.
package front
