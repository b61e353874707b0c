package window

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/digest"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// noon is the start of a window.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func record(id string, fen int64) *recon.Record {
	return &recon.Record{Key: recon.Key{Kind: recon.KindPayment, ID: id}, Order: id, Amount: recon.Money{Minor: fen, Currency: "CNY"}, Status: recon.StatusSuccess}
}

// books are what each side wrote, as a fetch would find it.
type books struct {
	mu      sync.Mutex
	records [sides]map[time.Time][]recon.Record
	lose    bool // fetch nothing
}

func (b *books) fetch(_ context.Context, side Side, start time.Time, _ *digest.Buckets) ([]recon.Record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lose {
		return nil, nil
	}
	return b.records[side][start], nil
}

func (b *books) write(ev Event, size time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.records[ev.Side] == nil {
		b.records[ev.Side] = map[time.Time][]recon.Record{}
	}
	at := b.records[ev.Side]
	start := ev.Time.Truncate(size)
	if ev.Old != nil {
		if i := slices.IndexFunc(at[start], func(r recon.Record) bool { return r.Key == ev.Old.Key && r.Amount == ev.Old.Amount }); i >= 0 {
			at[start] = slices.Delete(at[start], i, i+1)
		}
	}
	if ev.Record != nil {
		at[start] = append(at[start], *ev.Record)
	}
}

type rig struct {
	*Windows
	t      testing.TB
	books  *books
	alerts []Result
}

func newRig(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, books: &books{}}
	cfg := Config{Hasher: entry.NewHasher(entry.Secret{1, 2, 3}), Fetch: r.books.fetch, Alert: func(res Result) { r.alerts = append(r.alerts, res) }, Metrics: NewMetrics(prometheus.NewRegistry())}
	if change != nil {
		change(&cfg)
	}
	var err error
	if r.Windows, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) feed(now time.Time, ev Event) {
	r.t.Helper()
	if err := r.Feed(now, ev); err != nil {
		r.t.Fatal(err)
	}
	r.books.write(ev, r.cfg.Size)
}

// both feeds the same record to both sides.
func (r *rig) both(at time.Time, rec *recon.Record) {
	r.t.Helper()
	r.feed(at, Event{Side: Primary, Time: at, Record: rec})
	r.feed(at, Event{Side: Shadow, Time: at, Record: rec})
}

func (r *rig) advance(now time.Time) []Result {
	r.t.Helper()
	all, err := r.Advance(r.t.Context(), func() time.Time { return now })
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

// one advances and expects one result.
func (r *rig) one(now time.Time) Result {
	r.t.Helper()
	all := r.advance(now)
	if len(all) != 1 {
		r.t.Fatalf("%d results: %+v", len(all), all)
	}
	return all[0]
}

const muchLater = time.Minute

func TestEverythingThatCanDifferIsFound(t *testing.T) {
	failed := record("B", 200)
	failed.Status = recon.StatusFailed
	for name, c := range map[string]struct {
		primary, shadow []*recon.Record
		want            []recon.Break
		money           bool
	}{
		"nothing":                {[]*recon.Record{record("A", 100), record("B", 200)}, []*recon.Record{record("B", 200), record("A", 100)}, nil, false},
		"a cent":                 {[]*recon.Record{record("A", 100)}, []*recon.Record{record("A", 99)}, []recon.Break{recon.AmountMismatch}, true},
		"a cent moved":           {[]*recon.Record{record("A", 100), record("B", 100)}, []*recon.Record{record("A", 99), record("B", 101)}, []recon.Break{recon.AmountMismatch, recon.AmountMismatch}, true},
		"missing in the shadow":  {[]*recon.Record{record("A", 100), record("B", 1)}, []*recon.Record{record("A", 100)}, []recon.Break{recon.OnlyInternally}, true},
		"missing in the primary": {nil, []*recon.Record{record("A", 100)}, []recon.Break{recon.OnlyInShadow}, true},
		"twice":                  {[]*recon.Record{record("A", 100)}, []*recon.Record{record("A", 100), record("A", 100)}, []recon.Break{recon.Duplicate}, true},
		"state":                  {[]*recon.Record{record("B", 200)}, []*recon.Record{failed}, []recon.Break{recon.StatusMismatch}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			for side, all := range [][]*recon.Record{c.primary, c.shadow} {
				for _, rec := range all {
					r.feed(noon, Event{Side: Side(side), Time: noon, Record: rec})
				}
			}
			got := r.one(noon.Add(muchLater))
			var breaks []recon.Break
			for _, d := range got.Differences {
				breaks = append(breaks, d.Break)
			}
			if !slices.Equal(breaks, c.want) || got.Equal() != (c.want == nil) || !got.Exact || got.Money() != c.money || (len(r.alerts) > 0) != c.money {
				t.Errorf("got %v, money %v, %d alerts: %+v", breaks, got.Money(), len(r.alerts), got)
			}
		})
	}
}

