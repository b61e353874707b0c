package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/seed-3356bd69/touchstone/proxy/framing"
)

// nameServer is a DNS server on loopback that knows SRV records and one address.
type nameServer struct {
	mu      sync.Mutex
	records []net.SRV
	addr    string
}

func startDNS(t *testing.T, records ...net.SRV) *nameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s := &nameServer{records: records, addr: conn.LocalAddr().String()}
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if out, err := s.answer(buf[:n]); err == nil {
				conn.WriteTo(out, from)
			}
		}
	}()
	return s
}

func (s *nameServer) answer(query []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil || len(m.Questions) != 1 {
		return nil, errors.New("no question")
	}
	q := m.Questions[0]
	m.Response, m.Additionals = true, nil
	head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch q.Type {
	case dnsmessage.TypeSRV:
		for _, r := range s.records {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.SRVResource{
				Priority: r.Priority, Weight: r.Weight, Port: r.Port, Target: dnsmessage.MustNewName(r.Target)}})
		}
	case dnsmessage.TypeA:
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}})
	}
	return m.Pack()
}

func (s *nameServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", s.addr)
	}}
}

// release is a service that answers with its name, and counts.
type release struct {
	ln    net.Listener
	mu    sync.Mutex
	asked int
}

func startRelease(t *testing.T, name string) *release {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &release{ln: ln}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go r.serve(conn, name)
		}
	}()
	return r
}

func (r *release) serve(conn net.Conn, name string) {
	defer conn.Close()
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil || n == 0 {
			return
		}
		r.mu.Lock()
		r.asked++
		r.mu.Unlock()
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(name), name)
	}
}

func (r *release) port() uint16 { return netip.MustParseAddrPort(r.ln.Addr().String()).Port() }

func (r *release) count() int { r.mu.Lock(); defer r.mu.Unlock(); return r.asked }

func pool(t *testing.T, address string, dns *nameServer) *Pool {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	target, err := Parse(u, nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Target: target, Dial: time.Second}
	if dns != nil {
		cfg.Resolver = dns.resolver()
	}
	p := NewPool(cfg)
	t.Cleanup(p.CloseIdle)
	return p
}

func ask(p *Pool) (string, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var head framing.Head
	var body strings.Builder
	err := p.Exchange(ctx, time.Now().Add(5*time.Second), []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), &head, func(*framing.Head) bool { return true }, func(b []byte) bool { body.Write(b); return true })
	return body.String(), err
}

func TestWeightsAndFailoverBetweenClusters(t *testing.T) {
	near, heavy, far := startRelease(t, "near"), startRelease(t, "heavy"), startRelease(t, "far")
	dns := startDNS(t,
		net.SRV{Target: "a.test.", Port: near.port(), Priority: 1, Weight: 10},
		net.SRV{Target: "b.test.", Port: heavy.port(), Priority: 1, Weight: 30},
		net.SRV{Target: "c.test.", Port: far.port(), Priority: 2, Weight: 1})
	p := pool(t, "srv+http://_pay._tcp.test", dns)
	for range 400 {
		if _, err := ask(p); err != nil {
			t.Fatal(err)
		}
	}
	if a, b, c := near.count(), heavy.count(), far.count(); a < 50 || a > 160 || a+b != 400 || c != 0 {
		t.Errorf("near %d, heavy %d, far %d", a, b, c)
	}
	near.ln.Close()
	heavy.ln.Close()
	p.CloseIdle()
	for range 5 {
		if got, err := ask(p); err != nil || got != "far" {
			t.Errorf("with the first cluster gone: %q, %v", got, err)
		}
	}
	far.ln.Close()
	p.CloseIdle()
	if _, err := ask(p); !errors.Is(err, ErrDial) {
		t.Errorf("with nobody there: %v", err)
	}
}

func TestNameThatIsUnknown(t *testing.T) {
	p := pool(t, "srv+http://_pay._tcp.test", startDNS(t))
	if _, err := ask(p); !errors.Is(err, ErrDial) || !strings.Contains(err.Error(), "_pay._tcp.test") {
		t.Errorf("got %v", err)
	}
}

