package wire

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"
)

func TestIdleCloseReachesTheOtherSide(t *testing.T) {
	w := &watcher{}
	s, _ := relay(t, w, nil)
	c := dial(t, s.Addr(), 0)
	c.read()
	c.command(ComQuery, "SET wait_timeout=1")
	c.read()
	for b := c.read(); b != nil; b = c.read() { // MariaDB may say why before it closes
		if b[0] != markErr {
			t.Fatalf("%q", b)
		}
	}
	c = dial(t, s.Addr(), 0)
	c.read()
	c.command(ComQuery, "SELECT CONNECTION_ID()")
	c.rows(false)
	c.conn.Close()
	direct := open(t, server.Addr, nil)
	for deadline := time.Now().Add(3 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var n int
		if err := direct.QueryRow("SELECT COUNT(*) FROM information_schema.processlist WHERE user='root' AND id<>CONNECTION_ID()").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == 0 || time.Now().After(deadline) {
			if n != 0 {
				t.Fatalf("%d connections are left on the server", n)
			}
			return
		}
	}
}

func TestNonsenseEndsOnlyItsOwnConnection(t *testing.T) {
	w := &watcher{}
	s, _ := relay(t, w, nil)
	good := dial(t, s.Addr(), 0)
	good.read()
	for name, bytes := range map[string]string{
		"http":                "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"out of sequence":     "\x01\x00\x00\x05\x0e",
		"empty command":       "\x00\x00\x00\x00",
		"cut short":           "\xff\x00\x00\x00\x03SEL",
		"all ones":            strings.Repeat("\xff", 300),
		"statement too short": "\x02\x00\x00\x00\x17\x01",
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s.Addr(), 0)
			c.read()
			if _, err := io.WriteString(c.conn, bytes); err != nil {
				t.Fatal(err)
			}
			_ = c.conn.(*net.TCPConn).CloseWrite()
			for c.read() != nil {
			}
		})
	}
	t.Run("instead of a login", func(t *testing.T) {
		conn, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "\x10\x00\x00\x01garbage.........")
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		all, err := io.ReadAll(conn)
		if err != nil || !bytes.Contains(all, []byte("malformed handshake")) {
			t.Fatalf("%q %v", all, err)
		}
	})
	t.Run("compression nobody offered", func(t *testing.T) {
		c := dial(t, s.Addr(), capCompress)
		if b := c.read(); !bytes.Contains(b, []byte("not offered")) {
			t.Fatalf("%q", b)
		}
	})
	good.command(ComPing, "")
	if b := good.read(); b == nil || b[0] != markOK {
		t.Fatalf("the good connection suffered: %q", b)
	}
}

func TestGreetingOffersOnlyWhatCanBeFollowed(t *testing.T) {
	s, _ := relay(t, &watcher{}, nil)
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	src := newSource(conn, newSink(io.Discard, true))
	h, err := src.peekHeader()
	if err != nil {
		t.Fatal(err)
	}
	b, err := src.take(h, nil, h.length)
	if err != nil {
		t.Fatal(err)
	}
	before := append([]byte(nil), b...)
	caps, err := maskGreeting(b, false)
	if err != nil || !bytes.Equal(before, b) || caps&withheld != 0 || caps&capDeprecateEOF == 0 {
		t.Fatalf("caps %#x, masked again: %v, %v", caps, !bytes.Equal(before, b), err)
	}
}

func TestPanicsAndUnknownCommands(t *testing.T) {
	open := &watcher{panics: true}
	s, _ := relay(t, open, nil)
	c := dial(t, s.Addr(), 0)
	c.read()
	c.command(ComQuery, "SELECT 1")
	if n := c.rows(false); n != 1 {
		t.Fatalf("%d rows", n)
	}
	want(t, open, "0xb ok0/0", "panic", "0x3 rows")
	c.command(0x55, "what") // forwarded blindly: the server answers
	if b := c.read(); b[0] != markErr || bytes.Contains(b, []byte("touchstone")) {
		t.Fatalf("%q", b)
	}

	closed := &watcher{panics: true}
	s, _ = relay(t, closed, func(c *Config) { c.FailClosed = true })
	c = dial(t, s.Addr(), 0)
	c.read()
	c.command(ComQuery, "SELECT 1")
	for range 2 {
		if b := c.read(); b[0] != markErr || !bytes.Contains(b, []byte("touchstone")) {
			t.Fatalf("%q", b)
		}
		c.command(0x55, "what")
	}
	c.command(ComLogin, "x")
	for range 2 {
		c.read()
	}
	c.command(ComPing, "")
	if b := c.read(); b[0] != markOK {
		t.Fatalf("the connection broke: %q", b)
	}
}