func TestAChangeSubtractsTheOldAndAddsTheNew(t *testing.T) {
	r := newRig(t, nil)
	for side := range sides {
		r.feed(noon, Event{Side: side, Time: noon, Record: record("A", 100)})
	}
	r.feed(noon, Event{Side: Primary, Time: noon, Record: record("A", 70), Old: record("A", 100)})
	r.feed(noon, Event{Side: Shadow, Time: noon, Record: record("A", 70), Old: record("A", 100)})
	r.feed(noon, Event{Side: Shadow, Time: noon, Record: record("B", 5)})
	r.feed(noon, Event{Side: Shadow, Time: noon, Old: record("B", 5)})
	r.feed(noon, Event{Side: Shadow, Time: noon, Record: record("C", 5)})
	r.feed(noon, Event{Side: Shadow, Time: noon, Record: record("D", 5), Old: record("C", 5)}) // another key, another shard
	r.feed(noon, Event{Side: Primary, Time: noon, Record: record("D", 5)})
	got := r.one(noon.Add(muchLater))
	want := []digest.Total{{Column: digest.Column{Kind: recon.KindPayment, Currency: "CNY"}, Count: 2, Minor: 75}}
	if !got.Equal() || !slices.Equal(got.Totals[Primary], want) || !slices.Equal(got.Totals[Shadow], want) {
		t.Errorf("got %+v", got)
	}
}

func TestAWindowWaitsForBothSides(t *testing.T) {
	r := newRig(t, nil)
	r.both(noon, record("A", 100))
	after := noon.Add(r.cfg.Size + r.cfg.Lateness)
	r.feed(after, Event{Side: Primary, Time: after, Record: record("B", 1)})
	if got := r.advance(after); len(got) != 0 {
		t.Fatalf("closed before the shadow told of it: %+v", got)
	}
	select {
	case <-r.Due():
		t.Fatal("due before the shadow told of it")
	default:
	}
	r.feed(after, Event{Side: Shadow, Time: after.Add(-time.Nanosecond), Record: record("C", 1)})
	if got := r.advance(after); len(got) != 0 {
		t.Fatalf("closed before the lateness was over: %+v", got)
	}
	r.feed(after, Event{Side: Shadow, Time: after, Record: record("B", 1)})
	select {
	case <-r.Due():
	default:
		t.Fatal("nobody was told that the window can close")
	}
	got := r.one(after.Add(7 * time.Millisecond))
	if !got.Start.Equal(noon) || !got.Equal() || got.Latency != 7*time.Millisecond {
		t.Errorf("got %+v", got)
	}
}

func TestASilentSideDoesNotHoldUpForEver(t *testing.T) {
	r := newRig(t, nil)
	r.feed(noon, Event{Side: Primary, Time: noon, Record: record("A", 100)})
	deadline := noon.Add(r.cfg.Size + r.cfg.Lateness + r.cfg.Patience)
	if got := r.advance(deadline.Add(-time.Nanosecond)); len(got) != 0 {
		t.Fatalf("closed too early: %+v", got)
	}
	got := r.one(deadline.Add(time.Millisecond))
	if !got.Money() || got.Latency != time.Millisecond || len(got.Differences) != 1 || got.Differences[0].Break != recon.OnlyInternally {
		t.Errorf("got %+v", got)
	}
}

