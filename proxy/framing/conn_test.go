package framing

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// guarded is a net/http server whose connections are guarded. It tells what was refused.
type guarded struct {
	addr string
	mu   sync.Mutex
	why  []error
}

type guardedListener struct {
	net.Listener
	refused func(error)
}

func (l guardedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return NewConn(conn, nil, 1<<10, l.refused), nil
}

func serveGuarded(t *testing.T) *guarded {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &guarded{addr: ln.Addr().String()}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		time.Sleep(10 * time.Millisecond) // net/http reads ahead meanwhile
		fmt.Fprintf(w, "<%s %s>", r.URL.Path, body)
	})}
	go server.Serve(guardedListener{ln, func(err error) { g.mu.Lock(); g.why = append(g.why, err); g.mu.Unlock() }})
	t.Cleanup(func() { server.Close() })
	return g
}

// say sends text in pieces and gives all that comes back until the server closes.
func (g *guarded) say(t *testing.T, text string, piece int) string {
	t.Helper()
	conn, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	for rest := text; rest != ""; {
		n := min(piece, len(rest))
		if _, err := io.WriteString(conn, rest[:n]); err != nil {
			break // refused meanwhile
		}
		rest = rest[n:]
	}
	out, _ := io.ReadAll(bufio.NewReader(conn)) // a refused connection may end in a reset
	return string(out)
}

const first = "POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"

func TestGoodRequestsPassTheGuard(t *testing.T) {
	g := serveGuarded(t)
	text := first + "POST /second HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n" +
		"GET /third HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	for _, piece := range []int{1, 7, 1000} {
		got := g.say(t, text, piece)
		for _, want := range []string{"</first abc>", "</second de>", "</third >"} {
			if !strings.Contains(got, want) {
				t.Errorf("pieces of %d: no %s in %q", piece, want, got)
			}
		}
	}
	if len(g.why) != 0 {
		t.Errorf("refused: %v", g.why)
	}
}

func TestSmuggledRequestsDoNotPassTheGuard(t *testing.T) {
	for name, c := range smuggled() {
		t.Run(name, func(t *testing.T) {
			g := serveGuarded(t)
			for _, before := range []string{"", first} {
				got := g.say(t, before+c.head+"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", 1000)
				if (before != "") != strings.Contains(got, "</first abc>") || !strings.Contains(got, " 400 ") || strings.Contains(got, "smuggled") {
					t.Errorf("after %q: %q", before, got)
				}
			}
			g.mu.Lock()
			defer g.mu.Unlock()
			if len(g.why) != 2 || !errors.Is(g.why[0], c.want) {
				t.Errorf("refused for %v", g.why)
			}
		})
	}
}

func TestBadChunksDoNotPassTheGuard(t *testing.T) {
	for _, body := range []string{"3;x=y\r\nabc\r\n0\r\n\r\n", "3\nabc\r\n0\r\n\r\n", "3\r\nabcX\r\n0\r\n\r\n", "3\r\nabc\r\n0\r\nHost: b\r\n\r\n"} {
		g := serveGuarded(t)
		got := g.say(t, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"+body+"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n", 1000)
		if !slices.Contains([]int{http.StatusTeapot, http.StatusBadRequest}, status(got)) || strings.Contains(got, "smuggled") {
			t.Errorf("%q: %q", body, got)
		}
	}
}

func status(answer string) (n int) {
	fmt.Sscanf(answer, "HTTP/1.1 %d", &n)
	return n
}

func TestLongHeadsDoNotPassTheGuard(t *testing.T) {
	g := serveGuarded(t)
	got := g.say(t, "GET / HTTP/1.1\r\nHost: a\r\nX: "+strings.Repeat("a", 8<<10), 500)
	if status(got) != http.StatusBadRequest && got != "" { // a reset may overtake the answer
		t.Errorf("%q", got)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.why) != 1 || !errors.Is(g.why[0], ErrTooLong) {
		t.Errorf("refused for %v", g.why)
	}
}

func TestReleasedConnectionIsLeftAlone(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	c := NewConn(ours, []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n\x81\x05he"), 1<<10, func(err error) { t.Error(err) })
	buf := make([]byte, 100)
	n, err := c.Read(buf)
	if err != nil || !strings.HasSuffix(string(buf[:n]), "\r\n\r\n") {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	c.Release()
	go theirs.Write([]byte("llo\n"))
	got := ""
	for len(got) < len("\x81\x05hello\n") {
		n, err := c.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got += string(buf[:n])
	}
	if got != "\x81\x05hello\n" {
		t.Errorf("%q", got)
	}
}
