package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/test/certs"
)

func TestCurlSpeaksEveryVersion(t *testing.T) {
	set, err := certs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	plain := newRig(t, nil)
	encrypted := newRig(t, func(c *Config, _ *Deps) {
		c.TLS = set.Server.Clone()
		c.TLS.NextProtos = []string{"h2", "http/1.1", "http/1.0"}
	})
	secure := strings.Replace(encrypted.server.URL, "http:", "https:", 1)
	for name, c := range map[string]struct {
		rig     *rig
		args    []string
		version string
	}{
		"HTTP/1.0":            {plain, []string{"--http1.0", plain.server.URL}, "1.0"},
		"HTTP/1.1":            {plain, []string{"--http1.1", plain.server.URL}, "1.1"},
		"h2c":                 {plain, []string{"--http2-prior-knowledge", plain.server.URL}, "2"},
		"h2c by upgrade":      {plain, []string{"--http2", plain.server.URL}, "1.1"}, // not taken: it would pass unseen
		"HTTP/1.1 over TLS":   {encrypted, []string{"--http1.1", "--cacert", set.CA, secure}, "1.1"},
		"HTTP/2 over TLS":     {encrypted, []string{"--http2", "--cacert", set.CA, secure}, "2"},
		"HTTP/1.0 over TLS":   {encrypted, []string{"--http1.0", "--cacert", set.CA, secure}, "1.0"},
		"HTTP/2, large body":  {encrypted, []string{"--http2", "--cacert", set.CA, "-d", strings.Repeat("x", 100_000), secure}, "2"},
		"HTTP/1.1, with body": {plain, []string{"--http1.1", "-d", "0123456789", plain.server.URL}, "1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(c.rig.stable.asked())
			c.args[len(c.args)-1] += "/any/1?order=" + url.QueryEscape(name)
			out := curl(t, append([]string{"-w", "\nversion %{http_version} status %{response_code}", "-H", "X-Gray_Version: forged"}, c.args...)...)
			if !strings.Contains(out, `"ok":true`) || (!strings.HasSuffix(out, "version "+c.version+" status 200") && c.version != "1.0") {
				t.Fatalf("curl said %q", out)
			}
			seen := c.rig.stable.asked()[before:]
			if len(seen) != 1 || seen[0].header.Get("Upgrade")+seen[0].header.Get("Http2-Settings")+seen[0].header.Get("X-Gray_Version") != "" || seen[0].header.Get(shadow.HeaderTag) == "" {
				t.Errorf("the stable release saw %+v", seen)
			}
		})
	}
	plain.verdicts(5)
	encrypted.verdicts(4)
}

// grpcRelease is one release of a gRPC service.
type grpcRelease struct {
	addr string
	seen chan metadata.MD
}

func newGRPCRelease(t *testing.T) *grpcRelease {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &grpcRelease{addr: ln.Addr().String(), seen: make(chan metadata.MD, 100)}
	server := grpc.NewServer(grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		g.seen <- md
		if err := grpc.SetTrailer(ctx, metadata.Pairs("x-trailer", "there")); err != nil {
			return nil, err
		}
		return next(ctx, req)
	}))
	healthpb.RegisterHealthServer(server, health.NewServer())
	go server.Serve(ln)
	t.Cleanup(server.Stop)
	return g
}

