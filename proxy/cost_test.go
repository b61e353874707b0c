//go:build !race

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
	"time"

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

	sampled bool
}

func newCheapRig(t *testing.T, perMillion uint32) *cheapRig {
	body := fmt.Sprintf(`{"order_id":"P1","amount":{"total":"100.00"},"note":%q}`, strings.Repeat("x", 900))
	r := &cheapRig{t: t, count: &tallied{}, body: body, sampled: perMillion > 0}
	rig := newRig(t, func(c *Config, d *Deps) {
		c.ByLibrary = false
		c.Upstream, c.Candidate = cheapService(t, body), cheapService(t, body)
		c.Slice.PerMillion = perMillion
		d.Publisher = r.count
	})
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

// posts sends requests, and waits for the verdict of each that is sampled.
func (r *cheapRig) posts(n int) {
	for range n {
		r.post()
		for deadline := time.Now().Add(5 * time.Second); r.sampled && r.count.closed.Load() < int64(r.next); runtime.Gosched() {
			if time.Now().After(deadline) {
				r.t.Fatalf("%d of %d samples are closed", r.count.closed.Load(), r.next)
			}
		}
	}
}

// TestGarbageOfARequest holds what a request leaves to the garbage collector to a bound: half of what processor time a
// mirrored request took, beyond the kernel's, went there once. The bounds leave room for a pool that was emptied.
func TestGarbageOfARequest(t *testing.T) {
	for _, c := range []struct {
		name       string
		perMillion uint32
		allocs     float64
		bytes      float64
	}{{"forwarded", 0, 12, 1000}, {"mirrored and compared", shadow.PerMillion, 45, 4000}} {
		t.Run(c.name, func(t *testing.T) {
			r := newCheapRig(t, c.perMillion)
			r.posts(100)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			const n = 500
			r.posts(n)
			runtime.ReadMemStats(&after)
			allocs, bytes := float64(after.Mallocs-before.Mallocs)/n, float64(after.TotalAlloc-before.TotalAlloc)/n
			if allocs > c.allocs || bytes > c.bytes {
				t.Errorf("%.1f allocations with %.0f bytes a request, at most %.0f and %.0f are expected", allocs, bytes, c.allocs, c.bytes)
			}
			if c.perMillion > 0 && r.count.matched.Load() != int64(r.next) {
				t.Errorf("%d of %d samples match", r.count.matched.Load(), r.next)
			}
		})
	}
}
