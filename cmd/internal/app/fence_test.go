package app

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
)

func opened(t *testing.T, file string) (*fence, *[]uint64) {
	t.Helper()
	f, err := openFence(file)
	if err != nil {
		t.Fatal(err)
	}
	taken := &[]uint64{}
	f.take = func(epoch uint64) error { *taken = append(*taken, epoch); return nil }
	return f, taken
}

func TestRollbackIsKeptAndNeverLowered(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rollback")
	f, taken := opened(t, file)
	for _, epoch := range []uint64{3, 2, 3, 7} {
		if err := f.raise(epoch); err != nil {
			t.Fatal(err)
		}
	}
	if len(*taken) != 2 || (*taken)[0] != 3 || (*taken)[1] != 7 {
		t.Errorf("in force were %v", *taken)
	}
	if again, _ := opened(t, file); again.at() != 7 {
		t.Errorf("after a restart the epoch is %d", again.at())
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".rollback-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.WriteFile(file, []byte("seven"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openFence(file); err == nil || !strings.Contains(err.Error(), "rollback:1:1:") {
		t.Errorf("a file that is no epoch: %v", err)
	}
}

func TestRollbackThatCannotBeKeptIsInForce(t *testing.T) {
	for name, file := range map[string]string{"no file": "", "no folder": filepath.Join(t.TempDir(), "gone", "rollback")} {
		f, taken := opened(t, file)
		if err := f.raise(5); err == nil || !strings.Contains(err.Error(), "in force") || f.at() != 5 || len(*taken) != 1 {
			t.Errorf("%s: %v, epoch %d", name, err, f.at())
		}
	}
}

func TestRollbackByHTTP(t *testing.T) {
	f, _ := opened(t, filepath.Join(t.TempDir(), "rollback"))
	var told uint64
	f.tell = func(_ context.Context, epoch uint64) error { told = epoch; return nil }
	server := httptest.NewServer(f)
	defer server.Close()
	for _, c := range []struct {
		media, body string
		status      int
		epoch       uint64
	}{
		{"application/json", `{"epoch": 5}`, 200, 5},
		{"application/json", `{"epoch": 4}`, 200, 5},
		{"application/json", `{}`, 200, 6},
		{"text/plain", `{"epoch": 9}`, 400, 6},
		{"application/json", `{"epoch": "9"}`, 400, 6},
		{"application/json", `{"epok": 9}`, 400, 6},
		{"application/json", ``, 400, 6},
	} {
		res, err := http.Post(server.URL, c.media, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.status || f.at() != c.epoch || told != c.epoch {
			t.Errorf("%s %s: %d, epoch %d, told %d", c.media, c.body, res.StatusCode, f.at(), told)
		}
	}
}

// TestRollbackOfAConfiguredTrial: without a control plane the configuration's epoch is in force, and what ends it ends it
// also when it is that epoch.
func TestRollbackOfAConfiguredTrial(t *testing.T) {
	for name, c := range map[string]struct {
		body        string
		base, epoch uint64
		halted      bool
	}{
		"the next one":                    {`{}`, 1, 2, true},
		"the next one of a later trial":   {`{}`, 7, 8, true},
		"the epoch of the trial":          {`{"epoch": 7}`, 7, 7, true},
		"an epoch that was over long ago": {`{"epoch": 6}`, 7, 6, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &sidecar{cfg: &config.Sidecar{Release: "v2", Epoch: c.base, RollbackFile: config.Path(filepath.Join(t.TempDir(), "rollback"))}}
			if err := s.rollbacks(t.Context()); err != nil {
				t.Fatal(err)
			}
			if s.slice().Halted {
				t.Fatal("halted before the rollback")
			}
			s.fence.take = func(uint64) error { return nil }
			w := httptest.NewRecorder()
			r := httptest.NewRequest("POST", "/rollback", strings.NewReader(c.body))
			r.Header.Set("Content-Type", "application/json")
			s.fence.ServeHTTP(w, r)
			if w.Code != http.StatusOK || s.fence.at() != c.epoch || s.slice().Halted != c.halted {
				t.Errorf("%d, the fence is at %d, slice %+v", w.Code, s.fence.at(), s.slice())
			}
			again := &sidecar{cfg: s.cfg}
			if err := again.rollbacks(t.Context()); err != nil || again.slice().Halted != c.halted {
				t.Errorf("after a restart: %+v, %v", again.slice(), err)
			}
		})
	}
}

// keyed is a member store that has these keys.
type keyed struct {
	deaf
	keys []string
}

func (k keyed) Watch(_ context.Context, each func(string, bool), loaded func()) error {
	for _, key := range k.keys {
		each(key, true)
	}
	loaded()
	return nil
}

func TestRollbackOfAnotherSidecar(t *testing.T) {
	var raised []uint64
	var members []string
	store := fencedStore{MemberStore: keyed{keys: []string{"AbC", "epoch.4", "epoch.x", "DeF"}}, raise: func(epoch uint64) { raised = append(raised, epoch) }}
	if err := store.Watch(t.Context(), func(key string, _ bool) { members = append(members, key) }, func() {}); err != nil {
		t.Fatal(err)
	}
	if len(raised) != 1 || raised[0] != 4 || strings.Join(members, " ") != "AbC DeF" {
		t.Errorf("raised %v, members %v", raised, members)
	}
}
