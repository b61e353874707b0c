package batch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// large makes books and a bill of several parts, with breaks.
func large(rng *rand.Rand) (ours, theirs string) {
	var a, b []string
	for i := range 25_000 {
		amount := rng.IntN(100_000)
		row := func(amount int) string { return fmt.Sprintf("P%012d %d.%02d", i, amount/100, amount%100) }
		switch rng.IntN(2000) {
		case 0:
			a = append(a, row(amount))
		case 1:
			b = append(b, row(amount))
		case 2:
			a, b = append(a, row(amount)), append(b, row(amount+1))
		default:
			a, b = append(a, row(amount)), append(b, row(amount))
		}
	}
	return file(a...), file(b...)
}

// largeRig is a rig with a large day, done in parts unless whole.
func largeRig(t *testing.T, seed uint64, ruled, whole bool) *rig {
	t.Helper()
	r := newRig(t, stores.Open(t, stores.File(t)))
	ours, theirs := large(rand.New(rand.NewPCG(seed, 0)))
	r.books.write(t, day, ours)
	r.channel.sends(theirs)
	if ruled {
		r.Profiles[0].Rules = contract()
	}
	if !whole {
		r.Shards = &batch.Shards{Above: 100_000, Folder: filepath.Join(t.TempDir(), "shards"), PartSize: 128 << 10}
		r.Metrics = batch.NewMetrics(prometheus.NewRegistry())
	}
	return r
}

// outcome is the result and what is open, but for how long it took.
func (r *rig) outcome(t *testing.T) string {
	t.Helper()
	line := r.line(t)
	if line.Latest == nil || line.Latest.Result == nil {
		t.Fatalf("no result: %s", line.String())
	}
	result := *line.Latest.Result
	result.Took = 0
	text, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + strings.Join(r.cases(t), "\n")
}

