// Package loopback finds free addresses on this machine for servers that must be told their port beforehand.
//
// In:    how many.
// Out:   different addresses on 127.0.0.1 on which nothing listened a moment ago, and that nobody else is given meanwhile.
// Never: a port that the system may give to an outgoing connection in between.
package loopback

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Ports are taken from below the range that the system gives to outgoing connections, which could otherwise take one
// between the search and its use.
const (
	lowestPort  = 12_000
	highestPort = 32_000
	portTries   = 400
	claimed     = time.Minute // within which whoever was given a port listens on it
)

// FreeAddrs gives n different loopback addresses on which nothing listens, and keeps them from other tests, of other
// processes too, until they had time to listen.
func FreeAddrs(n int) ([]string, error) {
	addrs := []string{}
	for range portTries {
		addr := fmt.Sprintf("127.0.0.1:%d", lowestPort+rand.IntN(highestPort-lowestPort))
		if !claim(addr) {
			continue
		}
		l, err := net.Listen("tcp", addr)
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

// claim leaves an empty file that says since when a port is given away; an old one says nothing any more.
func claim(addr string) bool {
	dir := filepath.Join(os.TempDir(), "touchstone-ports")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return true // without the files there is only chance
	}
	path := filepath.Join(dir, addr[len("127.0.0.1:"):])
	if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > claimed {
		_ = os.Remove(path) // whoever removes it first may also lose the next step
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
	if err != nil {
		return !errors.Is(err, fs.ErrExist)
	}
	return f.Close() == nil
}