func TestWhatComesLateReopensItsWindow(t *testing.T) {
	r := newRig(t, nil)
	r.feed(noon, Event{Side: Primary, Time: noon, Record: record("A", 100)})
	now := noon.Add(muchLater)
	if got := r.one(now); !got.Money() || got.Late {
		t.Fatalf("got %+v", got)
	}
	r.feed(now, Event{Side: Shadow, Time: noon, Record: record("A", 100)})
	if got := r.one(now); !got.Late || !got.Equal() {
		t.Errorf("got %+v", got)
	}
	if got := r.advance(now); len(got) != 0 {
		t.Errorf("compared a third time: %+v", got)
	}
	r.sameDays(noon)
}

// sameDays expects both sides' digests of a day to agree and to hold something.
func (r *rig) sameDays(at time.Time) {
	r.t.Helper()
	var written [sides][]byte
	for side := range sides {
		table, kept, err := r.Day(side, at)
		if err != nil || !kept {
			r.t.Fatal(kept, err)
		}
		if totals, err := digest.Totals(table); err != nil || len(totals) == 0 {
			r.t.Errorf("%s: the day holds nothing (%v)", side, err)
		}
		if written[side], err = table.MarshalBinary(); err != nil {
			r.t.Fatal(err)
		}
	}
	if !bytes.Equal(written[Primary], written[Shadow]) {
		r.t.Error("the days differ")
	}
}

func TestWhatComesAfterItsWindowWentIsInTheDay(t *testing.T) {
	r := newRig(t, nil)
	r.feed(noon, Event{Side: Primary, Time: noon, Record: record("A", 100)})
	now := noon.Add(muchLater)
	r.advance(now)
	for i := range 2 * r.cfg.Keep {
		at := now.Add(time.Duration(i) * r.cfg.Size)
		r.both(at, record(fmt.Sprint("F", i), 1))
		r.advance(at.Add(muchLater))
	}
	now = now.Add(time.Hour)
	r.feed(now, Event{Side: Shadow, Time: noon, Record: record("A", 100)})
	r.both(noon.Add(-time.Hour), record("Z", 7)) // its window never was
	if got := r.advance(now); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
	r.sameDays(noon)
}

