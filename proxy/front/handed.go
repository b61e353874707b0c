package front

import (
	"bufio"
	"fmt"
	"net"
	"net/http"

	"github.com/seed-3356bd69/touchstone/proxy/framing"
)

// prefixed is a connection of which something was read already.
type prefixed struct {
	net.Conn
	unread []byte
}

// Read gives what was read first.
func (c *prefixed) Read(p []byte) (int, error) {
	if len(c.unread) > 0 {
		n := copy(p, c.unread)
		c.unread = c.unread[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// hijackable ends the guard of a connection that a handler takes over.
type hijackable struct {
	http.ResponseWriter
	guard *framing.Conn
}

// Unwrap is for http.ResponseController.
func (w *hijackable) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack hands over the connection without its guard.
func (w *hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take over the connection: %w", err)
	}
	w.guard.Release()
	return conn, buffered, nil
}