func TestConnectionClosedWhileIdleIsNotUsed(t *testing.T) {
	r := startRelease(t, "r")
	p := pool(t, "http://"+r.ln.Addr().String(), nil)
	if _, err := ask(p); err != nil {
		t.Fatal(err)
	}
	c, err := p.Get(t.Context())
	if err != nil || !c.Reused {
		t.Fatalf("the connection was not kept: %v", err)
	}
	c.Conn.(*net.TCPConn).CloseRead() // nothing can come any more: as after the service's close
	p.Put(c)
	if again, err := p.Get(t.Context()); err != nil || again == c {
		t.Errorf("a closed connection came back: %v", err)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		want   error
	}{
		"both lengths":  {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", ErrAnswer},
		"not HTTP":      {"SSH-2.0-OpenSSH\r\n\r\n", ErrAnswer},
		"bad chunk":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ErrAnswer},
		"cut head":      {"HTTP/1.1 200 OK\r\nContent-Le", errBroken},
		"cut body":      {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", errBroken},
		"endless head":  {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 200<<10), ErrAnswer},
		"to the close":  {"HTTP/1.1 200 OK\r\n\r\nabc", nil},
		"hints before":  {"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", nil},
		"asked nobody":  {"HTTP/1.1 101 Switching Protocols\r\n\r\n", ErrAnswer},
		"after another": {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb", nil},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			go func() {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				conn.Read(make([]byte, 4096))
				io.WriteString(conn, c.answer)
				conn.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, conn)
				conn.Close()
			}()
			p := pool(t, "http://"+ln.Addr().String(), nil)
			if got, err := ask(p); !errors.Is(err, c.want) || (c.want == nil && err != nil) {
				t.Errorf("%q, %v", got, err)
			}
			if c := p.Idle(); c != nil {
				t.Error("its connection was kept")
			}
		})
	}
}

func TestURLsThatNameNoService(t *testing.T) {
	for _, text := range []string{"ftp://a", "http://", "http://u:p@a", "http://a?b=c", "srv+http://_a._tcp.b:80", "srv+ftp://_a._tcp.b"} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(u, nil); !errors.Is(err, ErrURL) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// silent is a service that takes requests and answers as it is told to.
func silent(t *testing.T, answer func(net.Conn)) *Pool {
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
			t.Cleanup(func() { conn.Close() })
			go func() {
				for buf := make([]byte, 4096); ; {
					if _, err := conn.Read(buf); err != nil {
						return
					}
					answer(conn)
				}
			}()
		}
	}()
	return pool(t, "http://"+ln.Addr().String(), nil)
}

const shortAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

func exchangeWith(ctx context.Context, p *Pool, until time.Time) error {
	var head framing.Head
	return p.Exchange(ctx, until, []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), &head, func(*framing.Head) bool { return true }, func([]byte) bool { return true })
}

func TestExchangeIsCut(t *testing.T) {
	answers := make(chan bool, 1)
	answers <- true
	p := silent(t, func(c net.Conn) {
		if <-answers {
			io.WriteString(c, shortAnswer)
		}
	})
	ctx, cut := context.WithCancel(t.Context())
	if err := exchangeWith(ctx, p, time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, cut) // on the connection of the first exchange, under the same ctx
	start := time.Now()
	if err := exchangeWith(ctx, p, time.Now().Add(time.Minute)); err == nil || time.Since(start) > 5*time.Second {
		t.Errorf("cut: %v after %s", err, time.Since(start))
	}
	if err := exchangeWith(ctx, p, time.Now().Add(time.Minute)); !errors.Is(err, context.Canceled) {
		t.Errorf("after the cut: %v", err)
	}
	answers <- true
	answers <- true
	if err := exchangeWith(t.Context(), p, time.Now().Add(5*time.Second)); err != nil {
		t.Errorf("under another ctx: %v", err)
	}
}

// TestDeadlineOfAnEarlierExchange shows that each has its own: it ends neither early nor late.
func TestDeadlineOfAnEarlierExchange(t *testing.T) {
	delays := make(chan time.Duration, 3)
	p := silent(t, func(c net.Conn) {
		time.Sleep(<-delays)
		io.WriteString(c, shortAnswer)
	})
	delays <- 0
	if err := exchangeWith(t.Context(), p, time.Now().Add(200*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	delays <- 300 * time.Millisecond
	if err := exchangeWith(t.Context(), p, time.Now().Add(350*time.Millisecond)); err != nil {
		t.Errorf("cut by the deadline before: %v", err)
	}
	delays <- time.Second
	start := time.Now()
	if err := exchangeWith(t.Context(), p, start.Add(100*time.Millisecond)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) > 500*time.Millisecond {
		t.Errorf("%v after %s", err, time.Since(start))
	}
}