func TestGRPCWithTrailersAndStreams(t *testing.T) {
	stable, candidate := newGRPCRelease(t), newGRPCRelease(t)
	r := newRig(t, func(c *Config, _ *Deps) {
		c.Upstream.Host, c.Candidate.Host = stable.addr, candidate.addr
		c.Routes = []Route{{Name: "check", Path: "/grpc.health.v1.Health/Check", Creates: true, Mirror: true, Key: KeyRule{Source: Source{Header: "X-Order"}}}}
	})
	conn, err := grpc.NewClient(r.server.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := healthpb.NewHealthClient(conn)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-order", "P1")
	var trailer metadata.MD
	answer, err := client.Check(ctx, &healthpb.HealthCheckRequest{}, grpc.Trailer(&trailer))
	if err != nil || answer.Status != healthpb.HealthCheckResponse_SERVING || len(trailer["x-trailer"]) != 1 {
		t.Fatalf("%v, %v, trailer %v", answer, err, trailer)
	}
	const refusals = 50 // one frame each, which must not be torn
	for range refusals {
		if _, err := client.Check(ctx, &healthpb.HealthCheckRequest{Service: "nobody"}); status.Code(err) != codes.NotFound {
			t.Errorf("an error came as %v", err)
		}
	}
	r.verdicts(1 + refusals)
	for range 1 + refusals {
		a, b := <-stable.seen, <-candidate.seen
		if len(a["x-gray-version"]) != 1 || len(b["x-gray-version"]) != 1 || !strings.Contains(b["x-gray-version"][0], "side=shadow") {
			t.Errorf("stable saw %v, candidate %v", a, b)
		}
	}
	for _, e := range r.auditor.closed() {
		if e.Verdict.Outcome != shadow.Match {
			t.Errorf("%+v", e.Verdict)
		}
	}
	watching, stop := context.WithCancel(ctx)
	watch, err := client.Watch(watching, &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if first, err := watch.Recv(); err != nil || first.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("stream: %v, %v", first, err)
	}
	stop()
	if _, err := watch.Recv(); status.Code(err) != codes.Canceled {
		t.Errorf("the stream ended with %v", err)
	}
}

func TestWebsocket(t *testing.T) {
	r := newRig(t, nil)
	r.stable.answers(func(w http.ResponseWriter, q *http.Request) {
		conn, err := websocket.Accept(w, q, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		for {
			kind, data, err := conn.Read(q.Context())
			if err != nil {
				return
			}
			if err := conn.Write(q.Context(), kind, append([]byte("echo "), data...)); err != nil {
				return
			}
		}
	})
	conn, _, err := websocket.Dial(t.Context(), r.server.URL+"/any/1?order=A", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	for _, text := range []string{"a", "b\n\n", strings.Repeat("c", 30_000)} {
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := conn.Read(t.Context()); err != nil || string(got) != "echo "+text {
			t.Fatalf("%q, %v", got, err)
		}
	}
	conn.Close(websocket.StatusNormalClosure, "")
	r.expect("excluded(upgrade-or-stream)")
}

func TestEarlyHintsPass(t *testing.T) {
	r := newRig(t, nil)
	hints := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a.css>")
		w.WriteHeader(http.StatusEarlyHints)
		fmt.Fprint(w, "done")
	}
	r.stable.answers(hints)
	r.candidate.answers(hints)
	out := curl(t, "-v", r.server.URL+"/any/1?order=A")
	if !strings.Contains(out, "103 Early Hints") || !strings.Contains(out, "200 OK") || !strings.Contains(out, "done") {
		t.Errorf("curl said %s", out)
	}
	r.expect("match()")
}

// knownOfH2Spec are the cases in which a plain net/http server of Go 1.26 differs from the suite too.
var knownOfH2Spec = []string{
	"Sends invalid connection preface",
	"Sends a large size HEADERS frame that exceeds the SETTINGS_MAX_FRAME_SIZE",
	"Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE",
	"Sends a HEADERS frame that contains the connection-specific header field",
	"Sends a HEADERS frame that contains the TE header field with any value other than \"trailers\"",
}

// TestH2Spec runs the conformance suite of HTTP/2, once: it is net/http's work whichever way plain requests go.
func TestH2Spec(t *testing.T) {
	if byLibrary {
		return
	}
	r := newRig(t, nil)
	_, port, err := net.SplitHostPort(r.server.addr)
	if err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "install", "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible")
	dir := t.TempDir()
	build.Env = append(build.Environ(), "GOBIN="+dir, "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build h2spec: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "h2spec"), "-h", "127.0.0.1", "-p", port, "-o", "3").CombinedOutput()
	counts := regexp.MustCompile(`(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed`).FindStringSubmatch(string(out))
	if counts == nil {
		t.Fatalf("h2spec: %v\n%s", err, out)
	}
	t.Logf("h2spec: %s", counts[0])
	for _, failed := range regexp.MustCompile(`(?m)^\s+× \d+: (.*)$`).FindAllStringSubmatch(string(out), -1) {
		if !slices.Contains(knownOfH2Spec, failed[1]) {
			t.Errorf("%s: %s", counts[0], failed[1])
		}
	}
	if passed, err := strconv.Atoi(counts[2]); err != nil || passed < 140 {
		t.Error(counts[0])
	}
}

const goodRequest = "POST /any/1?order=A HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"

func TestSmuggledRequestsReachNobody(t *testing.T) {
	for name, bad := range map[string]string{
		"CL.TE":            "POST /any/2?order=A HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
		"TE.CL":            "POST /any/2?order=A HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n8\r\nSMUGGLED\r\n0\r\n\r\n",
		"TE.TE":            "POST /any/2?order=A HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n\r\n0\r\n\r\n",
		"bare LF":          "POST /any/2?order=A HTTP/1.1\nHost: x\nContent-Length: 0\n\n",
		"duplicate length": "POST /any/2?order=A HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
		"folded":           "POST /any/2?order=A HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
		"blank and colon":  "POST /any/2?order=A HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
	} {
		for which, before := range map[string]string{"first": "", "second": goodRequest} {
			t.Run(name+", "+which, func(t *testing.T) {
				r := newRig(t, nil)
				answer := say(t, r.server.addr, before+bad+"GET /any/smuggled?order=A HTTP/1.1\r\nHost: x\r\n\r\n")
				if strings.Count(answer, "HTTP/1.1 200") != min(len(before), 1) || strings.Count(answer, "HTTP/1.1 4") != 1 {
					t.Errorf("answered %q", answer)
				}
				if seen := r.stable.asked(); len(seen) != min(len(before), 1) {
					t.Errorf("the stable release saw %+v", seen)
				}
			})
		}
	}
}

// TestChunkExtensionsReachNobodyWhole: the head of a chunked request goes on before its chunks are there, and breaks off.
func TestChunkExtensionsReachNobodyWhole(t *testing.T) {
	r := newRig(t, nil)
	whole := make(chan error, 1)
	r.stable.answers(func(_ http.ResponseWriter, q *http.Request) {
		_, err := io.ReadAll(q.Body)
		whole <- err
	})
	answer := say(t, r.server.addr, "POST /any/1?order=A HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\nGET /any/smuggled?order=A HTTP/1.1\r\nHost: x\r\n\r\n")
	if strings.Contains(answer, "HTTP/1.1 200") {
		t.Errorf("answered %q", answer)
	}
	for _, seen := range r.stable.asked() {
		if strings.Contains(seen.uri, "smuggled") || seen.body == "abc" {
			t.Errorf("the stable release saw %+v", seen)
		}
	}
}

// say sends text and gives all that comes back until the sidecar closes.
func say(t *testing.T, addr, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(conn)
	var slow net.Error
	if errors.As(err, &slow) && slow.Timeout() {
		t.Errorf("the connection stays open after %q", out)
	}
	return string(out)
}