func TestRefusedStatementLongerThanOnePacketIsReadAway(t *testing.T) {
	w := &watcher{refuse: "forbidden"}
	s, _ := relay(t, w, nil)
	db := open(t, s.Addr(), func(c *mysql.Config) { c.MaxAllowedPacket = 64 << 20 })
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var e *mysql.MySQLError
		if _, err := db.Exec("forbidden " + strings.Repeat("x", 17<<20)); !errors.As(err, &e) || e.Number != 1142 {
			t.Fatal(err)
		}
	}
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	want(t, w, "0xb ok0/0", "0xe ok0/0", "0x3 refused", "0x3 refused", "0xe ok0/0")
}

func TestLimitsAndDeadUpstream(t *testing.T) {
	s, _ := relay(t, &watcher{}, func(c *Config) { c.MaxConnections = 1 })
	first := dial(t, s.Addr(), 0)
	first.read()
	var e *mysql.MySQLError
	if err := open(t, s.Addr(), nil).Ping(); !errors.As(err, &e) || e.Number != 1040 {
		t.Fatal(err)
	}
	dead, _ := relay(t, &watcher{}, func(c *Config) { c.Upstream = "127.0.0.1:1" })
	if err := open(t, dead.Addr(), nil).Ping(); !errors.As(err, &e) || e.Number != 2003 {
		t.Fatal(err)
	}
	slow, _ := relay(t, &watcher{}, func(c *Config) { c.LoginTimeout = 50 * time.Millisecond })
	conn, err := net.Dial("tcp", slow.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadAll(conn); err != nil {
		t.Fatalf("a client that never logs in was not closed: %v", err)
	}
}

// A drain closes a connection on which nothing is due: by then the last answer must have left the buffer.
func TestAnswerIsOutBeforeTheConnectionIsQuiet(t *testing.T) {
	upstream, far := net.Pipe()
	client, reader := net.Pipe()
	for _, conn := range []net.Conn{upstream, far, client, reader} {
		defer conn.Close()
	}
	got := make(chan []byte, 1)
	go func() {
		b := make([]byte, 64)
		n, _ := reader.Read(b)
		got <- b[:n]
	}()
	w := &watcher{}
	c := newConn(New(Config{Port: "test", Metrics: prometheus.NewRegistry()}), client, 1)
	c.session, c.up = w, newSource(upstream, c.toDown)
	x := &exchange{cmd: &Command{Code: ComPing}, answer: newAnswer(ComPing, 0)}
	c.pending = []*exchange{x}
	ok := []byte("\x07\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00")
	go func() { _, _ = far.Write(ok) }()
	h, err := c.up.peekHeader()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.follow(x, h); err != nil {
		t.Fatal(err)
	}
	c.closeIfQuiet()
	if b := <-got; !bytes.Equal(b, ok) {
		t.Fatalf("the client got %q", b)
	}
}

func TestDrainLetsATransactionEnd(t *testing.T) {
	w := &watcher{}
	s, stop := relay(t, w, func(c *Config) { c.DrainTimeout = 5 * time.Second })
	idle, busy := dial(t, s.Addr(), 0), dial(t, s.Addr(), 0)
	idle.read()
	busy.read()
	busy.command(ComQuery, "BEGIN")
	busy.read()
	go stop()
	if b := idle.read(); b != nil {
		t.Fatalf("the idle connection got %q", b)
	}
	busy.command(ComQuery, "SELECT 1")
	busy.rows(false)
	busy.command(ComQuery, "COMMIT")
	if b := busy.read(); b == nil || b[0] != markOK {
		t.Fatalf("COMMIT while draining: %q", b)
	}
	if b := busy.read(); b != nil {
		t.Fatalf("not closed behind its transaction: %q", b)
	}
	if _, err := net.DialTimeout("tcp", s.Addr(), time.Second); err == nil {
		t.Fatal("a draining port took a connection")
	}
	stop()
}

func TestClientThatLeavesAfterCommitIsStillAnswered(t *testing.T) {
	w := &watcher{}
	s, stop := relay(t, w, nil)
	c := dial(t, s.Addr(), 0)
	c.read()
	c.command(ComQuery, "DO SLEEP(0.1)")
	c.conn.Close()
	for deadline := time.Now().Add(3 * time.Second); time.Now().Before(deadline) && w.seen() < 2; {
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	want(t, w, "0xb ok0/0", "0x3 ok0/0")
}

func TestClientThatReadsNothingDoesNotHoldUpTheDrain(t *testing.T) {
	w := &watcher{refuse: "forbidden"}
	s, stop := relay(t, w, nil)
	c := dial(t, s.Addr(), 0)
	c.read()
	one := append([]byte{10, 0, 0, 0, ComQuery}, "forbidden"...)
	flood := bytes.Repeat(one, 10_000)
	_ = c.conn.(*net.TCPConn).SetReadBuffer(1 << 10)
	_ = c.conn.SetWriteDeadline(time.Now().Add(time.Second))
	for range 100 {
		if _, err := c.conn.Write(flood); err != nil {
			break // the port has stopped reading: it waits for this client
		}
	}
	start := time.Now()
	stop()
	if took := time.Since(start); took > 3*time.Second {
		t.Fatalf("the drain took %s", took)
	}
}
