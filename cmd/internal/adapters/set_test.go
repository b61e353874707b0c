package adapters

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/plugins"
)

// bin is the folder with the generic adapter, built once.
var bin string

func TestMain(m *testing.M) { os.Exit(build(m)) }

func build(m *testing.M) int {
	var err error
	if bin, err = os.MkdirTemp("", "adapters-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(bin) // a leftover does no harm
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, "touchstone-adapter-bank"), "../../../plugins/bank").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the generic adapter: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// place is a folder with the files of a Set.
type place struct {
	folder            string
	profile, mappings string
	registry          *prometheus.Registry
	cfg               Config
}

func newPlace(t *testing.T) *place {
	t.Helper()
	folder := t.TempDir()
	p := &place{folder: folder, profile: filepath.Join(folder, "bank.json"), mappings: filepath.Join(folder, "mappings.yaml")}
	p.writeProfile(t, "trade")
	p.writeMappings(t, "one.example")
	p.registry = prometheus.NewRegistry()
	pin, err := plugins.FileSHA256(filepath.Join(bin, "touchstone-adapter-bank"))
	if err != nil {
		t.Fatal(err)
	}
	p.cfg = Config{
		Adapters: &config.Adapters{
			Folder: config.Path(bin), Mappings: config.Path(p.mappings),
			Run: []config.Adapter{{Name: "bank", SHA256: pin, ProfileFile: config.Path(p.profile), Memory: 2 << 30, CPUs: 1}},
		},
		Every: time.Hour, Timing: plugins.Timing{Restart: 20 * time.Millisecond},
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: NewMetrics(p.registry),
	}
	return p
}

// reloads reads the counter of an outcome.
func (p *place) reloads(t *testing.T, outcome string) (n float64) {
	t.Helper()
	families, err := p.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "touchstone_adapter_reloads_total" && m.GetLabel()[0].GetValue() == outcome {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}

// writeProfile writes one that is built in, with another name of its statement.
func (p *place) writeProfile(t *testing.T, kind string) {
	t.Helper()
	text, err := os.ReadFile("../../../plugins/profile/profiles/bocom.json")
	if err != nil {
		t.Fatal(err)
	}
	write(t, p.profile, strings.Replace(string(text), `"name": "trade"`, fmt.Sprintf("%q: %q", "name", kind), 1))
}

func (p *place) writeMappings(t *testing.T, host string) {
	t.Helper()
	write(t, p.mappings, fmt.Sprintf("mappings:\n- {adapter: bank, account: A1, settings: {host: %s, path: /a1}}\n- {adapter: bank, settings: {host: %s}}\n", host, host))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (p *place) run(t *testing.T) (*Set, *plugins.Keeper) {
	t.Helper()
	s, err := New(p.cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	k, err := s.Adapter("bank")
	if err != nil {
		t.Fatal(err)
	}
	return s, k
}

// kind asks the process what statement it knows: the proof of which profile it runs with.
func kind(t *testing.T, k *plugins.Keeper) string {
	t.Helper()
	d, err := k.Describe(t.Context())
	if err != nil {
		return err.Error()
	}
	return d.Kinds[0].Name
}

// until waits for what a reload or a start does.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within 15 s: " + what)
		}
	}
}

func host(s *Set, account string) string {
	return s.Settings("bank", account, plugins.Settings{"port": "22"})["host"]
}

func TestSettingsOfAccounts(t *testing.T) {
	p := newPlace(t)
	s, err := New(p.cfg)
	if err != nil {
		t.Fatal(err)
	}
	got := s.Settings("bank", "A1", plugins.Settings{"path": "/said"})
	if got["host"] != "one.example" || got["path"] != "/said" {
		t.Errorf("of A1: %v", got)
	}
	if got := s.Settings("bank", "A2", nil); got["host"] != "one.example" || got["path"] != "" {
		t.Errorf("of another account: %v", got)
	}
	if got := s.Settings("wechat", "A1", plugins.Settings{"x": "y"}); len(got) != 1 {
		t.Errorf("of another adapter: %v", got)
	}
}

