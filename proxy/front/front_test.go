package front

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/proxy/framing"
	"github.com/seed-3356bd69/touchstone/proxy/upstream"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// watcher passes everything on and notes how exchanges end.
type watcher struct {
	mu    sync.Mutex
	ends  []shadow.Failure
	panic bool
}

func (w *watcher) ServeHTTP(rw http.ResponseWriter, _ *http.Request) {
	rw.WriteHeader(http.StatusTeapot)
}

func (w *watcher) Plain(*Request) Passage { return w }

func (w *watcher) Passes(framing.Field) bool { return true }
func (w *watcher) Service() *upstream.Pool   { return nil }

func (w *watcher) Fields(dst []byte) []byte {
	if w.panic {
		panic("broken")
	}
	return dst
}

func (w *watcher) Answer(*framing.Head) bool { return false }

func (w *watcher) Piece([]byte) {}

func (w *watcher) End(f shadow.Failure) { w.mu.Lock(); defer w.mu.Unlock(); w.ends = append(w.ends, f) }

func (w *watcher) await(t *testing.T, n int) []shadow.Failure {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		w.mu.Lock()
		ends := w.ends
		w.mu.Unlock()
		if len(ends) >= n {
			return ends
		}
	}
	t.Fatalf("%d exchanges did not end", n)
	return nil
}

type rig struct {
	addr  string
	watch *watcher
	stop  func() error
}

// newRig starts a port before a service that treats each connection as it likes.
func newRig(t *testing.T, serve func(net.Conn), change func(*Config)) *rig {
	t.Helper()
	service, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.Close() })
	go func() {
		for {
			conn, err := service.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); serve(conn) }()
		}
	}()
	target, err := upstream.Parse(&url.URL{Scheme: "http", Host: service.Addr().String()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{watch: &watcher{}}
	cfg := Config{
		Service: upstream.NewPool(upstream.Config{Target: target}), Handler: r.watch, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
		Bounds: Bounds{Connections: 100, Streams: 10, Head: 8 << 10, Body: 16 << 10, HeadWait: 500 * time.Millisecond, Idle: 5 * time.Second, AnswerWait: 5 * time.Second, Total: 10 * time.Second, Drain: time.Second},
	}
	if change != nil {
		change(&cfg)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- New(cfg).Serve(ctx, ln) }()
	r.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { r.stop() })
	return r
}

func (r *rig) dial(t *testing.T) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	return conn, bufio.NewReader(conn)
}

// answering gives each request this text.
func answering(text string) func(net.Conn) {
	return func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			io.Copy(io.Discard, req.Body)
			if _, err := io.WriteString(conn, text); err != nil {
				return
			}
		}
	}
}

const (
	get  = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
	ok   = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
)

func TestHeadersKeepTheirFormAndOrder(t *testing.T) {
	got := make(chan string, 1)
	r := newRig(t, func(conn net.Conn) {
		buf := make([]byte, 4096)
		n, _ := conn.Read(buf)
		got <- string(buf[:n])
		io.WriteString(conn, "HTTP/1.1 299 My Reason\r\nx-ODD: 1\r\nConnection: keep-alive\r\nX-Gray-Version: inside\r\ncontent-length: 0\r\n\r\n")
		conn.Read(buf)
	}, nil)
	conn, in := r.dial(t)
	io.WriteString(conn, "POST /a%2Fb?c=d%zz HTTP/1.1\r\nHOST: a\r\nx-lower: 1\r\nX-UPPER:2\r\nConnection: keep-alive\r\nX-Forwarded-For: 10.1.1.1\r\nContent-Length: 2\r\n\r\n{}")
	want := "POST /a%2Fb?c=d%zz HTTP/1.1\r\nHOST: a\r\nx-lower: 1\r\nX-UPPER:2\r\nX-Forwarded-For: 10.1.1.1, 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}"
	if seen := <-got; seen != want {
		t.Errorf("the service saw %q", seen)
	}
	buf := make([]byte, 4096)
	n, _ := in.Read(buf)
	if want := "HTTP/1.1 299 My Reason\r\nx-ODD: 1\r\ncontent-length: 0\r\n\r\n"; string(buf[:n]) != want {
		t.Errorf("the client saw %q", buf[:n])
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	n := 0
	r := newRig(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			n++
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nX-Path: %s\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n%02d\r\n0\r\n\r\n", req.URL.Path, n)
		}
	}, nil)
	conn, in := r.dial(t)
	io.WriteString(conn, strings.Repeat(get, 20))
	for i := 1; i <= 20; i++ {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(res.Body); string(body) != fmt.Sprintf("%02d", i) {
			t.Fatalf("answer %d is %q", i, body)
		}
	}
}

