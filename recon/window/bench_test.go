package window

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// BenchmarkResult measures the time from the moment a window could close to its result, while the next window is fed at
// 50,000 events a second: 500,000 events a window, ten records that differ. goal/p100 is how many times the slowest result
// is within 45 ms.
func BenchmarkResult(b *testing.B) {
	const perSecond, goal = 50_000, 45 * time.Millisecond
	r := newRig(b, nil)
	records := make([]*recon.Record, perSecond*10/2)
	for i := range records {
		records[i] = record(fmt.Sprint("P", i), int64(i))
	}
	fill := func(start time.Time) {
		for i, rec := range records {
			at := start.Add(time.Duration(i) * 10 * time.Second / time.Duration(len(records)))
			r.pair(at, rec, i%(len(records)/10) == 0)
		}
	}
	var latencies []time.Duration
	start := noon
	fill(start)
	for b.Loop() {
		next := start.Add(10 * time.Second)
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			pace(stop, perSecond/2, func(i int) {
				r.pair(next.Add(time.Duration(i)*20*time.Microsecond), records[i%len(records)], false)
			})
		}()
		time.Sleep(20 * time.Millisecond) // the feeder runs
		due := next.Add(2 * time.Second)
		r.pair(due, record("X", 1), false)
		began := time.Now()
		results, err := r.Advance(b.Context(), func() time.Time { return due.Add(time.Since(began)) })
		took := time.Since(began)
		close(stop)
		<-done
		if err != nil || len(results) != 1 || len(results[0].Differences) != 10 {
			b.Fatalf("%d results (%v)", len(results), err)
		}
		latencies = append(latencies, took)
		start = start.Add(time.Minute)
		b.StopTimer()
		r.advance(start)
		r.books.records = [sides]map[time.Time][]recon.Record{}
		fill(start)
		b.StartTimer()
	}
	slices.Sort(latencies)
	at := func(p int) float64 { return float64(latencies[(len(latencies)-1)*p/100].Microseconds()) / 1000 }
	b.ReportMetric(at(50), "p50-ms")
	b.ReportMetric(at(99), "p99-ms")
	b.ReportMetric(float64(goal.Milliseconds())/at(100), "goal/p100")
}

// pair feeds both sides; the shadow's amount may differ by a cent.
func (r *rig) pair(at time.Time, rec *recon.Record, differs bool) {
	other := rec
	if differs {
		other = record(rec.Key.ID, rec.Amount.Minor+1)
	}
	for side, rec := range []*recon.Record{rec, other} {
		ev := Event{Side: Side(side), Time: at, Record: rec}
		if err := r.Feed(at, ev); err != nil {
			r.t.Error(err)
		}
		if differs {
			r.books.write(ev, r.cfg.Size)
		}
	}
}

// pace calls do so many times a second until it is told to stop.
func pace(stop <-chan struct{}, perSecond int, do func(i int)) {
	began := time.Now()
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		do(i)
		if ahead := time.Duration(i)*time.Second/time.Duration(perSecond) - time.Since(began); ahead > time.Millisecond {
			time.Sleep(ahead)
		}
	}
}

func BenchmarkFeed(b *testing.B) {
	r := newRig(b, nil)
	rec := record("P", 1)
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Feed(noon, Event{Time: noon, Record: rec}); err != nil {
			b.Fatal(err)
		}
	}
}
