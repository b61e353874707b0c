// Package socket reads and writes plain TCP connections with as few system calls, and as little of Go's scheduler, as a
// relay needs.
//
// In:    a connection of package net; messages to write, room to read into.
// Out:   the same bytes, in the same order, and the same deadlines.
// Never: a thread that blocks in the kernel, or an answer that is there and not noticed.
package socket
