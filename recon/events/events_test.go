package events_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/events"
	"github.com/seed-3356bd69/touchstone/recon/scan"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// server is the one MariaDB of this package's tests.
var server *mariadb.Server

func TestMain(m *testing.M) { os.Exit(mariadb.Main(m, &server)) }

const (
	line = "wechat/m1/trade"
	day  = "2026-11-23"
)

func beijing() *time.Location { return time.FixedZone("", 8*3600) }

// at is a clock of the day.
func at(clock string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", day+" "+clock, beijing())
	if err != nil {
		panic(err)
	}
	return t
}

// told is a payment as a channel tells of it, changed by the test.
func told(t testing.TB, id string, minor int64, status recon.Status, change func(*recon.Record)) events.Event {
	t.Helper()
	r := recon.Record{Key: recon.Key{Kind: recon.KindPayment, ID: id}, Amount: recon.Money{Minor: minor, Currency: "CNY"}, Status: status, Time: at("10:00")}
	if change != nil {
		change(&r)
	}
	e, err := events.New(line, beijing(), r, events.Callback, fmt.Sprintf("%x", r.Status), at("10:01"))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func keep(t testing.TB, db *store.DB, all ...events.Event) []events.Outcome {
	t.Helper()
	got, err := events.Keep(t.Context(), db, all)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func kept(t testing.TB, db *store.DB, day string) []events.Event {
	t.Helper()
	return ofLine(t, db, line, day)
}

func ofLine(t testing.TB, db *store.DB, line, day string) (all []events.Event) {
	t.Helper()
	if err := events.Each(t.Context(), db, line, day, func(e *events.Event) error { all = append(all, *e); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestStores holds both stores to the same contract, each in one schema: making one takes seconds.
func TestStores(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		for name, do := range map[string]func(*testing.T, *store.DB){
			"a booking has one day": oneDay, "many tell at once": manyAtOnce, "side of a day": sideOfADay, "days are removed whole": removedWhole,
		} {
			if err := db.Tx(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec(t.Context(), "DELETE FROM channel_events"); return err }); err != nil {
				t.Fatal(err)
			}
			t.Run(name, func(t *testing.T) { do(t, db) })
		}
	})
}

func TestDayOfAnEvent(t *testing.T) {
	midnight := time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC) // 00:00 of the 24th in Beijing
	for name, c := range map[string]struct {
		time, booked, received time.Time
		want                   string
	}{
		"booked before its time":  {midnight, midnight.Add(-time.Second), midnight, "2026-11-23"},
		"time in the other zone":  {midnight, time.Time{}, midnight.Add(-time.Hour), "2026-11-24"},
		"last moment of the day":  {midnight.Add(-1), time.Time{}, midnight.Add(time.Hour), "2026-11-23"},
		"nothing but its arrival": {time.Time{}, time.Time{}, midnight, "2026-11-24"},
	} {
		r := recon.Record{Key: recon.Key{Kind: recon.KindPayment, ID: "P"}, Amount: recon.Money{Minor: 1, Currency: "CNY"}, Status: recon.StatusSuccess, Time: c.time, Booked: c.booked}
		if e, err := events.New(line, beijing(), r, events.Callback, "", c.received); err != nil || e.Day != c.want {
			t.Errorf("%s: day %s, %v", name, e.Day, err)
		}
	}
}

func TestUnfitRecordsAreRefused(t *testing.T) {
	for want, change := range map[string]func(*recon.Record){
		"key: has 0 bytes":           func(r *recon.Record) { r.Key.ID = "" },
		"key: has 256 bytes":         func(r *recon.Record) { r.Key.ID = strings.Repeat("x", 256) },
		"tab or a line end":          func(r *recon.Record) { r.Order = "a\tb" },
		"unknown kind":               func(r *recon.Record) { r.Key.Kind = "x" },
		"unknown status":             func(r *recon.Record) { r.Status = "" },
		"currency":                   func(r *recon.Record) { r.Amount.Currency = "" },
		"amount: is negative":        func(r *recon.Record) { r.Amount.Minor = -1 },
		"the fee is in USD, the amo": func(r *recon.Record) { r.Fee = &recon.Money{Minor: 1, Currency: "USD"} },
	} {
		r := recon.Record{Key: recon.Key{Kind: recon.KindPayment, ID: "P"}, Amount: recon.Money{Minor: 1, Currency: "CNY"}, Status: recon.StatusSuccess}
		change(&r)
		if _, err := events.New(line, beijing(), r, events.Callback, "", at("10:00")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

// TestStatesGoForwardOnly tells of one payment again and again; each step has what comes of it.
func TestStatesGoForwardOnly(t *testing.T) {
	const waits, done, failed = recon.StatusProcessing, recon.StatusSuccess, recon.StatusFailed
	txn := func(id string) func(*recon.Record) { return func(r *recon.Record) { r.ChannelTxn = id } }
	fee := func(minor int64) func(*recon.Record) {
		return func(r *recon.Record) { r.Fee = &recon.Money{Minor: minor, Currency: "CNY"} }
	}
	untimed := func(r *recon.Record) { r.Time = time.Time{} }
	db := stores.Open(t, stores.File(t))
	type step struct {
		minor  int64
		status recon.Status
		change func(*recon.Record)
		want   events.Outcome
	}
	for name, c := range map[string]struct {
		steps     []step
		status    recon.Status
		minor     int64
		conflicts int64
	}{
		"twice":                       {[]step{{100, done, nil, events.Fresh}, {100, done, nil, events.Known}}, done, 100, 0},
		"later state":                 {[]step{{100, waits, nil, events.Fresh}, {100, done, nil, events.Forward}}, done, 100, 0},
		"late news":                   {[]step{{100, done, nil, events.Fresh}, {100, waits, nil, events.Known}}, done, 100, 0},
		"no amount yet":               {[]step{{0, waits, nil, events.Fresh}, {100, done, nil, events.Forward}, {0, waits, nil, events.Known}}, done, 100, 0},
		"more is known":               {[]step{{100, done, nil, events.Fresh}, {100, done, txn("T1"), events.Forward}, {100, done, nil, events.Known}}, done, 100, 0},
		"other amount":                {[]step{{100, done, nil, events.Fresh}, {101, done, nil, events.Conflict}, {101, done, nil, events.Known}, {102, done, nil, events.Conflict}}, done, 100, 2},
		"other amount under way":      {[]step{{100, done, nil, events.Fresh}, {101, waits, nil, events.Conflict}}, done, 100, 1},
		"undone":                      {[]step{{100, done, nil, events.Fresh}, {100, failed, nil, events.Conflict}}, done, 100, 1},
		"done after all":              {[]step{{100, failed, nil, events.Fresh}, {100, done, nil, events.Conflict}}, failed, 100, 1},
		"other transaction":           {[]step{{100, done, txn("T1"), events.Fresh}, {100, done, txn("T2"), events.Conflict}}, done, 100, 1},
		"other fee":                   {[]step{{100, done, fee(1), events.Fresh}, {100, done, fee(2), events.Conflict}}, done, 100, 1},
		"a time comes":                {[]step{{100, done, untimed, events.Fresh}, {100, done, nil, events.Forward}}, done, 100, 0},
		"a payment of nothing is one": {[]step{{0, done, nil, events.Fresh}, {100, done, nil, events.Conflict}}, done, 0, 1},
	} {
		for _, together := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %v", name, together), func(t *testing.T) {
				own := t.Name()
				var all []events.Event
				var want, got []events.Outcome
				for i, s := range c.steps {
					e := told(t, "P1", s.minor, s.status, s.change)
					e.Line, e.Received = own, e.Received.Add(time.Duration(i)*time.Second)
					all, want = append(all, e), append(want, s.want)
				}
				if together {
					got = keep(t, db, all...)
				} else {
					for _, e := range all {
						got = append(got, keep(t, db, e)...)
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("outcomes %v, want %v", got, want)
				}
				left := ofLine(t, db, own, day)
				if len(left) != 1 || left[0].Record.Status != c.status || left[0].Record.Amount.Minor != c.minor {
					t.Errorf("kept %+v", left)
				}
				if n, err := events.Conflicts(t.Context(), db, own, day); err != nil || n != c.conflicts {
					t.Errorf("%d contradictions, %v", n, err)
				}
			})
		}
	}
}

// oneDay has a payment whose first news has no time and comes before midnight.
func oneDay(t *testing.T, db *store.DB) {
	early := told(t, "P1", 0, recon.StatusProcessing, func(r *recon.Record) { r.Time = time.Time{} })
	late := told(t, "P1", 100, recon.StatusSuccess, func(r *recon.Record) { r.Time = at("10:00").AddDate(0, 0, 1) })
	keep(t, db, early)
	if got := kept(t, db, day); len(got) != 1 {
		t.Fatalf("%d events on the day of its arrival", len(got))
	}
	keep(t, db, late)
	if got := keep(t, db, early); got[0] != events.Known {
		t.Errorf("the first news again: %s", got[0])
	}
	if a, b := kept(t, db, day), kept(t, db, late.Day); len(a) != 0 || len(b) != 1 || b[0].Record.Amount.Minor != 100 {
		t.Errorf("kept %+v and %+v", a, b)
	}
}

// manyAtOnce has the news of some bookings come in any order from many sides at the same time: whatever the order,
// the last state stays, and a contradiction is there beside it once.
func manyAtOnce(t *testing.T, db *store.DB) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	const bookings, tellers = 40, 16
	var group errgroup.Group
	for range tellers {
		var all []events.Event
		for n := range bookings {
			id := fmt.Sprintf("P%02d", n)
			all = append(all, told(t, id, 100, recon.StatusProcessing, nil), told(t, id, 100, recon.StatusSuccess, nil), told(t, id, 7, recon.StatusProcessing, nil))
		}
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		group.Go(func() error {
			for part := range slices.Chunk(all, 30) {
				if _, err := events.Keep(t.Context(), db, part); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	left := kept(t, db, day)
	if len(left) != bookings {
		t.Fatalf("%d bookings", len(left))
	}
	for _, e := range left {
		if e.Record.Amount.Minor == 100 && e.Record.Status != recon.StatusSuccess {
			t.Errorf("%s went back to %s", e.Record.Key, e.Record.Status)
		}
	}
}

func sideOfADay(t *testing.T, db *store.DB) {
	var all []events.Event
	for n := range 1203 { // three pages
		all = append(all, told(t, fmt.Sprintf("P%04d", n), int64(n+1), recon.StatusSuccess, func(r *recon.Record) { r.Order, r.ChannelTxn = "订单,\"1", "T" }))
	}
	all = append(all, told(t, "P0001", 9, recon.StatusSuccess, func(r *recon.Record) { r.Key.Kind = recon.KindRefund }))
	other := told(t, "P0001", 9, recon.StatusSuccess, nil)
	other.Line = "wechat/m2/trade"
	keep(t, db, append(all, other)...)
	side, err := events.Open(t.Context(), db, line, day, scan.Options{Hasher: entry.NewHasher(entry.NewSecret()), Compared: events.Compared(^entry.Compared(0)), Spool: t.TempDir(), Date: day})
	if err != nil {
		t.Fatal(err)
	}
	defer side.Close()
	n, minor := 0, int64(0)
	for r, err := range side.Records(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		n, minor = n+1, minor+r.Amount.Minor
		if r.Key.Kind == recon.KindPayment && (r.Order != "订单,\"1" || r.ChannelTxn != "T" || !r.Time.Equal(at("10:00"))) {
			t.Fatalf("got %+v", r)
		}
	}
	if n != 1204 || minor != 1203*1204/2+9 {
		t.Errorf("%d records with %d", n, minor)
	}
}

func TestEmptySide(t *testing.T) {
	db := stores.Open(t, stores.File(t))
	side, err := events.Open(t.Context(), db, line, day, scan.Options{Hasher: entry.NewHasher(entry.NewSecret()), Spool: t.TempDir(), Date: day})
	if err != nil {
		t.Fatal(err)
	}
	defer side.Close()
	if result, err := side.Scan(t.Context(), none{}); err != nil || result.Records+result.Rejected != 0 {
		t.Errorf("got %+v, %v", result, err)
	}
}

type none struct{}

func (none) Take(int, []entry.Entry) error { return nil }

func removedWhole(t *testing.T, db *store.DB) {
	var all []events.Event
	for n := range 1201 {
		e := told(t, fmt.Sprintf("P%04d", n), 1, recon.StatusSuccess, nil)
		if n%4 == 0 {
			e.Day = "2026-11-24"
		}
		all = append(all, e)
	}
	keep(t, db, all...)
	keep(t, db, told(t, "P0001", 2, recon.StatusSuccess, nil)) // a contradiction goes with its booking
	days, err := events.Days(t.Context(), db, line, "2026-11-24")
	if err != nil || !slices.Equal(days, []string{day}) {
		t.Fatalf("days %v, %v", days, err)
	}
	if n, err := events.Remove(t.Context(), db, line, day); err != nil || n != 901 {
		t.Errorf("removed %d, %v", n, err)
	}
	if n, err := events.Conflicts(t.Context(), db, line, day); err != nil || n != 0 {
		t.Errorf("%d contradictions left, %v", n, err)
	}
	if got := kept(t, db, "2026-11-24"); len(got) != 301 {
		t.Errorf("%d of the other day left", len(got))
	}
}

// TestIntake has many callers whose events are committed together, and a store that fails.
func TestIntake(t *testing.T) {
	db := stores.Open(t, stores.File(t))
	intake := events.NewIntake(db)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- intake.Run(ctx) }()
	var group errgroup.Group
	for n := range 500 {
		e := told(t, fmt.Sprintf("P%d", n/2), 1, recon.StatusSuccess, nil)
		group.Go(func() error { _, err := intake.Keep(t.Context(), e); return err })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := kept(t, db, day); len(got) != 250 {
		t.Errorf("%d kept", len(got))
	}
	if err := db.Tx(t.Context(), func(tx *store.Tx) error { _, err := tx.Exec(t.Context(), "DROP TABLE channel_events"); return err }); err != nil {
		t.Fatal(err)
	}
	if _, err := intake.Keep(t.Context(), told(t, "P", 1, recon.StatusSuccess, nil)); err == nil {
		t.Error("an event without a table was acknowledged")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := intake.Keep(ctx, told(t, "P", 1, recon.StatusSuccess, nil)); err == nil {
		t.Error("an event was acknowledged after the end")
	}
}

// BenchmarkIntake is events of as many callers as given, each committed before its caller goes on.
func BenchmarkIntake(b *testing.B) {
	for _, callers := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			intake := events.NewIntake(stores.Open(b, stores.File(b)))
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error, 1)
			go func() { ended <- intake.Run(ctx) }()
			var group errgroup.Group
			group.SetLimit(callers)
			b.ResetTimer()
			for n := range b.N {
				e := told(b, fmt.Sprintf("P%09d", n*7919%1000000007), 1, recon.StatusSuccess, nil)
				group.Go(func() error { _, err := intake.Keep(b.Context(), e); return err })
			}
			if err := group.Wait(); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			cancel()
			if err := <-ended; err != nil {
				b.Fatal(err)
			}
		})
	}
}
