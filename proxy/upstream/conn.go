package upstream

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Conn is a connection to a service, with what was read ahead of it.
type Conn struct {
	net.Conn
	Reused bool   // an exchange ended on it before
	Ended  bool   // the service has closed it, in order
	Buf    []byte // read and not used up; its owner's during an exchange

	room     []byte // what Buf lies in
	endpoint *endpoint
	raw      syscall.RawConn // nil = cannot be looked at
	used     time.Time
	quiet    bool
	one      [1]byte
	peek     func(fd uintptr) // made once
}

func newConn(inner net.Conn, e *endpoint) *Conn {
	c := &Conn{Conn: inner, endpoint: e, raw: rawOf(inner)}
	c.peek = func(fd uintptr) {
		_, _, errno := unix.Syscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&c.one[0])), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
		c.quiet = errno == unix.EAGAIN
	}
	return c
}

func rawOf(conn net.Conn) syscall.RawConn {
	for {
		outer, ok := conn.(interface{ NetConn() net.Conn }) // of *tls.Conn, and of ours
		if !ok {
			break
		}
		conn = outer.NetConn()
	}
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

const room = 16 << 10

// Fill reads more into Buf. What was given out of Buf before is good until then.
func (c *Conn) Fill() (int, error) {
	switch {
	case c.room == nil:
		c.room = make([]byte, room)
		c.Buf = c.room[:copy(c.room, c.Buf)]
	case len(c.Buf) == 0:
		c.Buf = c.room[:0]
	case len(c.Buf) < cap(c.Buf):
	case len(c.Buf) < len(c.room):
		c.Buf = c.room[:copy(c.room, c.Buf)]
	default:
		c.room = make([]byte, 2*len(c.room))
		c.Buf = c.room[:copy(c.room, c.Buf)]
	}
	n, err := c.Read(c.Buf[len(c.Buf):cap(c.Buf)])
	c.Buf = c.Buf[:len(c.Buf)+n]
	c.Ended = errors.Is(err, io.EOF)
	return n, err
}

// alive tells whether an idle connection was neither closed nor written to by the service.
func (c *Conn) alive() bool {
	if c.raw == nil {
		return true
	}
	err := c.raw.Control(c.peek)
	return err == nil && c.quiet
}

// Gone tells whether the peer of a connection has closed it, whatever it sent before.
func Gone(conn net.Conn) bool {
	raw := rawOf(conn)
	if raw == nil {
		return false
	}
	gone := false
	err := raw.Control(func(fd uintptr) {
		events := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(events, 0)
		gone = err == nil && n > 0
	})
	return err != nil || gone
}
