package proxy

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// curl runs the real client, because it is not Go's.
func curl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "curl", append([]string{"-sS", "--max-time", "10"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("run curl (apt-get install curl): %v\n%s", err, out)
	}
	return string(out)
}

func TestCurlKeepsItsConnection(t *testing.T) {
	r := newRig(t, nil)
	out := curl(t, "-v", r.server.URL+"/any/1?order=A", r.server.URL+"/any/2?order=A")
	if !strings.Contains(out, "Re-using existing connection") || strings.Count(out, `{"ok":true,"bytes":0}`) != 2 {
		t.Fatalf("curl said\n%s", out)
	}
	r.expect("match()", "match()")
	seen := r.stable.asked()
	if seen[0].remote != seen[1].remote {
		t.Error("the connection to the stable release was not kept")
	}
}

func TestCurlChunkedUpload(t *testing.T) {
	r := newRig(t, nil)
	file := filepath.Join(t.TempDir(), "body")
	body := bytes.Repeat([]byte("0123456789abcdef"), 40_000)
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	out := curl(t, "-T", file, "-H", "Transfer-Encoding: chunked", "-H", "Expect:", r.server.URL+"/any/1?order=A")
	if out != fmt.Sprintf(`{"ok":true,"bytes":%d}`, len(body)) {
		t.Fatalf("curl got %s", out)
	}
	r.expect("match()")
	a, b := r.stable.asked()[0], r.candidate.asked()[0]
	if !a.chunked || !b.chunked || a.body != string(body) || b.body != a.body {
		t.Fatalf("stable chunked %v with %d bytes, candidate chunked %v with %d", a.chunked, len(a.body), b.chunked, len(b.body))
	}
}

func TestCurlExpectContinue(t *testing.T) {
	r := newRig(t, nil)
	out := curl(t, "-v", "-H", "Expect: 100-continue", "-d", strings.Repeat("x", 2000), r.server.URL+"/any/1?order=A")
	if !strings.Contains(out, "100 Continue") || !strings.Contains(out, `"bytes":2000`) {
		t.Fatalf("curl said\n%s", out)
	}
	r.expect("match()")
}

func TestLargeBodiesPassWhole(t *testing.T) {
	r := newRig(t, nil)
	r.stable.answers(func(w http.ResponseWriter, _ *http.Request) {
		for range 300 {
			w.Write(bytes.Repeat([]byte("y"), 100_000))
		}
	})
	_, body, _ := r.do("POST", "/any/1?order=A", strings.Repeat("x", 20_000_000))
	if len(body) != 30_000_000 || len(r.stable.asked()[0].body) != 20_000_000 {
		t.Fatalf("client got %d bytes, stable %d", len(body), len(r.stable.asked()[0].body))
	}
	r.expect("dropped(body-too-large)")
	if used := r.sidecar.budget.Used(); used != 0 {
		t.Fatalf("%d bytes are still held", used)
	}
}

func TestAnswerIsWhatTheStableReleaseSent(t *testing.T) {
	r := newRig(t, nil)
	r.stable.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"], w.Header()["Content-Type"] = nil, nil
		w.Header().Set(shadow.HeaderTag, "inside")
		w.Header().Add("X-Twice", "1")
		w.Header().Add("X-Twice", "2")
		w.WriteHeader(418)
		fmt.Fprint(w, "<html>")
	})
	direct, err := http.Get(r.stable.URL + "/any/1")
	if err != nil {
		t.Fatal(err)
	}
	direct.Body.Close()
	direct.Header.Del(shadow.HeaderTag)
	status, body, head := r.do("GET", "/any/1?order=A", "")
	if status != 418 || body != "<html>" || fmt.Sprint(head) != fmt.Sprint(direct.Header) {
		t.Fatalf("client got %d %q\n%v\nwant\n%v", status, body, head, direct.Header)
	}
}

func TestEventStreamIsFlushedAndNotCut(t *testing.T) {
	r := newRig(t, func(c *Config, _ *Deps) { c.Limits.TotalTimeout = 100 * time.Millisecond })
	more := make(chan struct{})
	r.stable.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			http.NewResponseController(w).Flush()
			<-more
		}
	})
	res, err := http.Post(r.server.URL+"/any/1?order=A", "text/plain", strings.NewReader("subscribe"))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	reader := bufio.NewReader(res.Body)
	for i := range 3 {
		line, err := reader.ReadString('\n')
		if err != nil || line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("event %d: %q, %v", i, line, err)
		}
		reader.ReadString('\n')
		time.Sleep(150 * time.Millisecond) // past the total timeout, and the upload's
		more <- struct{}{}
	}
	if _, err := reader.ReadString('\n'); err != io.EOF {
		t.Fatalf("the stream ended with %v", err)
	}
	r.expect("excluded(upgrade-or-stream)")
}

