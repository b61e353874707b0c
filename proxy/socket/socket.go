package socket

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// Socket is the fast way to a plain TCP connection. One goroutine at a time reads, and one writes; Ask is both.
//
// Its system calls never block, so the scheduler is not told of them. Nothing is kept here: reading and writing by
// package net beside it is the same.
type Socket struct {
	conn net.Conn
	raw  syscall.RawConn

	asking, reading, writing func(fd uintptr) bool // made once

	in    half
	out   half
	asked bool
	until time.Time // of a write that has to wait
}

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
		case *net.TCPConn:
			raw, err := c.SyscallConn()
			if err != nil {
				return nil
			}
			return newSocket(c, raw)
		case *tls.Conn:
			return nil
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}

func newSocket(conn net.Conn, raw syscall.RawConn) *Socket {
	s := &Socket{conn: conn, raw: raw}
	s.asking, s.reading = s.ask, s.receive
	s.writing = func(fd uintptr) bool { s.send(fd); return true }
	return s
}

// Ask writes a message and then waits for the first bytes that come back. A reader that is told so by the kernel need
// not try in vain first: that call is saved. The connection must have been quiet before: bytes that had come already
// would be noticed at the read deadline only. A write that has to wait does so until the given time.
func (s *Socket) Ask(message, room []byte, until time.Time) (wrote int, writeErr error, read int, readErr error) {
	s.asked, s.until = false, until
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

// ask is called once to write, and then whenever the connection can be read. What becomes readable after its first call
// is not lost: the runtime remembers it.
func (s *Socket) ask(fd uintptr) (done bool) {
	if s.asked {
		return s.receive(fd)
	}
	s.asked = true
	if !s.send(fd) {
		s.late()
	}
	return s.out.err != nil
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
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(s.in.p))), uintptr(len(s.in.p)), syscall.MSG_DONTWAIT, 0, 0)
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
			s.in.n = int(n)
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
		rest := s.out.p[s.out.n:]
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(rest))), uintptr(len(rest)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		switch {
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			return false
		case errno != 0:
			s.out.err = os.NewSyscallError("write", errno)
			return true
		default:
			s.out.n += int(n)
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
