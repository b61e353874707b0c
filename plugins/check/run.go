package check

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/plugins"
)

// Config says what to test. Exactly one of Binary and Adapter is set.
type Config struct {
	Binary   string            // path of the built adapter
	Env      []string          // names of variables it needs
	Adapter  plugins.Adapter   // or the adapter itself
	Secrets  map[string]string // further variables it needs
	Log      io.Writer         // gets what it writes to standard error; nil: nobody does
	Fixtures []Fixture
	Update   bool // write the goldens instead of comparing
}

// patience bounds how long an adapter may take to obey a cancellation or a deadline.
const patience = 3 * time.Second

// Run puts the adapter through the whole suite. Its error is an adapter that does not even start; broken promises are in
// the report.
func Run(ctx context.Context, cfg Config) (Report, error) {
	host, err := start(ctx, cfg)
	if err != nil {
		return Report{}, err
	}
	defer host.Close()
	r := &Report{Description: host.Description()}
	r.step(ctx, "describe", func(t *Step) { describe(t, host) })
	r.step(ctx, "unknown kind", func(t *Step) { unknownKind(t, host) })
	for _, f := range cfg.Fixtures {
		r.step(ctx, "decode "+f.Name, func(t *Step) { f.decode(t, host, cfg.Update) })
	}
	for _, kind := range host.Description().Kinds {
		r.step(ctx, "cancellation "+kind.Name, func(t *Step) { cancellation(t, host, kind.Name) })
		r.step(ctx, "deadline "+kind.Name, func(t *Step) { deadline(t, host, kind.Name) })
	}
	r.step(ctx, "still serves", func(t *Step) { describe(t, host) })
	return *r, nil
}

func start(ctx context.Context, cfg Config) (*plugins.Host, error) {
	log := cfg.Log
	if log == nil {
		log = io.Discard
	}
	hostCfg := plugins.HostConfig{
		Name: "adapter under test", Path: cfg.Binary, Env: cfg.Env, Secrets: cfg.Secrets,
		Logger: slog.New(slog.NewTextHandler(log, nil)), Metrics: plugins.NewMetrics(prometheus.NewRegistry()),
	}
	if (cfg.Binary == "") == (cfg.Adapter == nil) {
		return nil, errors.New("set exactly one of Binary and Adapter")
	}
	if cfg.Adapter != nil {
		return plugins.Embed(ctx, cfg.Adapter, hostCfg)
	}
	var err error
	if hostCfg.SHA256, err = plugins.FileSHA256(cfg.Binary); err != nil {
		return nil, err
	}
	return plugins.Start(ctx, hostCfg)
}

// describe checks what the host does not: that names are plain, and that the answer never changes.
func describe(t *Step, host *plugins.Host) {
	d, err := host.Describe(t.ctx)
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

func unknownKind(t *Step, host *plugins.Host) {
	_, err := host.Decode(t.ctx, plugins.DecodeRequest{Kind: "no such kind"}, strings.NewReader(""), &emitted{})
	if plugins.KindOf(err) != plugins.FailureUnsupported {
		t.Errorf("decode: got %v", err)
	}
	_, err = host.Fetch(t.ctx, plugins.FetchRequest{Kind: "no such kind"}, io.Discard)
	if plugins.KindOf(err) != plugins.FailureUnsupported {
		t.Errorf("fetch: got %v", err)
	}
}

// stuck is a statement that does not go on until the call is over.
type stuck struct{ ctx context.Context }

func (s stuck) Read([]byte) (int, error) { <-s.ctx.Done(); return 0, s.ctx.Err() }

// waiting decodes a statement that never goes on, and gives what ended it.
func waiting(ctx context.Context, t *Step, host *plugins.Host, kind string) error {
	begin := time.Now()
	_, err := host.Decode(ctx, plugins.DecodeRequest{Kind: kind, File: "stuck", SHA256: strings.Repeat("0", 64)}, stuck{ctx}, &emitted{})
	if took := time.Since(begin); took > patience {
		t.Errorf("took %v to end", took)
	}
	return err
}

func cancellation(t *Step, host *plugins.Host, kind string) {
	ctx, cancel := context.WithCancel(t.ctx)
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := waiting(ctx, t, host, kind); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func deadline(t *Step, host *plugins.Host, kind string) {
	ctx, cancel := context.WithTimeout(t.ctx, 50*time.Millisecond)
	defer cancel()
	err := waiting(ctx, t, host, kind)
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, plugins.ErrDeadline) {
		t.Errorf("got %v", err)
	}
}