func TestNothingIsSentTwiceThatMayHaveWorked(t *testing.T) {
	for name, c := range map[string]struct {
		request string
		status  int
	}{"GET": {get, 200}, "POST": {post, 502}} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			conns, asked := 0, 0
			r := newRig(t, func(conn net.Conn) {
				mu.Lock()
				conns++
				first := conns == 1
				mu.Unlock()
				in := bufio.NewReader(conn)
				for i := 0; ; i++ {
					req, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					io.Copy(io.Discard, req.Body)
					mu.Lock()
					asked++
					mu.Unlock()
					if first && i == 1 {
						return // the request was read, and the connection dies before an answer
					}
					io.WriteString(conn, ok)
				}
			}, nil)
			conn, in := r.dial(t)
			for i, want := range []int{200, c.status} {
				io.WriteString(conn, c.request)
				res, err := http.ReadResponse(in, nil)
				if err != nil || res.StatusCode != want {
					t.Fatalf("answer %d: %v, %v", i, res, err)
				}
				io.Copy(io.Discard, res.Body)
			}
			mu.Lock()
			defer mu.Unlock()
			if want := map[string]int{"GET": 3, "POST": 2}[name]; asked != want {
				t.Errorf("the service was asked %d times", asked)
			}
		})
	}
}

func TestClientThatLeavesEndsTheExchange(t *testing.T) {
	left := make(chan struct{})
	r := newRig(t, func(conn net.Conn) {
		http.ReadRequest(bufio.NewReader(conn))
		conn.Read(make([]byte, 1)) // ends when the port gives up
		close(left)
	}, nil)
	conn, _ := r.dial(t)
	io.WriteString(conn, get)
	time.Sleep(50 * time.Millisecond)
	conn.Close()
	if ends := r.watch.await(t, 1); ends[0] != shadow.FailClientGone {
		t.Errorf("ended with %q", ends[0])
	}
	<-left
}

func TestAnswersThatBreak(t *testing.T) {
	for name, c := range map[string]struct {
		answer  string
		status  int
		failure shadow.Failure
	}{
		"no answer":        {"", 502, shadow.FailReset},
		"half a head":      {"HTTP/1.1 200 OK\r\nConte", 502, shadow.FailReset},
		"both lengths":     {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 502, shadow.FailReset},
		"split":            {"HTTP/1.1 200 OK\r\nX: a\nSet-Cookie: b\r\n\r\n", 502, shadow.FailReset},
		"switch of itself": {"HTTP/1.1 101 Switching Protocols\r\n\r\n", 502, shadow.FailReset},
		"half a body":      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", 200, shadow.FailReset},
		"bad chunk":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n", 502, shadow.FailReset},
		"to the close":     {"HTTP/1.0 200 OK\r\n\r\nabc", 200, shadow.FailNone},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(conn net.Conn) {
				http.ReadRequest(bufio.NewReader(conn))
				io.WriteString(conn, c.answer)
			}, nil)
			conn, in := r.dial(t)
			io.WriteString(conn, get)
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != c.status {
				t.Errorf("status %d", res.StatusCode)
			}
			if c.status == 200 {
				if _, err := io.ReadAll(res.Body); (err == nil) != (c.failure == shadow.FailNone) {
					t.Errorf("the body ended with %v", err)
				}
			}
			if ends := r.watch.await(t, 1); ends[0] != c.failure {
				t.Errorf("ended with %q", ends[0])
			}
		})
	}
}

