package socket

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Socket is the fast way to a plain TCP connection. One goroutine at a time reads, and one writes; Ask is both.
//
// Nothing is kept here: reading and writing by package net beside it is the same.
type Socket struct {
	conn net.Conn
	raw  syscall.RawConn

	asking, reading, writing func(fd uintptr) bool // made once
	looking                  func(fd uintptr)

	in    half
	out   half
	asked bool
	used  bool      // nothing is written when the connection is not idle
	idle  bool      // at the last look
	one   [1]byte   // is looked into
	until time.Time // of a write that has to wait
}

// ErrNotIdle is of a connection that is not good for another request.
var ErrNotIdle = errors.New("the peer has closed the connection, or has written unasked")

// half is one direction.
type half struct {
	p   []byte
	n   int
	err error
}

// Of gives the fast way to a connection; nil = there is none, as to an encrypted one.
func Of(conn net.Conn) *Socket {
	for {
		switch c := conn.(type) {
		case *tls.Conn:
			return nil
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return Beneath(conn)
		}
	}
}

// Beneath gives the connection that carries another one, encrypted or not, to be looked at; nil = it is none of TCP.
func Beneath(conn net.Conn) *Socket {
	for {
		outer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		conn = outer.NetConn()
	}
	c, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return newSocket(c, raw)
}

func newSocket(conn net.Conn, raw syscall.RawConn) *Socket {
	s := &Socket{conn: conn, raw: raw}
	s.asking, s.reading = s.ask, s.receive
	s.looking = func(fd uintptr) { s.idle = isIdle(fd, &s.one) }
	s.writing = func(fd uintptr) bool { s.send(fd); return true }
	return s
}

// Ask writes a message and then waits for the first bytes that come back. A reader that is told so by the kernel need
// not try in vain first: that call is saved. On a connection that was used before, nothing is written when the peer has
// closed it or has written unasked: ErrNotIdle. A write that has to wait does so until the given time.
func (s *Socket) Ask(message, room []byte, used bool, until time.Time) (wrote int, writeErr error, read int, readErr error) {
	s.asked, s.used, s.until = false, used, until
	s.out, s.in = half{p: message}, half{p: room}
	err := s.raw.Read(s.asking)
	switch {
	case err != nil && !s.asked:
		s.out.err = err
	case err != nil:
		s.in.err = err
	}
	wrote, writeErr, read, readErr = s.out.n, s.out.err, s.in.n, s.in.err
	s.out, s.in = half{}, half{}
	return wrote, writeErr, read, readErr
}

// ask is called once to write, and then whenever the connection can be read. What comes after it has looked is not lost:
// the runtime remembers it, from before this call. What was there before would be, and is read at once.
func (s *Socket) ask(fd uintptr) (done bool) {
	if s.asked {
		return s.receive(fd)
	}
	s.asked = true
	idle := isIdle(fd, &s.one)
	if !idle && s.used {
		s.out.err = ErrNotIdle
		return true
	}
	if !s.send(fd) {
		s.late()
	}
	return s.out.err != nil || !idle && s.receive(fd)
}

// isIdle tells whether there is nothing to read, not even the end.
func isIdle(fd uintptr, one *[1]byte) bool {
	_, errno := receive(fd, one[:], syscall.MSG_PEEK)
	return errno == syscall.EAGAIN
}

// Idle tells whether the peer has neither closed the connection nor written to it.
func (s *Socket) Idle() bool {
	err := s.raw.Control(s.looking)
	return err == nil && s.idle
}

// Read is that of the connection.
func (s *Socket) Read(room []byte) (int, error) {
	s.in = half{p: room}
	err := s.raw.Read(s.reading)
	if err == nil {
		err = s.in.err
	}
	n := s.in.n
	s.in = half{}
	return n, err
}

func (s *Socket) receive(fd uintptr) (done bool) {
	for {
		n, errno := receive(fd, s.in.p, 0)
		switch {
		case errno == syscall.EINTR:
			continue
		case errno == syscall.EAGAIN:
			return false
		case errno != 0:
			s.in.err = os.NewSyscallError("read", errno)
		case n == 0 && len(s.in.p) > 0:
			s.in.err = io.EOF
		default:
			s.in.n = n
		}
		return true
	}
}

// Write writes a whole message. One that has to wait for the peer does so until the given time.
func (s *Socket) Write(message []byte, until time.Time) (int, error) {
	s.out, s.until = half{p: message}, until
	err := s.raw.Write(s.writing)
	if err == nil && s.out.err == nil && s.out.n < len(message) {
		s.late()
	}
	if err == nil {
		err = s.out.err
	}
	n := s.out.n
	s.out = half{}
	return n, err
}

// send writes what the kernel takes at once; false = there is more.
func (s *Socket) send(fd uintptr) (done bool) {
	for s.out.n < len(s.out.p) {
		n, errno := send(fd, s.out.p[s.out.n:])
		switch {
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			return false
		case errno != 0:
			s.out.err = os.NewSyscallError("write", errno)
			return true
		default:
			s.out.n += n
		}
	}
	return true
}

// late writes the rest of a message as package net does, which waits.
func (s *Socket) late() {
	if s.out.err = s.conn.SetWriteDeadline(s.until); s.out.err != nil {
		return
	}
	n, err := s.conn.Write(s.out.p[s.out.n:])
	s.out.n += n
	if s.out.err = err; err == nil {
		s.out.err = s.conn.SetWriteDeadline(time.Time{}) // the next message has one of its own
	}
}

// Gone tells whether the peer of a connection has closed it, whatever it sent before.
func Gone(conn net.Conn) bool {
	s := Beneath(conn)
	if s == nil {
		return false
	}
	gone := false
	err := s.raw.Control(func(fd uintptr) {
		events := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(events, 0)
		gone = err == nil && n > 0
	})
	return err != nil || gone
}
