package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

const bufferSize = 16 << 10

var errTruncated = errors.New("truncated packet")

// header is the four bytes before every packet.
type header struct {
	length int
	seq    byte
}

func (h header) bytes() [headerSize]byte {
	return [headerSize]byte{byte(h.length), byte(h.length >> 8), byte(h.length >> 16), h.seq}
}

func parseHeader(b []byte) header {
	return header{length: int(b[0]) | int(b[1])<<8 | int(b[2])<<16, seq: b[3]}
}

// sink is a buffered writer that two goroutines may use.
type sink struct {
	mu      sync.Mutex
	w       *bufio.Writer
	lenient bool // a write that fails is swallowed: the reading side of that peer tells that it is gone
}

func newSink(w io.Writer, lenient bool) *sink {
	return &sink{w: bufio.NewWriterSize(w, bufferSize), lenient: lenient}
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.w.Write(b)
	if s.lenient {
		return len(b), nil
	}
	return n, err
}

func (s *sink) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Flush()
}

// source reads packets from one side. Before it waits for bytes it flushes what was written to the other side.
type source struct {
	conn net.Conn
	out  *sink
	r    *bufio.Reader
}

func newSource(conn net.Conn, out *sink) *source {
	s := &source{conn: conn, out: out}
	s.r = bufio.NewReaderSize(s, bufferSize)
	return s
}

// Read is for the buffered reader only. A failed flush shows itself on the other side's own read.
func (s *source) Read(b []byte) (int, error) {
	_ = s.out.flush()
	return s.conn.Read(b)
}

// peekHeader looks at the next packet's header. io.EOF means the side closed between packets.
func (s *source) peekHeader() (header, error) {
	b, err := s.r.Peek(headerSize)
	if err != nil {
		if len(b) > 0 && errors.Is(err, io.EOF) {
			return header{}, errTruncated
		}
		return header{}, err
	}
	return parseHeader(b), nil
}

// peek looks at the first bytes of the next packet's payload, at most n.
func (s *source) peek(h header, n int) ([]byte, error) {
	b, err := s.r.Peek(headerSize + min(n, h.length))
	if err != nil {
		return nil, cut(err)
	}
	return b[headerSize:], nil
}

// whole tells whether the next packet is buffered to its end.
func (s *source) whole(h header) bool {
	return s.r.Buffered() >= headerSize+h.length && h.length < maxPacket
}

// take reads the next packet's payload into buf, at most n bytes of it, and leaves the rest unread.
func (s *source) take(h header, buf []byte, n int) ([]byte, error) {
	if _, err := s.r.Discard(headerSize); err != nil {
		return nil, cut(err)
	}
	n = min(n, h.length)
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	_, err := io.ReadFull(s.r, buf)
	return buf, cut(err)
}

// move copies n bytes to w, without holding them whole.
func (s *source) move(w io.Writer, n int) error {
	for n > 0 {
		if s.r.Buffered() == 0 {
			if _, err := s.r.Peek(1); err != nil {
				return cut(err)
			}
		}
		b, _ := s.r.Peek(min(n, s.r.Buffered()))
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("forward packet: %w", err)
		}
		n -= len(b)
		_, _ = s.r.Discard(len(b))
	}
	return nil
}

// moveRest copies what follows a packet of the greatest length, its continuation packets, and gives the last one's number.
func (s *source) moveRest(w io.Writer, h header) (seq byte, err error) {
	for h.length == maxPacket {
		if h, err = s.peekHeader(); err != nil {
			return 0, cut(err)
		}
		if err := s.move(w, headerSize+h.length); err != nil {
			return 0, err
		}
	}
	return h.seq, nil
}

func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTruncated
	}
	return err
}

// tail remembers the last bytes that went by.
type tail struct{ b []byte }

const tailSize = 512

// Write keeps the last bytes of b and of what came before.
func (t *tail) Write(b []byte) (int, error) {
	t.b = append(t.b, b[max(0, len(b)-tailSize):]...)
	if len(t.b) > 2*tailSize {
		t.b = append(t.b[:0], t.b[len(t.b)-tailSize:]...)
	}
	return len(b), nil
}

func (t *tail) last() []byte { return t.b[max(0, len(t.b)-tailSize):] }

// writePacket writes one packet with its header.
func writePacket(w io.Writer, seq byte, b []byte) error {
	head := header{length: len(b), seq: seq}.bytes()
	_, err := w.Write(append(head[:], b...))
	return err
}

// errPacket gives a whole ERR packet. State is left out before the handshake is done.
func errPacket(seq byte, r Refusal, state bool) []byte {
	body := binary.LittleEndian.AppendUint16([]byte{markErr}, r.Code)
	if state {
		body = append(append(body, '#'), (r.State + "HY000")[:5]...)
	}
	body = append(body, r.Text...)
	h := header{length: len(body), seq: seq}.bytes()
	return append(h[:], body...)
}

// lenenc reads a length-encoded integer and tells how many bytes it took; 0 = malformed.
func lenenc(b []byte) (value uint64, size int) {
	if len(b) == 0 {
		return 0, 0
	}
	width := 0
	switch b[0] {
	case 0xfb, 0xff:
		return 0, 0
	case 0xfc:
		width = 2
	case 0xfd:
		width = 3
	case 0xfe:
		width = 8
	default:
		return uint64(b[0]), 1
	}
	if len(b) < 1+width {
		return 0, 0
	}
	for i := range width {
		value |= uint64(b[1+i]) << (8 * i)
	}
	return value, 1 + width
}