func TestEventsOutOfTimeAreRefused(t *testing.T) {
	r := newRig(t, nil)
	r.both(noon, record("A", 1))
	r.both(noon.Add(-24*time.Hour), record("B", 1))
	for name, c := range map[string]struct {
		ev   Event
		want error
	}{
		"ahead":     {Event{Time: noon.Add(r.cfg.Ahead + 1), Record: record("C", 1)}, ErrAhead},
		"too old":   {Event{Time: noon.Add(-48 * time.Hour), Record: record("C", 1)}, ErrTooOld},
		"nothing":   {Event{Time: noon}, nil},
		"no amount": {Event{Time: noon, Record: &recon.Record{}}, nil},
		"no side":   {Event{Side: 7, Time: noon, Record: record("C", 1)}, nil},
	} {
		if err := r.Feed(noon, c.ev); err == nil || (c.want != nil && !errors.Is(err, c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := r.advance(noon.Add(muchLater)); len(got) != 1 || !got[0].Equal() {
		t.Errorf("something of a refused event is left: %+v", got)
	}
	r.sameDays(noon)
	r.sameDays(noon.Add(-24 * time.Hour))
}

// TestUnexplainedBucketsAreMoney takes the records away from the fetch: what differs and cannot be shown is alerted.
func TestUnexplainedBucketsAreMoney(t *testing.T) {
	for name, change := range map[string]func(*rig){
		"fetch finds nothing": func(r *rig) { r.books.lose = true },
		"fetch fails": func(r *rig) {
			r.cfg.Fetch = func(context.Context, Side, time.Time, *digest.Buckets) ([]recon.Record, error) {
				return nil, errors.New("no database")
			}
		},
		"no fetch": func(r *rig) { r.cfg.Fetch = nil },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			change(r)
			r.feed(noon, Event{Side: Shadow, Time: noon, Record: record("A", 1)})
			if got := r.one(noon.Add(muchLater)); got.Exact || !got.Money() || got.Dirty != 1 || len(r.alerts) != 1 {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestBadSettingsAreRefused(t *testing.T) {
	h := entry.NewHasher(entry.Secret{})
	for name, c := range map[string]Config{
		"no hasher":    {},
		"size":         {Hasher: h, Size: 7 * time.Second},
		"shards":       {Hasher: h, Shards: 3},
		"lateness":     {Hasher: h, Lateness: -1},
		"many windows": {Hasher: h, Size: 10 * time.Millisecond},
		"keep":         {Hasher: h, Keep: -1},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestNothingIsLostInAnyOrder feeds both sides the same bookings and changes in different order, many of them late, from
// several goroutines beside Advance, and holds the days against digests made in one go. State stays within its bounds.
func TestNothingIsLostInAnyOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	r := newRig(t, func(c *Config) {
		c.Size, c.Lateness, c.Patience, c.Keep = time.Second, 500*time.Millisecond, time.Second, 3
	})
	const n, workers = 4000, 4
	var clock atomic.Int64
	clock.Store(noon.UnixNano())
	now := func() time.Time { return time.Unix(0, clock.Load()) }
	want := [sides]*digest.Table{digest.New(r.cfg.Hasher, 0), digest.New(r.cfg.Hasher, 0)}
	var events [sides][]Event
	for i := range n {
		at := noon.Add(time.Duration(i) * 10 * time.Millisecond)
		rec := record(fmt.Sprint("P", i), rng.Int64N(1000))
		for side := range sides {
			events[side] = append(events[side], Event{Side: side, Time: at, Record: rec})
			if i%3 == 0 {
				events[side] = append(events[side], Event{Side: side, Time: at, Record: record(rec.Key.ID, 1), Old: rec})
			}
		}
	}
	for side := range sides {
		shuffleSome(rng, events[side])
		for _, ev := range events[side] {
			sum(t, r.cfg.Hasher, want[side], ev)
		}
	}
	var feeders, advancer sync.WaitGroup
	stop := make(chan struct{})
	advancer.Go(func() {
		for {
			if _, err := r.Advance(t.Context(), now); err != nil {
				t.Error(err)
			}
			if s := r.State(); s.Open+s.Kept > r.cfg.MaxWindows() || s.Days > r.cfg.MaxDays || s.Tables > 2*r.cfg.Shards*(r.cfg.MaxWindows()+r.cfg.MaxDays) {
				t.Errorf("more state than allowed: %+v", s)
			}
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	for side := range sides {
		for worker := range workers {
			feeders.Go(func() {
				for i := worker; i < len(events[side]); i += workers {
					ev := events[side][i]
					for at := ev.Time.UnixNano(); ; {
						if seen := clock.Load(); seen >= at || clock.CompareAndSwap(seen, at) {
							break
						}
					}
					for err := r.Feed(now(), ev); err != nil; err = r.Feed(now(), ev) {
						if !errors.Is(err, ErrBehind) {
							t.Error(err)
							return
						}
						time.Sleep(time.Millisecond)
					}
				}
			})
		}
	}
	feeders.Wait()
	clock.Add(int64(time.Hour))
	close(stop)
	advancer.Wait()
	r.advance(now())
	for side := range sides {
		got, kept, err := r.Day(side, noon)
		if err != nil || !kept {
			t.Fatal(kept, err)
		}
		if dirty, err := digest.Dirty(want[side], got); err != nil || dirty.Len() > 0 {
			t.Errorf("%s: %d buckets of the day differ from what was fed (%v)", side, dirty.Len(), err)
		}
	}
	if s := r.State(); s.Open != 0 {
		t.Errorf("%d windows stayed open", s.Open)
	}
}

// shuffleSome moves some of the events far away from their place.
func shuffleSome(rng *rand.Rand, all []Event) {
	for range len(all) / 10 {
		i, j := rng.IntN(len(all)), rng.IntN(len(all))
		all[i], all[j] = all[j], all[i]
	}
}

func sum(t testing.TB, h *entry.Hasher, into *digest.Table, ev Event) {
	t.Helper()
	for _, c := range []struct {
		r *recon.Record
		f func(*entry.Entry) error
	}{{ev.Record, into.Add}, {ev.Old, into.Sub}} {
		if c.r == nil {
			continue
		}
		e, err := h.Of(c.r, 0, 0)
		if err == nil {
			err = c.f(&e)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