// TestReloads changes the files as people do, and tells the process or lets it notice.
func TestReloads(t *testing.T) {
	for name, tell := range map[string]func(t *testing.T, p *place){
		"a file changes": func(_ *testing.T, p *place) { p.cfg.Every = 20 * time.Millisecond },
		"hangup":         func(*testing.T, *place) {},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			tell(t, p)
			hangup := func() {
				if name == "hangup" {
					if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
						t.Fatal(err)
					}
				}
			}
			s, k := p.run(t)
			until(t, "the adapter runs", func() bool { return kind(t, k) == "trade" })
			p.writeProfile(t, "deals")
			p.writeMappings(t, "another.example")
			hangup()
			until(t, "the settings are new", func() bool { return host(s, "A1") == "another.example" })
			until(t, "the adapter has the new profile", func() bool { return kind(t, k) == "deals" })
			write(t, p.mappings, "mappings:\n- {adapter: bank, settings: {host: third.example}}\n- {adapter: nobody, settings: {host: x}}\n")
			p.writeProfile(t, "never")
			hangup()
			until(t, "the broken file is refused", func() bool { return p.reloads(t, outcomeRefused) > 0 })
			if got := host(s, "A1"); got != "another.example" {
				t.Errorf("after a refused reload the host is %q", got)
			}
			if got := kind(t, k); got != "deals" {
				t.Errorf("after a refused reload the profile's statement is %q", got)
			}
		})
	}
}

// TestAdapterStartsAgain kills the process twice; the next call works each time.
func TestAdapterStartsAgain(t *testing.T) {
	_, k := newPlace(t).run(t)
	for range 2 {
		until(t, "the adapter runs", func() bool { return kind(t, k) == "trade" })
		killed := 0
		for _, pid := range running(t) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			killed++
		}
		if killed == 0 {
			t.Fatal("no process of the adapter was seen: the test could not fail")
		}
	}
	until(t, "the adapter runs again", func() bool { return kind(t, k) == "trade" })
}

// running gives the processes of this test's own binary.
func running(t *testing.T) (pids []int) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != filepath.Join(bin, "touchstone-adapter-bank") {
			continue // gone meanwhile, or another program
		}
		var pid int
		if _, err := fmt.Sscanf(link, "/proc/%d/exe", &pid); err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

func TestRefused(t *testing.T) {
	tests := map[string]struct {
		change func(t *testing.T, p *place)
		want   string
	}{
		"another binary":        {func(_ *testing.T, p *place) { p.cfg.Adapters.Run[0].SHA256 = strings.Repeat("0", 64) }, "pinned is 000"},
		"no such binary":        {func(_ *testing.T, p *place) { p.cfg.Adapters.Run[0].Name = "post" }, "no touchstone-adapter-post"},
		"no such built-in":      {func(_ *testing.T, p *place) { r := &p.cfg.Adapters.Run[0]; r.ProfileFile, r.Profile = "", "bocon" }, "none is called \"bocon\""},
		"profile is no profile": {func(t *testing.T, p *place) { write(t, p.profile, "{}") }, "bank.json: profile: channel or kinds are missing"},
		"settings for nobody": {func(t *testing.T, p *place) {
			write(t, p.mappings, "mappings:\n- adapter: nobody\n  settings: {a: b}\n")
		}, "mappings.yaml:2:12: mappings[0].adapter: does not run here (got \"nobody\"); try: one of bank"},
		"an account twice": {func(t *testing.T, p *place) {
			write(t, p.mappings, "mappings:\n- {adapter: bank, settings: {a: b}}\n- {adapter: bank, settings: {a: c}}\n")
		}, "stands here a second time"},
		"a name used twice":      {func(_ *testing.T, p *place) { p.cfg.More = []plugins.HostConfig{{Name: "bank", Path: "x"}} }, "two adapters are called \"bank\""},
		"settings that are none": {func(t *testing.T, p *place) { write(t, p.mappings, "mapping: []\n") }, "mappings.yaml:1:"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			tt.change(t, p)
			if _, err := New(p.cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
