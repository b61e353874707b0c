package plugins_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

// keep runs a keeper until the test ends.
func (r *rig) keep(t *testing.T) *plugins.Keeper {
	t.Helper()
	k := plugins.NewKeeper(r.cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = k.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return k
}

func query(k *plugins.Keeper, account string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := k.Query(ctx, plugins.QueryRequest{Account: account, Kind: recon.KindPayment, ID: "P1", Order: "P1"})
	return err
}

// TestKeeperStartsAgain ends the process in every way; the call under way fails and names the adapter, the next one works.
func TestKeeperStartsAgain(t *testing.T) {
	rig := newRig(t)
	rig.cfg.Path = copyOf(t, badAdapter)
	rig.cfg.Timing.Restart, rig.cfg.Timing.Query = 10*time.Millisecond, 500*time.Millisecond
	k := rig.keep(t)
	if err := query(k, ""); err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{"kill", "hang", "other"} {
		err := query(k, how)
		if pe, ok := errors.AsType[*plugins.ProcessError](err); !ok || pe.Adapter != "bad" {
			t.Fatalf("%s: got %v", how, err)
		}
		if err := query(k, ""); err != nil {
			t.Fatalf("after %s: %v", how, err)
		}
	}
	for _, pid := range running(t, rig.cfg.Path) { // from outside, with nothing under way
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(5 * time.Second)
	for query(k, "") != nil && time.Now().Before(deadline) { // the first call may still meet the dead one
		time.Sleep(10 * time.Millisecond)
	}
	if err := query(k, ""); err != nil {
		t.Fatal(err)
	}
	if n := rig.counter(t, "touchstone_adapter_starts_total", ""); n != 5 {
		t.Errorf("starts_total %v", n)
	}
	if n := len(running(t, rig.cfg.Path)); n != 1 {
		t.Errorf("%d processes run", n)
	}
}

// TestKeeperOfABrokenBinaryIsPatient never gets a process; calls say why, and do not wait for ever.
func TestKeeperOfABrokenBinaryIsPatient(t *testing.T) {
	rig := newRig(t)
	rig.cfg.SHA256 = strings.Repeat("0", 64)
	rig.cfg.Timing.Restart, rig.cfg.Timing.Start = 50*time.Millisecond, 500*time.Millisecond
	k := rig.keep(t)
	begin := time.Now()
	err := query(k, "")
	if !errors.Is(err, plugins.ErrChecksum) || !strings.HasPrefix(err.Error(), "adapter bad: start: ") || time.Since(begin) > 3*time.Second {
		t.Errorf("got %v after %v", err, time.Since(begin))
	}
	if n := rig.counter(t, "touchstone_adapter_failures_total", plugins.OpStart); n < 2 || n > 6 {
		t.Errorf("%v starts were tried in half a second: the pause does not grow", n)
	}
}

// TestSwapIsWhole changes the configuration under load: every call is of one process or of the other.
func TestSwapIsWhole(t *testing.T) {
	rig := newRig(t)
	rig.cfg.Timing.Restart = time.Millisecond
	k := rig.keep(t)
	env := func() string {
		var out bytes.Buffer
		if _, err := k.Fetch(t.Context(), plugins.FetchRequest{Kind: "env"}, &out); err != nil {
			return err.Error()
		}
		return out.String()
	}
	rig.cfg.Secrets = map[string]string{"PROFILE": "first"}
	k.Swap(rig.cfg)
	waitFor(t, func() bool { return strings.Contains(env(), "PROFILE=first") })
	rig.cfg.Secrets = map[string]string{"PROFILE": "second"}
	k.Swap(rig.cfg)
	waitFor(t, func() bool { return strings.Contains(env(), "PROFILE=second") })
}

// TestSwapDuringAStart changes the configuration while a process starts that nobody can call yet.
func TestSwapDuringAStart(t *testing.T) {
	rig := newRig(t)
	rig.cfg.Timing.Restart = time.Millisecond
	rig.cfg.Secrets = map[string]string{"BADADAPTER_START": "late"}
	k := rig.keep(t)
	for range 2000 {
		if len(running(t, rig.cfg.Path)) > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	rig.cfg.Secrets = map[string]string{"PROFILE": "late"}
	k.Swap(rig.cfg)
	waitFor(t, func() bool {
		var out bytes.Buffer
		_, err := k.Fetch(t.Context(), plugins.FetchRequest{Kind: "env"}, &out)
		return err == nil && strings.Contains(out.String(), "PROFILE=late")
	})
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come")
		}
	}
}

func TestFleet(t *testing.T) {
	rig := newRig(t)
	folder := t.TempDir()
	data, err := os.ReadFile(badAdapter)
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{
		"touchstone-adapter-one": 0o755, "touchstone-adapter-two": 0o755, "touchstone-adapter-stranger": 0o755,
		"touchstone-adapter-readme": 0o644, "something": 0o755,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), data, mode); err != nil {
			t.Fatal(err)
		}
	}
	found, err := plugins.Discover(folder)
	if err != nil || len(found) != 3 || found[0].Name != "one" || found[1].Name != "stranger" {
		t.Fatalf("found %+v, %v", found, err)
	}
	pins := map[string]string{"one": rig.cfg.SHA256, "two": rig.cfg.SHA256}
	if _, err := plugins.NewFleet(folder, map[string]string{"one": strings.Repeat("1", 64), "three": rig.cfg.SHA256}, rig.cfg, nil); !errors.Is(err, plugins.ErrChecksum) || !strings.Contains(err.Error(), "adapter three") {
		t.Errorf("wrong pins: got %v", err)
	}
	fleet, err := plugins.NewFleet(folder, pins, rig.cfg, func(name string, cfg *plugins.HostConfig) { cfg.Secrets = map[string]string{"WHO": name} })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { _ = fleet.Run(ctx) })
	for _, name := range fleet.Names() {
		k, err := fleet.Adapter(name)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if _, err := k.Fetch(ctx, plugins.FetchRequest{Kind: "env"}, &out); err != nil || !strings.Contains(out.String(), "WHO="+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := fleet.Adapter("stranger"); err == nil {
		t.Error("a binary that nobody pinned runs")
	}
	cancel()
	run.Wait()
	for _, f := range found {
		waitGone(t, f.Path)
	}
	if text := rig.log.String(); !strings.Contains(text, "not pinned") || !strings.Contains(text, "adapter=stranger") {
		t.Errorf("log %.300s", text)
	}
}

func TestMappingsAreSwappedWhole(t *testing.T) {
	version, fail := 0, error(nil)
	m, err := plugins.NewMappings(func() (map[plugins.MappingKey]plugins.Settings, error) {
		version++
		text := strings.Repeat("x", version)
		return map[plugins.MappingKey]plugins.Settings{
			{Adapter: "bank"}:               {"a": text, "b": text},
			{Adapter: "bank", Account: "7"}: {"a": text, "own": text},
		}, fail
	})
	if err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for {
				s, ok := m.Settings("bank", "1")
				if !ok || s["a"] != s["b"] || s["a"] == "" {
					t.Errorf("half of a version: %v", s)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for range 100 {
		if err := m.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	readers.Wait()
	s, _ := m.Settings("bank", "7")
	if s["own"] == "" {
		t.Errorf("an account's own settings: %v", s)
	}
	s["own"] = "changed by its reader"
	fail = errors.New("line 3")
	if err := m.Reload(); !errors.Is(err, fail) {
		t.Errorf("got %v", err)
	}
	if s, _ := m.Settings("bank", "7"); s["own"] != strings.Repeat("x", 101) {
		t.Errorf("after a failed reload: %d", len(s["own"]))
	}
	if _, ok := m.Settings("none", "7"); ok {
		t.Error("settings of an adapter that has none")
	}
}
