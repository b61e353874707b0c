package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
)

// service is one release of a payment service that costs next to nothing: it reads a request and answers 1 KB of JSON.
type service struct {
	ln     net.Listener
	answer []byte
	hang   bool // take connections and never answer
}

func newService(body int, hang bool) (*service, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for a service: %w", err)
	}
	s := &service{ln: ln, hang: hang}
	text := document(body)
	s.answer = fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	go s.accept()
	return s, nil
}

// document is JSON of about so many bytes.
func document(size int) string {
	return fmt.Sprintf(`{"order_id":"P1","amount":"100.00","currency":"CNY","status":"SUCCESS","note":"%s"}`, bytes.Repeat([]byte("x"), max(size-90, 0)))
}

func (s *service) addr() string { return s.ln.Addr().String() }

func (s *service) close() { _ = s.ln.Close() } // the program ends soon

func (s *service) accept() {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return
		}
		go s.serve(conn)
	}
}

func (s *service) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 8<<10)
	for {
		if err := skipMessage(in); err != nil {
			return
		}
		if s.hang {
			_, _ = io.Copy(io.Discard, conn) // until the peer gives up
			return
		}
		if _, err := conn.Write(s.answer); err != nil {
			return
		}
	}
}

// skipMessage reads one message with a length, or without a body.
func skipMessage(in *bufio.Reader) error {
	length := 0
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			_, err := in.Discard(length)
			return err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
}
