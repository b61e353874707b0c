package audit_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

func TestEntriesAreCanonical(t *testing.T) {
	e := entry(1)
	e.Time = time.Date(2026, 11, 27, 8, 0, 0, 123456789, time.FixedZone("", 8*3600))
	data, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"v":1,"id":"e1","time":"2026-11-27T00:00:00.123456Z","trace":"4bf92f3577b34da6a3ce929d0e0e4736","actor":"li","action":"case close","subject":"C-1","also":["B-1"],` +
		`"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","archive":"sha256/e3/b0","basis":{"amount":"1.00 CNY","reason":"渠道已补单 <ok>"}}`
	if string(data) != want {
		t.Fatalf("got  %s\nwant %s", data, want)
	}
	if back, err := audit.Decode(data); err != nil || back.ID != "e1" || !back.About("B-1") || back.About("B") {
		t.Fatalf("got %+v, %v", back, err)
	}
	for name, text := range map[string]string{
		"other order":   `{"id":"e1","v":1` + want[len(`{"v":1,"id":"e1"`):],
		"a space":       strings.Replace(want, `,"id"`, `, "id"`, 1),
		"unknown field": strings.Replace(want, `,"id"`, `,"x":1,"id"`, 1),
		"later version": strings.Replace(want, `"v":1`, `"v":2`, 1),
		"two":           want + want,
		"escaped":       strings.Replace(want, "<", `\u003c`, 1),
	} {
		if _, err := audit.Decode([]byte(text)); !errors.Is(err, audit.ErrEntry) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestIncompleteEntriesAreRefused(t *testing.T) {
	p := newPlace(t)
	l := p.open(t)
	defer closed(t, l)
	for name, spoil := range map[string]func(*audit.Entry){
		"id": func(e *audit.Entry) { e.ID = "" }, "actor": func(e *audit.Entry) { e.Actor = "" }, "action": func(e *audit.Entry) { e.Action = "" },
		"subject": func(e *audit.Entry) { e.Subject = "" }, "time": func(e *audit.Entry) { e.Time = time.Time{} }, "sha256": func(e *audit.Entry) { e.SHA256 = "abc" },
		"bytes": func(e *audit.Entry) { e.Basis["x"] = strings.Repeat("x", 40_000) },
	} {
		e := entry(1)
		spoil(&e)
		if _, err := l.AppendBatch(t.Context(), []audit.Entry{entry(2), e}); !errors.Is(err, audit.ErrEntry) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if r := p.verify(t, true); r.Size != 0 || !r.Whole() {
		t.Errorf("a refused batch left %d entries, %q", r.Size, r.Problems)
	}
}

func TestAwaitedEntriesAreCovered(t *testing.T) {
	p := newPlace(t)
	l := p.open(t)
	var group sync.WaitGroup
	places := make([]uint64, 40)
	for i := range places {
		group.Go(func() {
			var err error
			if places[i], err = l.Append(t.Context(), entry(i)); err != nil {
				t.Error(err)
			}
			r := p.verify(t, true) // beside the writer
			if r.Size <= places[i] || r.Latest <= places[i] || !r.Whole() {
				t.Errorf("entry %d acknowledged at %d; checkpoint %d, witness %d, %q", i, places[i], r.Size, r.Latest, r.Problems)
			}
		})
	}
	group.Wait()
	slices.Sort(places)
	for i, place := range places {
		if place != uint64(i) {
			t.Fatalf("places %v", places)
		}
	}
	closed(t, l)
	found, err := audit.Find(t.Context(), p.dir, verifier(t, p), "C-7")
	if err != nil || len(found) != 1 || found[0].Entry.ID != "e7" {
		t.Fatalf("got %+v, %v", found, err)
	}
	if found, err = audit.Find(t.Context(), p.dir, verifier(t, p), "B-1"); err != nil || len(found) != len(places) {
		t.Fatalf("got %d, %v", len(found), err)
	}
}

func TestSecondSequencerIsToldWhoIsFirst(t *testing.T) {
	p := newPlace(t)
	l := p.open(t)
	cfg, err := p.config()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Open(t.Context(), cfg); !errors.Is(err, audit.ErrHeld) || !strings.Contains(err.Error(), "held by test, process ") {
		t.Fatalf("got %v", err)
	}
	closed(t, l)
	closed(t, p.open(t))
}

func TestWitnessThatCannotBeReachedRefusesEntries(t *testing.T) {
	p := newPlace(t)
	cfg, err := p.config()
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	cfg.Metrics = audit.NewMetrics(reg)
	l, err := audit.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), entry(1)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(p.out, p.out+".gone"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), entry(2)); !errors.Is(err, audit.ErrUnconfirmed) {
		t.Errorf("got %v", err)
	}
	if err := os.Rename(p.out+".gone", p.out); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), entry(3)); err != nil {
		t.Error(err)
	}
	closed(t, l)
	if r := p.verify(t, true); r.Latest != 3 || !r.Whole() {
		t.Errorf("witness has %d, %q", r.Latest, r.Problems)
	}
	want := "# HELP touchstone_audit_failures_total Entries that could not be acknowledged, by where it failed; what they were for was not done.\n" +
		"# TYPE touchstone_audit_failures_total counter\ntouchstone_audit_failures_total{where=\"log\"} 0\ntouchstone_audit_failures_total{where=\"witness\"} 1\n"
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "touchstone_audit_failures_total"); err != nil {
		t.Error(err)
	}
}

// TestMachinesAreWitnessedSoon lets time go by after the last batch: nothing more comes, and the witness gets it all the same.
func TestMachinesAreWitnessedSoon(t *testing.T) {
	p, db := newPlace(t), stores.Open(t, stores.File(t))
	cfg, err := p.config()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	cfg.Now = func() time.Time { return now }
	l, err := audit.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, l)
	for i := range 2 {
		if _, err := l.AppendBatch(t.Context(), []audit.Entry{entry(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		later time.Duration
		want  uint64
	}{{9 * time.Second, 1}, {time.Second, 2}} {
		now = now.Add(c.later)
		if _, err := l.DrainOnce(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		if r := p.verify(t, true); r.Latest != c.want || r.Size != 2 {
			t.Errorf("after %s the witness has %d of %d entries, want %d", c.later, r.Latest, r.Size, c.want)
		}
	}
}

func TestTornWitnessIsMended(t *testing.T) {
	p := filled(t, 3)
	file := filepath.Join(p.out, "touchstone-audit.checkpoints")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(whole, whole[:40]...), 0o644); err != nil {
		t.Fatal(err)
	}
	l := p.open(t)
	if _, err := l.Append(t.Context(), entry(4)); err != nil {
		t.Fatal(err)
	}
	closed(t, l)
	if r := p.verify(t, true); r.Latest != 4 || !r.Whole() || len(r.Remarks) != 1 {
		t.Errorf("got %+v", r)
	}
}

func TestKeys(t *testing.T) {
	p := newPlace(t)
	if err := audit.NewKey(p.key, "test/other"); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("got %v", err)
	}
	if info, err := os.Stat(p.key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v", info, err)
	}
	if err := audit.NewKey(p.key+"2", "two words"); err == nil {
		t.Error("a name with a space")
	}
	secret, err := os.ReadFile(p.key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := audit.ReadKey(secret[:len(secret)/2]); err == nil || strings.Contains(err.Error(), string(secret[20:30])) {
		t.Errorf("got %v", err)
	}
	if _, err := audit.ReadVerifier(p.key); err == nil || strings.Contains(err.Error(), string(secret[20:30])) {
		t.Errorf("got %v", err)
	}
}

// A channel's words may be in any charset: what is written can be read again.
func TestEntryWithoutUTF8IsReadAgain(t *testing.T) {
	e := audit.Entry{
		ID: "1\xff", Time: time.Now(), Actor: "ann", Action: "case close", Subject: "c\xb0", Also: []string{"\xc4\xe3"},
		Basis: map[string]string{"why\xff": "\xba\xc3 \\ufffd", "plain": "words"},
	}
	data, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := audit.Decode(data)
	if err != nil || back.Basis["plain"] != "words" || back.Basis["why\ufffd"] != "\ufffd \\ufffd" || !back.About("c\ufffd") {
		t.Errorf("got %+v, %v of %s", back, err, data)
	}
	if e.Also[0] != "\xc4\xe3" || len(e.Basis) != 2 || e.Basis["why\xff"] == "" {
		t.Errorf("the caller's entry was changed: %+v", e)
	}
}