func TestCurlGetsEachEventAsItComes(t *testing.T) {
	r := newRig(t, nil)
	more := make(chan struct{})
	r.stable.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 2 {
			fmt.Fprintf(w, "data: %d\n", i)
			http.NewResponseController(w).Flush()
			<-more
		}
	})
	cmd := exec.CommandContext(t.Context(), "curl", "-sSN", "--max-time", "10", r.server.URL+"/any/1?order=A")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for i := range 2 {
		if !lines.Scan() || lines.Text() != fmt.Sprintf("data: %d", i) {
			t.Errorf("event %d: %q, %v", i, lines.Text(), lines.Err())
		}
		more <- struct{}{} // only now the service may go on
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	r.expect("excluded(upgrade-or-stream)")
}

func TestTotalTimeoutCutsAnAnswerThatIsNoStream(t *testing.T) {
	r := newRig(t, func(c *Config, _ *Deps) { c.Limits.TotalTimeout = 100 * time.Millisecond })
	r.stable.answers(func(w http.ResponseWriter, req *http.Request) {
		fmt.Fprint(w, "begin")
		http.NewResponseController(w).Flush()
		<-req.Context().Done()
	})
	res, err := http.Get(r.server.URL + "/any/1?order=A")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err == nil || string(body) != "begin" {
		t.Fatalf("client got %q, %v", body, err)
	}
	r.expect("inconclusive(stable-failed)")
}

func TestUpgradePassesAndIsNotMirrored(t *testing.T) {
	r := newRig(t, nil)
	r.stable.answers(func(w http.ResponseWriter, req *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", req.Header.Get("Upgrade"))
		io.Copy(conn, buffered)
	})
	conn, err := net.Dial("tcp", r.server.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /any/1?order=A HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	reader := bufio.NewReader(conn)
	res, err := http.ReadResponse(reader, nil)
	if err != nil || res.StatusCode != 101 || res.Header.Get("Upgrade") != "echo" {
		t.Fatalf("got %v, %v", res, err)
	}
	r.expect("excluded(upgrade-or-stream)") // while it is open
	for _, text := range []string{"hello\n", "\x00\x01 binary\n"} {
		fmt.Fprint(conn, text)
		if got, err := reader.ReadString('\n'); err != nil || got != text {
			t.Fatalf("echo %q, %v", got, err)
		}
	}
}

func TestClientThatGoesAway(t *testing.T) {
	for name, c := range map[string]string{"before the answer": "", "in the answer": "begin"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			cancelled, asked := make(chan struct{}), make(chan struct{})
			r.stable.answers(func(w http.ResponseWriter, req *http.Request) {
				fmt.Fprint(w, c)
				if c != "" {
					http.NewResponseController(w).Flush()
				}
				close(asked)
				<-req.Context().Done()
				close(cancelled)
			})
			conn, err := net.Dial("tcp", r.server.addr)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprint(conn, "POST /any/1?order=A HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
			<-asked
			conn.Close()
			select {
			case <-cancelled:
			case <-time.After(5 * time.Second):
				t.Fatal("the stable request was not cancelled")
			}
			r.expect("inconclusive(client-gone)")
			r.stable.answers(nil)
			r.do("GET", "/any/2?order=A", "")
			r.expect("inconclusive(client-gone)", "inconclusive(tainted)")
		})
	}
}

func TestStableThatAnswersWithoutReading(t *testing.T) {
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	r := newRig(t, func(c *Config, _ *Deps) {
		c.Limits.MaxBody, c.Limits.TotalTimeout = 64<<20, 200*time.Millisecond
		c.Upstream.Host = raw.Addr().String()
	})
	go func() {
		conn, err := raw.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		http.ReadRequest(bufio.NewReaderSize(conn, 16))
		fmt.Fprint(conn, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
		time.Sleep(200 * time.Millisecond)
	}()
	conn, err := net.Dial("tcp", r.server.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "POST /any/1?order=A HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\nonly the beginning")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || res.StatusCode != 413 {
		t.Fatalf("got %v, %v", res, err)
	}
	r.expect("inconclusive(truncated)")
}

func TestAnswerDoesNotWaitForTheCandidate(t *testing.T) {
	r := newRig(t, nil)
	g := gate{make(chan struct{})}
	r.candidate.answers(g.ServeHTTP)
	sum := sha256.New()
	for i := range 5 {
		_, body, _ := r.do("POST", "/any/1?order=A", fmt.Sprint(i))
		io.WriteString(sum, body)
	}
	if n := len(r.auditor.closed()); n != 0 {
		t.Fatalf("%d samples were closed before their shadow run", n)
	}
	close(g.open)
	r.verdicts(5)
}

func TestConnectionOutlivesTheTimeoutOfAnUpload(t *testing.T) {
	r := newRig(t, func(c *Config, _ *Deps) { c.Limits.TotalTimeout = 50 * time.Millisecond })
	conn, err := net.Dial("tcp", r.server.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	reader := bufio.NewReader(conn)
	for i := range 2 {
		fmt.Fprint(conn, "POST /any/1?order=A HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
		res, err := http.ReadResponse(reader, nil)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("request %d: %v, %v", i+1, res, err)
		}
		io.Copy(io.Discard, res.Body)
		time.Sleep(50*time.Millisecond + 2*readSlack)
	}
	r.expect("match()", "match()")
}
