package framing

import (
	"io"
	"net"
	"sync"
)

// Conn guards a connection that net/http serves: each request is held back until its whole head was read and found
// good, and a chunked body is followed chunk by chunk. What is refused reaches net/http as a line that it refuses too,
// so that its answer of 400 comes after the answers to the requests before.
type Conn struct {
	net.Conn
	maxHead int
	refused func(error)

	mu     sync.Mutex // Read and Release: net/http reads ahead while a handler runs
	head   Head
	buf    []byte // what was read and not yet passed on
	good   int    // of buf, from its start: may be passed on
	state  connState
	left   int64 // of a body with a length
	chunks Chunks
}

type connState byte

const (
	connHead connState = iota
	connLength
	connChunks
	connEnded // a request was refused: nothing follows
	connRaw   // handed to somebody else
)

// NewConn guards a connection. What was read of it already comes first; refused is told why a request is not passed on.
func NewConn(inner net.Conn, unread []byte, maxHead int, refused func(error)) *Conn {
	return &Conn{Conn: inner, buf: append([]byte(nil), unread...), maxHead: maxHead, refused: refused}
}

// Release ends the guard: what follows is no HTTP/1.1 any more.
func (c *Conn) Release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state, c.good = connRaw, len(c.buf)
}

// CloseWrite tells the client that nothing more comes.
func (c *Conn) CloseWrite() error { return CloseWrite(c.Conn) }

// CloseWrite closes one half of a connection, where it has halves.
func CloseWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

const readSize = 4 << 10

// Read gives bytes that belong to a good message.
func (c *Conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if c.good > 0 {
			n := copy(p, c.buf[:c.good])
			c.buf, c.good = c.buf[n:], c.good-n
			return n, nil
		}
		if len(c.buf) > 0 {
			if err := c.look(); err != nil {
				c.refuse(err)
			}
			if c.good > 0 {
				continue
			}
		}
		switch c.state {
		case connEnded:
			return 0, io.EOF
		case connRaw:
			return c.unlocked(p)
		case connLength:
			n, err := c.unlocked(p[:min(int64(len(p)), c.left)])
			c.took(int64(n))
			return n, err
		}
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
}

// unlocked reads without keeping Release waiting.
func (c *Conn) unlocked(p []byte) (int, error) {
	c.mu.Unlock()
	defer c.mu.Lock()
	return c.Conn.Read(p)
}

func (c *Conn) fill() error {
	part := make([]byte, readSize)
	n, err := c.unlocked(part)
	c.buf = append(c.buf, part[:n]...)
	if c.state == connRaw {
		c.good = len(c.buf)
	}
	if n > 0 {
		return nil // an error comes again
	}
	return err
}

// look finds out how much of what was read may be passed on.
func (c *Conn) look() error {
	switch c.state {
	case connHead:
		return c.lookAtHead()
	case connLength:
		c.good = int(min(int64(len(c.buf)), c.left))
		c.took(int64(c.good))
	case connChunks:
		for c.good < len(c.buf) && !c.chunks.Done() {
			_, n, err := c.chunks.Next(c.buf[c.good:])
			c.good += n
			if err != nil {
				return err
			}
		}
		if c.chunks.Done() {
			c.state = connHead
		}
	}
	return nil
}

func (c *Conn) lookAtHead() error {
	n, err := c.head.ParseRequest(c.buf)
	switch {
	case err != nil:
		return err
	case n > c.maxHead, n == 0 && len(c.buf) > c.maxHead:
		return ErrTooLong
	case n == 0:
		return nil
	}
	c.good = n
	switch c.head.RequestBody() {
	case BodyLength:
		c.state, c.left = connLength, c.head.Length
	case BodyChunks:
		c.state, c.chunks = connChunks, Chunks{}
	}
	return nil
}

func (c *Conn) took(n int64) {
	if c.left -= n; c.left == 0 {
		c.state = connHead
	}
}

// refuse lets net/http see a line that it refuses: in place of a request, or in place of what a chunk needs.
func (c *Conn) refuse(err error) {
	c.refused(err)
	c.buf = append(c.buf[:c.good:c.good], "!\r\n\r\n"...)
	c.good, c.state = len(c.buf), connEnded
}