// shardFiles lists what is in the folder of parts.
func (r *rig) shardFiles(t *testing.T) (names []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(r.Shards.Folder, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestLargeBatchInParts has a batch end early again and again, and go on each time with what is there. With rules or
// without, its result is the one of a batch that is done as a whole.
func TestLargeBatchInParts(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for _, ruled := range []bool{false, true} {
		t.Run(fmt.Sprint("rules ", ruled), func(t *testing.T) {
			whole := largeRig(t, seed, ruled, true)
			whole.look(t, "12:00")
			want := whole.outcome(t)
			r, rng := largeRig(t, seed, ruled, false), rand.New(rand.NewPCG(seed, 1))
			r.now = at("12:00")
			runs, most := 1, 0
			for ; ; runs++ {
				ctx, stop := context.WithCancel(t.Context())
				more := 1 + rng.IntN(4)
				if rng.IntN(2) == 0 {
					r.Shards.Put = func(context.Context, string, []byte) error { return errors.New("no queue") }
				}
				watched := make(chan struct{})
				go func() { // it ends once some more parts are there
					defer close(watched)
					for begun := len(r.shardFiles(t)); ctx.Err() == nil; time.Sleep(time.Millisecond) {
						if len(r.shardFiles(t))-begun >= more {
							stop()
						}
					}
				}()
				_, err := r.Advance(ctx, r.id)
				stop()
				<-watched
				if err == nil {
					break
				}
				if !errors.Is(err, context.Canceled) || runs > 100 {
					t.Fatalf("run %d: %v", runs, err)
				}
				most = max(most, len(r.shardFiles(t)))
			}
			if got := r.outcome(t); got != want {
				t.Errorf("in parts:\n%s\nas a whole:\n%s", got, want)
			}
			if runs < 2 || most < 4 || strings.Count(want, "P0") == 0 {
				t.Errorf("%d runs, at most %d files of parts, result %s", runs, most, want)
			}
			if left := r.shardFiles(t); len(left) > 0 {
				t.Errorf("%v stay", left)
			}
		})
	}
}

// TestPartsOfOtherWorkers stops a worker once it offered the parts. Other workers do them: one that is configured alike does,
// one that compares other fields, or knows no parts, refuses.
func TestPartsOfOtherWorkers(t *testing.T) {
	r := largeRig(t, 1, false, false)
	r.now = at("12:00")
	var items []batch.Item
	ctx, stop := context.WithCancel(t.Context())
	r.Shards.Put = func(_ context.Context, name string, item []byte) error {
		i, is, err := batch.ParseItem(string(item))
		if err != nil || !is || name != string(item) {
			t.Errorf("put %q as %q: %v", item, name, err)
		}
		items = append(items, i)
		stop()
		return nil
	}
	if _, err := r.Advance(ctx, r.id); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if len(items) < 8 || items[0].Part != (match.Part{Stage: match.StageScan}) {
		t.Fatalf("offered were %v", items)
	}
	worker := func(reg *prometheus.Registry, change func(*batch.Runner, *batch.Profile)) *batch.Runner {
		other, profile := *r.Runner, *r.Profiles[0]
		other.Shards = &batch.Shards{Above: r.Shards.Above, Folder: r.Shards.Folder, PartSize: r.Shards.PartSize}
		other.Metrics, other.Profiles = batch.NewMetrics(reg), []*batch.Profile{&profile}
		change(&other, &profile)
		t.Cleanup(func() {
			if err := other.Shards.CloseIdle(time.Time{}); err != nil {
				t.Error(err)
			}
		})
		return &other
	}
	for name, change := range map[string]func(*batch.Runner, *batch.Profile){
		"other fields": func(_ *batch.Runner, p *batch.Profile) { p.Compared = entry.CompareTime }, "no parts": func(w *batch.Runner, _ *batch.Profile) { w.Shards = nil },
	} {
		reg := prometheus.NewRegistry()
		err := worker(reg, change).DoPart(t.Context(), items[0])
		if err == nil || !strings.Contains(err.Error(), "try: the same") || parts(t, reg, "refused") != 1 {
			t.Errorf("%s: %v, %v refused", name, err, parts(t, reg, "refused"))
		}
	}
	reg := prometheus.NewRegistry()
	alike := worker(reg, func(*batch.Runner, *batch.Profile) {})
	for _, i := range items {
		if err := alike.DoPart(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	if n := parts(t, reg, "done"); n != len(items) {
		t.Errorf("%d of %d parts were done", n, len(items))
	}
	if err := alike.DoPart(t.Context(), batch.Item{ID: r.id, Part: match.Part{Stage: match.StageScan, N: 99}}); err == nil {
		t.Error("a part that the plan has not was done")
	}
	r.Shards.Put = nil
	if _, err := r.Advance(t.Context(), r.id); err != nil {
		t.Fatal(err)
	}
	if err := alike.DoPart(t.Context(), items[0]); err != nil {
		t.Errorf("a part of a batch that is over: %v", err)
	}
	whole := largeRig(t, 1, false, true)
	whole.look(t, "12:00")
	if got, want := r.outcome(t), whole.outcome(t); got != want {
		t.Errorf("by several workers:\n%s\nas a whole:\n%s", got, want)
	}
}

// parts counts parts by their outcome.
func parts(t *testing.T, reg *prometheus.Registry, outcome string) (n int) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if f.GetName() == "touchstone_recon_parts_total" && l.GetName() == "outcome" && l.GetValue() == outcome {
					n += int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return n
}

// TestWrongFilesLeaveNoParts has a large file that is cut off quarantined as in one piece.
func TestWrongFilesLeaveNoParts(t *testing.T) {
	r := largeRig(t, 2, false, false)
	_, theirs := large(rand.New(rand.NewPCG(2, 0)))
	r.channel.sends(theirs[:len(theirs)-100])
	if line := r.look(t, "12:00"); line.Phase != batch.Quarantined || !strings.Contains(line.Why, "cut off") {
		t.Errorf("got %s", line.String())
	}
	if left := r.shardFiles(t); len(left) > 0 {
		t.Errorf("%v stay", left)
	}
}

func TestSmallBatchesHaveNoParts(t *testing.T) {
	r := largeRig(t, 3, false, false)
	r.Shards.Above = 10 << 20
	r.look(t, "12:00")
	if _, err := os.Stat(r.Shards.Folder); !os.IsNotExist(err) {
		t.Errorf("the folder of parts is there: %v", err)
	}
}

func TestOldPartsAreSwept(t *testing.T) {
	r := largeRig(t, 4, false, false)
	r.now = at("12:00")
	ctx, stop := context.WithCancel(t.Context())
	r.Shards.Put = func(context.Context, string, []byte) error { stop(); return nil }
	if _, err := r.Advance(ctx, r.id); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	other := filepath.Join(r.Shards.Folder, "letters")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := r.Shards.Sweep(time.Now().Add(6 * 24 * time.Hour)); err != nil || len(r.shardFiles(t)) == 0 {
		t.Errorf("after 6 days: %v, %v", r.shardFiles(t), err)
	}
	if err := r.Shards.Sweep(time.Now().Add(8 * 24 * time.Hour)); err != nil || len(r.shardFiles(t)) > 0 {
		t.Errorf("after 8 days: %v, %v", r.shardFiles(t), err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Errorf("a folder that is not ours: %v", err)
	}
}

func TestNamesOfItems(t *testing.T) {
	id := batch.ID{Channel: "wechat", Account: "m1", Kind: "trade", Day: day}
	want := batch.Item{ID: id, Part: match.Part{Stage: match.StageScan, Side: 1, N: 12}}
	if got, is, err := batch.ParseItem(want.String()); got != want || !is || err != nil {
		t.Errorf("%s is read as %v %v %v", want, got, is, err)
	}
	if _, is, err := batch.ParseItem(id.String()); is || err != nil {
		t.Errorf("a statement is a part: %v", err)
	}
	for _, text := range []string{id.String() + "#", id.String() + "#scan", "x#join/1"} {
		if got, is, err := batch.ParseItem(text); !is || err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}
