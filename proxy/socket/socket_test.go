package socket

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// ends gives both ends of a TCP connection.
func ends(t *testing.T) (ours, theirs *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dialed, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialed.Close(); accepted.Close() })
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

func soon() time.Time { return time.Now().Add(5 * time.Second) }

func TestAskGivesWhatComesBack(t *testing.T) {
	ours, theirs := ends(t)
	ours.SetReadDeadline(soon())
	go func() {
		in := make([]byte, 64)
		for {
			n, err := theirs.Read(in)
			if err != nil {
				return
			}
			theirs.Write(in[:n])
		}
	}()
	s := Of(ours)
	for i := range 2000 {
		message, room := []byte{byte(i), byte(i >> 8), 'x'}, make([]byte, 64)
		if wrote, err, n, readErr := s.Ask(message, room, true, soon()); wrote != 3 || err != nil || readErr != nil || !bytes.Equal(room[:n], message) {
			t.Fatalf("ask %d: wrote %d, %v; read %q, %v", i, wrote, err, room[:n], readErr)
		}
	}
}

func TestAskKeepsTheDeadline(t *testing.T) {
	ours, _ := ends(t)
	ours.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	s := Of(ours)
	if wrote, err, n, readErr := s.Ask([]byte("abc"), make([]byte, 8), false, soon()); wrote != 3 || err != nil || n != 0 || !errors.Is(readErr, os.ErrDeadlineExceeded) {
		t.Errorf("wrote %d, %v; read %d, %v", wrote, err, n, readErr)
	}
	// Nothing can be written once it is over, so that a request is not sent in vain.
	if wrote, err, _, _ := s.Ask([]byte("abc"), make([]byte, 8), false, soon()); wrote != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after it: wrote %d, %v", wrote, err)
	}
}

func TestAskAPeerThatIsGone(t *testing.T) {
	for name, leave := range map[string]func(*net.TCPConn){
		"in order":  func(c *net.TCPConn) { c.Close() },
		"by reset":  func(c *net.TCPConn) { c.SetLinger(0); c.Close() },
		"half":      func(c *net.TCPConn) { c.CloseWrite() },
		"meanwhile": func(c *net.TCPConn) { time.AfterFunc(20*time.Millisecond, func() { c.Close() }) },
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := ends(t)
			ours.SetReadDeadline(soon())
			leave(theirs)
			time.Sleep(5 * time.Millisecond)
			_, err, n, readErr := Of(ours).Ask([]byte("abc"), make([]byte, 8), false, soon())
			if n != 0 || (err == nil) == (readErr == nil) || errors.Is(readErr, os.ErrDeadlineExceeded) {
				t.Errorf("%v; read %d, %v", err, n, readErr)
			}
			if wrote, err, _, _ := Of(ours).Ask([]byte("abc"), make([]byte, 8), true, soon()); wrote != 0 || err == nil {
				t.Errorf("on a connection that was used: wrote %d, %v", wrote, err)
			}
		})
	}
}

func TestNothingIsAskedWhereSomethingCameUnasked(t *testing.T) {
	ours, theirs := ends(t)
	theirs.Write([]byte("408"))
	for deadline := soon(); Of(ours).Idle() && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	room := make([]byte, 8)
	if wrote, err, _, _ := Of(ours).Ask([]byte("abc"), room, true, soon()); wrote != 0 || !errors.Is(err, ErrNotIdle) {
		t.Errorf("wrote %d, %v", wrote, err)
	}
	if wrote, _, n, err := Of(ours).Ask([]byte("abc"), room, false, soon()); wrote != 3 || string(room[:n]) != "408" || err != nil {
		t.Errorf("on a fresh connection: wrote %d; read %q, %v", wrote, room[:n], err)
	}
}

func TestLongMessageToASlowReader(t *testing.T) {
	ours, theirs := ends(t)
	message := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
	got := make(chan []byte)
	go func() {
		time.Sleep(20 * time.Millisecond)
		all, _ := io.ReadAll(theirs)
		got <- all
	}()
	s := Of(ours)
	for _, part := range [][]byte{message[:len(message)/2], message[len(message)/2:]} {
		if n, err := s.Write(part, soon()); n != len(part) || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	ours.CloseWrite()
	if all := <-got; !bytes.Equal(all, message) {
		t.Errorf("%d bytes came, or others", len(all))
	}
}

func TestWriteToAPeerThatReadsNothing(t *testing.T) {
	ours, _ := ends(t)
	message := make([]byte, 64<<20)
	if n, err := Of(ours).Write(message, time.Now().Add(30*time.Millisecond)); n == 0 || n == len(message) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("wrote %d, %v", n, err)
	}
}

func TestReadToTheEnd(t *testing.T) {
	ours, theirs := ends(t)
	go func() {
		time.Sleep(10 * time.Millisecond)
		theirs.Write([]byte("abc"))
		theirs.Close()
	}()
	s, room := Of(ours), make([]byte, 8)
	if n, err := s.Read(room); string(room[:n]) != "abc" || err != nil {
		t.Errorf("read %q, %v", room[:n], err)
	}
	if n, err := s.Read(room); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("read %d, %v", n, err)
	}
}

type wrapped struct{ net.Conn }

func (w wrapped) NetConn() net.Conn { return w.Conn }

func TestWhatHasAFastWay(t *testing.T) {
	ours, _ := ends(t)
	pipe, _ := net.Pipe()
	for name, c := range map[string]struct {
		conn net.Conn
		fast bool
	}{
		"TCP": {ours, true}, "wrapped": {wrapped{ours}, true}, "encrypted": {tls.Client(ours, &tls.Config{}), false},
		"encrypted and wrapped": {wrapped{tls.Client(ours, &tls.Config{})}, false}, "pipe": {pipe, false},
	} {
		if got := Of(c.conn) != nil; got != c.fast {
			t.Errorf("%s: %v", name, got)
		}
	}
}
