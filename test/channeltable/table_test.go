package channeltable

import (
	"flag"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/profile"
)

var update = flag.Bool("update", false, "write docs/channels.md")

const page = "../../docs/channels.md"

// described builds an adapter and asks it.
func described(t *testing.T, name, profiled string) plugins.Description {
	t.Helper()
	binary := filepath.Join(t.TempDir(), name)
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../plugins/"+name)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	cfg := plugins.HostConfig{Name: name, Path: binary, Unpinned: true, Logger: slog.New(slog.DiscardHandler), Metrics: plugins.NewMetrics(prometheus.NewRegistry())}
	if profiled != "" {
		cfg.Secrets = map[string]string{profile.Variable: profiled}
	}
	h, err := plugins.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	return h.Description()
}

// TestPageSaysWhatAdaptersDo compares the page with what the built adapters describe.
func TestPageSaysWhatAdaptersDo(t *testing.T) {
	all := []plugins.Description{described(t, "wechat", ""), described(t, "alipay", ""), described(t, "unionpay", ""), described(t, "netsunion", "")}
	for _, name := range profile.Names() {
		if name == "netsunion" {
			continue
		}
		p, err := profile.BuiltIn(name)
		if err != nil {
			t.Fatal(err)
		}
		d, err := profile.New("bank", "", nil, p, nil).Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		d.Channel = "bank profile " + name
		all = append(all, d)
	}
	got := Page(all)
	if *update {
		if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(page)
	if err != nil || string(want) != got {
		t.Errorf("docs/channels.md is not what the adapters describe (%v); try: go test ./test/channeltable -update", err)
	}
}
