package batch_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// silent is a channel that answers every question with the same.
type silent struct {
	told batch.Told
	err  error
}

func (s *silent) Query(context.Context, *batch.Operation) (batch.Told, error) { return s.told, s.err }
func (s *silent) Send(context.Context, *batch.Operation) (batch.Told, error)  { return s.told, s.err }

// gauge reads a metric without labels.
func gauge(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// counter reads a metric with one label.
func counter(t *testing.T, reg *prometheus.Registry, name, value string) float64 {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && m.GetLabel()[0].GetValue() == value {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// TestWhatNobodyAnswersIsLate asks about operations again and again: to be looked at later makes nothing less late.
func TestWhatNobodyAnswersIsLate(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		begin := time.Now()
		schedule(t, db, operationID(t, batch.Refund, "P1", "R1"), batch.Refund, begin)
		going := operationID(t, batch.Refund, "P2", "R1")
		schedule(t, db, going, batch.Refund, begin)
		schedule(t, db, operationID(t, batch.DeferredSettlement, "P3", "R1"), batch.DeferredSettlement, begin.Add(24*time.Hour))
		reg := prometheus.NewRegistry()
		c := &silent{}
		k := &batch.Compensator{DB: db, Channel: c, Patience: time.Minute, Actor: "test", Metrics: batch.NewOperationMetrics(reg)}
		look := func(after time.Duration, want float64) {
			t.Helper()
			k.Now = func() time.Time { return begin.Add(after) }
			_, err := k.Look(t.Context(), 100)
			if (err != nil) != (c.err != nil) {
				t.Fatalf("after %s: %v", after, err)
			}
			if got := gauge(t, reg, "touchstone_operations_late"); got != want {
				t.Errorf("after %s: %v are late, want %v", after, got, want)
			}
		}
		c.told = batch.Told{Known: batch.Going, Raw: []byte(`"PROCESSING"`)}
		look(0, 0) // both are found under way
		c.err = context.DeadlineExceeded
		look(61*time.Second, 0) // both are at their deadline
		look(2*time.Minute+time.Second, 2)
		c.err, c.told.Raw = nil, []byte(`"STILL PROCESSING"`)
		look(4*time.Minute, 2) // their answer makes them no less late
		if o, err := batch.ReadOperation(t.Context(), db, going); err != nil || string(o.Answer) != `{"known":"going","raw":"STILL PROCESSING"}` {
			t.Errorf("kept %s, %v", o.Answer, err)
		}
		c.told = batch.Told{Known: batch.Done}
		look(6*time.Minute, 0)
	})
}

// TestWhatIsScheduledIsLateByItsDate has nobody answer about what was not sent yet.
func TestWhatIsScheduledIsLateByItsDate(t *testing.T) {
	db := stores.Open(t, stores.File(t))
	begin := time.Now()
	schedule(t, db, operationID(t, batch.Refund, "P1", "R1"), batch.Refund, begin)
	reg := prometheus.NewRegistry()
	k := &batch.Compensator{DB: db, Channel: &silent{err: context.DeadlineExceeded}, Patience: time.Minute, Actor: "test", Metrics: batch.NewOperationMetrics(reg)}
	for after, want := range []float64{0, 1, 1, 1} {
		k.Now = func() time.Time { return begin.Add(time.Duration(after) * 61 * time.Second) }
		if _, err := k.Look(t.Context(), 10); err == nil {
			t.Fatal("nobody answered, and nobody said so")
		}
		if got := gauge(t, reg, "touchstone_operations_late"); got != want {
			t.Errorf("look %d: %v are late, want %v", after, got, want)
		}
	}
}

// TestRestThatIsStuckLetsOthersPass has a split whose rest is already given back on record, with another amount.
func TestRestThatIsStuckLetsOthersPass(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		now := time.Now()
		reg := prometheus.NewRegistry()
		c := &silent{told: batch.Told{Known: batch.Done, Rest: 7}}
		k := &batch.Compensator{DB: db, Channel: c, Patience: time.Minute, Actor: "test", Now: func() time.Time { return now }, Metrics: batch.NewOperationMetrics(reg)}
		stuck, other := operationID(t, batch.Split, "P1", "R1"), operationID(t, batch.Split, "P2", "R1")
		schedule(t, db, stuck, batch.Split, now)
		schedule(t, db, other, batch.Split, now)
		if _, err := k.Look(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
		if _, err := begin(t.Context(), db, operationID(t, batch.SplitEnd, "P1", "R1"), batch.SplitEnd, `{"fen":1}`); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			now = now.Add(61 * time.Second)
			for range 2 { // one at a time
				if _, err := k.Look(t.Context(), 1); err != nil && !errors.Is(err, batch.ErrConflict) {
					t.Fatal(err)
				}
			}
			now = now.Add(time.Second)
		}
		for id, want := range map[string]batch.OperationState{stuck: batch.Success, other: batch.Compensated} {
			if o, err := batch.ReadOperation(t.Context(), db, id); err != nil || o.State != want {
				t.Errorf("%s is %s, want %s, %v", id, o.State, want, err)
			}
		}
		if got := counter(t, reg, "touchstone_operations_moves_total", string(batch.Compensated)); got != 1 {
			t.Errorf("%v moves to COMPENSATED are counted, want 1", got)
		}
	})
}