func TestSlowPeersAreBounded(t *testing.T) {
	r := newRig(t, func(conn net.Conn) { conn.Read(make([]byte, 4096)); time.Sleep(2 * time.Second) }, func(c *Config) {
		c.Bounds.HeadWait, c.Bounds.Idle, c.Bounds.AnswerWait = 100*time.Millisecond, 200*time.Millisecond, 300*time.Millisecond
	})
	for name, c := range map[string]struct {
		sends string
		want  string
	}{
		"nothing":     {"", ""},
		"half a head": {"GET / HTTP/1.1\r\nHo", "HTTP/1.1 408"},
		"half a body": {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{}", "HTTP/1.1 408"},
		"no answer":   {get, "HTTP/1.1 504"},
	} {
		conn, in := r.dial(t)
		io.WriteString(conn, c.sends)
		out := make([]byte, 4096)
		n, _ := in.Read(out)
		if !strings.HasPrefix(string(out[:n]), c.want) || (c.want == "" && n > 0) {
			t.Errorf("%s: %q", name, out[:n])
		}
	}
}

func TestConnectionsBeyondTheBoundWait(t *testing.T) {
	r := newRig(t, answering(ok), func(c *Config) { c.Bounds.Connections = 1 })
	first, in := r.dial(t)
	io.WriteString(first, get)
	if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != 200 {
		t.Fatal(err)
	}
	second, in2 := r.dial(t)
	io.WriteString(second, get)
	second.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := in2.Peek(1); err == nil {
		t.Fatal("the second connection was served beside the first")
	}
	first.Close()
	second.SetReadDeadline(time.Now().Add(5 * time.Second))
	if res, err := http.ReadResponse(in2, nil); err != nil || res.StatusCode != 200 {
		t.Errorf("the second connection: %v", err)
	}
}

func TestDrainFinishesWhatIsUnderWay(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	r := newRig(t, func(conn net.Conn) {
		http.ReadRequest(bufio.NewReader(conn))
		close(begun)
		<-finish
		io.WriteString(conn, ok)
	}, nil)
	_, idle := r.dial(t)
	conn, in := r.dial(t)
	io.WriteString(conn, get)
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	if _, err := idle.ReadByte(); err != io.EOF {
		t.Errorf("an idle connection ended with %v", err)
	}
	close(finish)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != 200 || !res.Close {
		t.Errorf("%v, %v", res, err)
	}
	io.Copy(io.Discard, res.Body)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestDrainCutsWhatDoesNotEnd(t *testing.T) {
	begun := make(chan struct{})
	r := newRig(t, func(conn net.Conn) {
		http.ReadRequest(bufio.NewReader(conn))
		close(begun)
		conn.Read(make([]byte, 1))
	}, func(c *Config) { c.Bounds.Drain = 100 * time.Millisecond })
	conn, in := r.dial(t)
	io.WriteString(conn, get)
	<-begun
	if err := r.stop(); err == nil {
		t.Error("nothing was cut")
	}
	if _, err := in.ReadByte(); err == nil {
		t.Error("the client got an answer")
	}
}

func TestPanicsStayOnTheirConnection(t *testing.T) {
	r := newRig(t, answering(ok), nil)
	r.watch.panic = true
	conn, in := r.dial(t)
	io.WriteString(conn, get)
	if _, err := in.ReadByte(); err == nil {
		t.Error("answered")
	}
	r.watch.await(t, 1)
	r.watch.panic = false
	again, in := r.dial(t)
	io.WriteString(again, get)
	if res, err := http.ReadResponse(in, nil); err != nil || res.StatusCode != 200 {
		t.Errorf("%v", err)
	}
}
