// Package wire relays MySQL connections packet by packet and shows commands and their answers to a session.
//
// In:    a client's TCP connection and the address of its server.
// Out:   the same bytes on the other side, and one OnCommand and OnResult for each command.
// Never: a rewritten statement or result, a packet held whole that is larger than the capture limit, or a second server.
package wire
