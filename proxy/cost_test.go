package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// cheapService answers every request with the same bytes and makes no garbage of its own.
func cheapService(t testing.TB, answer string) *url.URL {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go answerAll(conn, []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)))
		}
	}()
	return &url.URL{Scheme: "http", Host: ln.Addr().String()}
}

func answerAll(conn net.Conn, answer []byte) {
	defer conn.Close()
	for in := bufio.NewReader(conn); skipMessage(in) == nil; {
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// skipMessage reads one message that has a length.
func skipMessage(in *bufio.Reader) error {
	for length := 0; ; {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			_, err := in.Discard(length)
			return err
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
}

// tallied counts closed samples and keeps none.
type tallied struct{ closed, matched atomic.Int64 }

func (c *tallied) Publish(e shadow.Event) {
	if e.Kind != shadow.EventClosed {
		return
	}
	if e.Evidence.Verdict.Outcome == shadow.Match {
		c.matched.Add(1)
	}
	c.closed.Add(1)
}

// cheapRig is a sidecar between such services, and one client's connection to it.
type cheapRig struct {
	t     testing.TB
	count *tallied
	conn  net.Conn
	in    *bufio.Reader
	out   []byte
	body  string
	next  int
}

func newCheapRig(t *testing.T, perMillion uint32) *cheapRig {
	body := fmt.Sprintf(`{"order_id":"P1","amount":{"total":"100.00"},"note":%q}`, strings.Repeat("x", 900))
	r := &cheapRig{t: t, count: &tallied{}, body: body}
	rig := newRig(t, func(c *Config, d *Deps) {
		c.ByLibrary = false
		c.Upstream, c.Candidate = cheapService(t, body), cheapService(t, body)
		c.Slice.PerMillion = perMillion
		d.Publisher = r.count
	})
	rig.auditor.events = nil
	conn, err := net.Dial("tcp", rig.server.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	r.conn, r.in = conn, bufio.NewReader(conn)
	return r
}

func (r *cheapRig) post() {
	r.next++
	r.out = fmt.Appendf(r.out[:0], "POST /payments HTTP/1.1\r\nHost: pay.example\r\nUser-Agent: test/1.0\r\nAccept: */*\r\nX-Order: o-%d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", r.next, len(r.body), r.body)
	if _, err := r.conn.Write(r.out); err != nil {
		r.t.Fatal(err)
	}
	if err := skipMessage(r.in); err != nil {
		r.t.Fatal(err)
	}
}

func (r *cheapRig) await() {
	for r.count.closed.Load() < int64(r.next) {
		runtime.Gosched()
	}
}

func TestCostProfile(t *testing.T) {
	for _, per := range []uint32{0, shadow.PerMillion} {
		r := newCheapRig(t, per)
		for range 100 {
			r.post()
		}
		if per > 0 {
			r.await()
		}
		var a, b runtime.MemStats
		runtime.ReadMemStats(&a)
		const n = 20000
		for range n {
			r.post()
			if per > 0 {
				r.await()
			}
		}
		runtime.ReadMemStats(&b)
		t.Logf("%d: %.1f allocs %.0f bytes", per, float64(b.Mallocs-a.Mallocs)/n, float64(b.TotalAlloc-a.TotalAlloc)/n)
	}
}
