// Package loopback finds free addresses on this machine for servers that must be told their port beforehand.
//
// In:    how many.
// Out:   different addresses on 127.0.0.1 on which nothing listened a moment ago.
// Never: a port that the system may give to an outgoing connection in between.
package loopback

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are taken from below the range that the system gives to outgoing connections, which could otherwise take one
// between the search and its use.
const (
	lowestPort  = 12_000
	highestPort = 32_000
	portTries   = 200
)

// FreeAddrs gives n different loopback addresses on which nothing listens.
func FreeAddrs(n int) ([]string, error) {
	addrs := []string{}
	for range portTries {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", lowestPort+rand.IntN(highestPort-lowestPort)))
		if err != nil {
			continue // somebody has it
		}
		defer l.Close()
		if addrs = append(addrs, l.Addr().String()); len(addrs) == n {
			return addrs, nil
		}
	}
	return nil, fmt.Errorf("found only %d of %d free ports between %d and %d", len(addrs), n, lowestPort, highestPort)
}
