package adaptertest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/plugins"
)

// Config says what to test. Exactly one of Binary and Adapter is set.
type Config struct {
	Binary   string          // path of the built adapter
	Env      []string        // names of variables it needs
	Adapter  plugins.Adapter // or the adapter itself
	Fixtures []Fixture
	Update   bool // write the goldens instead of comparing
}

// patience bounds how long an adapter may take to obey a cancellation or a deadline.
const patience = 3 * time.Second

// Run puts the adapter through the whole suite.
func Run(t *testing.T, cfg Config) {
	host := start(t, cfg)
	t.Run("describe", func(t *testing.T) { describe(t, host) })
	t.Run("unknown kind", func(t *testing.T) { unknownKind(t, host) })
	for _, f := range cfg.Fixtures {
		t.Run("decode "+f.Name, func(t *testing.T) { f.decode(t, host, cfg.Update) })
	}
	for _, kind := range host.Description().Kinds {
		t.Run("cancellation "+kind.Name, func(t *testing.T) { cancellation(t, host, kind.Name) })
		t.Run("deadline "+kind.Name, func(t *testing.T) { deadline(t, host, kind.Name) })
	}
	t.Run("still serves", func(t *testing.T) { describe(t, host) })
}

func start(t *testing.T, cfg Config) *plugins.Host {
	t.Helper()
	hostCfg := plugins.HostConfig{
		Name: "adapter under test", Path: cfg.Binary, Env: cfg.Env,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Metrics: plugins.NewMetrics(prometheus.NewRegistry()),
	}
	var host *plugins.Host
	var err error
	switch {
	case (cfg.Binary == "") == (cfg.Adapter == nil):
		t.Fatal("set exactly one of Binary and Adapter")
	case cfg.Adapter != nil:
		host, err = plugins.Embed(t.Context(), cfg.Adapter, hostCfg)
	default:
		if hostCfg.SHA256, err = plugins.FileSHA256(cfg.Binary); err == nil {
			host, err = plugins.Start(t.Context(), hostCfg)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(host.Close)
	return host
}

// describe checks what the host does not: that names are plain, and that the answer never changes.
func describe(t *testing.T, host *plugins.Host) {
	d, err := host.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{d.Name, d.Channel} {
		if name != strings.ToLower(name) || strings.ContainsAny(name, " \t\n/") {
			t.Errorf("name %q is not one plain lower-case word", name)
		}
	}
	if asJSON(t, d) != asJSON(t, host.Description()) {
		t.Error("the description changed")
	}
	for _, rule := range d.Requests {
		if rule.Method == "" || !strings.HasPrefix(rule.Path, "/") {
			t.Errorf("request rule without a method or path: %+v", rule)
		}
	}
}

func unknownKind(t *testing.T, host *plugins.Host) {
	_, err := host.Decode(t.Context(), plugins.DecodeRequest{Kind: "no such kind"}, strings.NewReader(""), &emitted{})
	if plugins.KindOf(err) != plugins.FailureUnsupported {
		t.Errorf("decode: got %v", err)
	}
	_, err = host.Fetch(t.Context(), plugins.FetchRequest{Kind: "no such kind"}, io.Discard)
	if plugins.KindOf(err) != plugins.FailureUnsupported {
		t.Errorf("fetch: got %v", err)
	}
}

// stuck is a statement that does not go on until the call is over.
type stuck struct{ ctx context.Context }

func (s stuck) Read([]byte) (int, error) { <-s.ctx.Done(); return 0, s.ctx.Err() }

// waiting decodes a statement that never goes on, and gives what ended it.
func waiting(ctx context.Context, t *testing.T, host *plugins.Host, kind string) error {
	t.Helper()
	begin := time.Now()
	_, err := host.Decode(ctx, plugins.DecodeRequest{Kind: kind, File: "stuck", SHA256: strings.Repeat("0", 64)}, stuck{ctx}, &emitted{})
	if took := time.Since(begin); took > patience {
		t.Errorf("took %v to end", took)
	}
	return err
}

func cancellation(t *testing.T, host *plugins.Host, kind string) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := waiting(ctx, t, host, kind); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func deadline(t *testing.T, host *plugins.Host, kind string) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := waiting(ctx, t, host, kind)
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, plugins.ErrDeadline) {
		t.Errorf("got %v", err)
	}
}
