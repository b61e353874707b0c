package wire

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

var server *mariadb.Server

func TestMain(m *testing.M) { os.Exit(mariadb.Main(m, &server, "--max-allowed-packet=64M")) }

// watcher records what sessions are told, as short lines.
type watcher struct {
	mu     sync.Mutex
	lines  []string
	refuse string // commands whose data contain it are refused
	panics bool
}

func (w *watcher) Open(uint64) Session { return w }

func (w *watcher) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, fmt.Sprintf(format, args...))
}

func (w *watcher) seen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.lines)
}

func (w *watcher) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.lines
	w.lines = nil
	return out
}

func (w *watcher) OnCommand(cmd *Command) *Refusal {
	if w.panics && cmd.Code == ComQuery {
		panic("watcher")
	}
	if w.refuse != "" && bytes.Contains(cmd.Data, []byte(w.refuse)) {
		return &Refusal{Code: 1142, State: "42000", Text: "no " + w.refuse}
	}
	return nil
}

func (w *watcher) OnResult(cmd *Command, res *Result) {
	line := fmt.Sprintf("%#x", cmd.Code)
	if res.Refused {
		line += " refused"
	}
	for _, p := range res.Parts {
		switch {
		case p.Err != nil:
			line += fmt.Sprintf(" err%d", p.Err.Code)
		case p.Rows:
			line += " rows"
		default:
			line += fmt.Sprintf(" ok%d/%d", p.Affected, p.LastInsertID)
		}
	}
	if res.Prepared != nil {
		line += fmt.Sprintf(" params%d", res.Prepared.Params)
	}
	w.note("%s", line)
}

func (w *watcher) OnPanic() { w.note("panic") }

func (w *watcher) OnSent() {}

func (w *watcher) OnClose(left []*Command) {
	if len(left) > 0 {
		w.note("unanswered %d", len(left))
	}
}

// relay starts a port in front of the shared server.
func relay(t *testing.T, w *watcher, change func(*Config)) (*Server, func()) {
	t.Helper()
	cfg := Config{Port: "test", Listen: "127.0.0.1:0", Upstream: server.Addr, Sessions: w, DrainTimeout: 100 * time.Millisecond,
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()}
	if change != nil {
		change(&cfg)
	}
	s := New(cfg)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the port did not end")
		}
	})
	t.Cleanup(stop)
	return s, stop
}

func open(t *testing.T, addr string, change func(*mysql.Config)) *sql.DB {
	t.Helper()
	cfg := server.Config("")
	cfg.Addr = addr
	if change != nil {
		change(cfg)
	}
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

// raw is a client that sends packets by hand.
type raw struct {
	t    *testing.T
	conn net.Conn
	src  *source
}

const rawCaps = capProtocol41 | capSecureConnection | capMultiStatements | 1<<17 | 1<<19 | 1 | 2

// dial logs in as root without a password. Extra capabilities are asked for.
func dial(t *testing.T, addr string, extra uint32) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(8 * time.Second))
	c := &raw{t: t, conn: conn, src: newSource(conn, newSink(io.Discard, true))}
	c.read()
	body := binary.LittleEndian.AppendUint32(nil, rawCaps|extra)
	body = append(binary.LittleEndian.AppendUint32(body, 64<<20), 45)
	body = append(body, make([]byte, 23)...)
	body = append(body, "root\x00\x00mysql_native_password\x00"...)
	c.send(1, body)
	return c
}

func (c *raw) send(seq byte, body []byte) {
	c.t.Helper()
	h := header{len(body), seq}.bytes()
	if _, err := c.conn.Write(append(h[:], body...)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *raw) command(code byte, data string) { c.send(0, append([]byte{code}, data...)) }

// read gives the next packet; nil when the connection is closed.
func (c *raw) read() []byte {
	c.t.Helper()
	h, err := c.src.peekHeader()
	if err != nil {
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			c.t.Fatal("no answer")
		}
		return nil
	}
	b, err := c.src.take(h, nil, h.length)
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// rows reads a result set and gives how many rows came before its end.
func (c *raw) rows(deprecated bool) (n int) {
	columns := int(c.read()[0])
	for range columns {
		c.read()
	}
	if !deprecated {
		c.read()
	}
	for b := c.read(); b[0] != markEOF; b = c.read() {
		n++
	}
	return n
}

func want(t *testing.T, w *watcher, lines ...string) {
	t.Helper()
	got := w.take()
	if strings.Join(got, "; ") != strings.Join(lines, "; ") {
		t.Fatalf("got  %q\nwant %q", got, lines)
	}
}
