package batch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

func operationID(t testing.TB, kind batch.OperationKind, booking, request string) string {
	t.Helper()
	id, err := batch.OperationID(kind, booking, request)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func begin(ctx context.Context, db *store.DB, id string, kind batch.OperationKind, payload string) (handled batch.Handled, err error) {
	err = db.Tx(ctx, func(tx *store.Tx) error {
		o := &batch.Operation{ID: id, Kind: kind, Payload: json.RawMessage(payload)}
		handled, err = o.Begin(ctx, tx, "test", time.Now())
		return err
	})
	return handled, err
}

func TestOperationIDs(t *testing.T) {
	one, two := operationID(t, batch.Refund, "P1", "R1"), operationID(t, batch.Refund, "P1", "R2")
	if one == two {
		t.Error("two partial refunds of an order are one operation")
	}
	for _, bad := range [][2]string{{"P1", ""}, {"", "R1"}, {"P/1", "R1"}, {"P1", string(make([]byte, 300))}} {
		if id, err := batch.OperationID(batch.Refund, bad[0], bad[1]); err == nil {
			t.Errorf("%q is an id", id)
		}
	}
}

// TestOperationIsBegunOnce has 64 writers begin the same operation at the same time.
func TestOperationIsBegunOnce(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		id := operationID(t, batch.Refund, "P1", "R1")
		var mu sync.Mutex
		got := map[batch.Handled]int{}
		var group errgroup.Group
		for i := range 64 {
			group.Go(func() error {
				payload := `{"fen":100}`
				if i%2 == 0 {
					payload = `{ "fen": 100 }` // the same, written otherwise
				}
				handled, err := begin(t.Context(), db, id, batch.Refund, payload)
				mu.Lock()
				defer mu.Unlock()
				got[handled]++
				return err
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		if got[batch.Accepted] != 1 || got[batch.AlreadyHandled] != 63 {
			t.Errorf("of 64: %v", got)
		}
		if _, err := begin(t.Context(), db, id, batch.Refund, `{"fen":101}`); !errors.Is(err, batch.ErrConflict) {
			t.Errorf("another payload under the same id: %v", err)
		}
		if handled, err := begin(t.Context(), db, operationID(t, batch.Refund, "P1", "R2"), batch.Refund, `{"fen":100}`); err != nil || handled != batch.Accepted {
			t.Errorf("a second refund of the order: %s, %v", handled, err)
		}
		if _, err := begin(t.Context(), db, "refund/P1", batch.Refund, `{}`); err == nil {
			t.Error("an id without its request number was taken")
		}
		if n := audited(t, db, "operation INIT")[id]; n != 1 {
			t.Errorf("begun %d times by the audit", n)
		}
	})
}

// TestOneMoverWins has 64 writers move an operation from the same state and version.
func TestOneMoverWins(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		id := operationID(t, batch.Reversal, "P1", "R1")
		if _, err := begin(t.Context(), db, id, batch.Reversal, `{}`); err != nil {
			t.Fatal(err)
		}
		start, err := batch.ReadOperation(t.Context(), db, id)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		wins, losses, others := make(chan struct{}, 64), make(chan struct{}, 64), make(chan error, 64)
		for range 64 {
			all.Go(func() {
				o := *start
				switch err := db.Tx(t.Context(), func(tx *store.Tx) error {
					return o.Move(t.Context(), tx, batch.Processing, time.Time{}, "test", "", time.Now())
				}); {
				case err == nil:
					wins <- struct{}{}
				case errors.Is(err, batch.ErrLost):
					losses <- struct{}{}
				default:
					others <- err
				}
			})
		}
		all.Wait()
		if len(wins) != 1 || len(losses) != 63 {
			t.Errorf("%d won, %d lost, %d failed", len(wins), len(losses), len(others))
		}
		if o, err := batch.ReadOperation(t.Context(), db, id); err != nil || o.Version != 2 || o.State != batch.Processing {
			t.Errorf("got %+v, %v", o, err)
		}
		var refused *batch.MoveError
		err = db.Tx(t.Context(), func(tx *store.Tx) error {
			return start.Move(t.Context(), tx, batch.Success, time.Time{}, "test", "", time.Now())
		})
		if !errors.As(err, &refused) || refused.From != "INIT" || refused.To != "SUCCESS" {
			t.Errorf("an illegal move: %v", err)
		}
	})
}

// bank is a channel that takes each request number once, and fails in every way a network can.
type bank struct {
	mu      sync.Mutex
	rng     *rand.Rand
	faults  int // of 10 calls
	done    map[string]int
	asked   map[string]bool // since it was sent the last time
	unasked []string        // sent without a question before
	rest    map[string]int64
	refuse  map[string]bool
	sends   int
}

func newBank(rng *rand.Rand, faults int) *bank {
	return &bank{rng: rng, faults: faults, done: map[string]int{}, asked: map[string]bool{}, rest: map[string]int64{}, refuse: map[string]bool{}}
}

var errNetwork = errors.New("connection reset")

func (b *bank) fails() bool { return b.rng.IntN(10) < b.faults }

func (b *bank) Query(_ context.Context, o *batch.Operation) (batch.Told, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails() {
		return batch.Told{}, errNetwork
	}
	b.asked[o.ID] = true
	return b.tell(o.ID), nil
}

func (b *bank) tell(id string) batch.Told {
	switch {
	case b.refuse[id]:
		return batch.Told{Known: batch.Refused}
	case b.done[id] > 0:
		return batch.Told{Known: batch.Done, Rest: b.rest[id]}
	}
	return batch.Told{Known: batch.Unheard}
}

func (b *bank) Send(_ context.Context, o *batch.Operation) (batch.Told, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.asked[o.ID] {
		b.unasked = append(b.unasked, o.ID)
	}
	b.asked[o.ID] = false
	if b.fails() {
		return batch.Told{}, errNetwork // it never came
	}
	b.sends++
	b.done[o.ID]++
	if b.fails() {
		return batch.Told{}, errNetwork // its answer never came
	}
	return b.tell(o.ID), nil
}

// schedule puts an operation on record for a date.
func schedule(t *testing.T, db *store.DB, id string, kind batch.OperationKind, due time.Time) {
	t.Helper()
	if err := db.Tx(t.Context(), func(tx *store.Tx) error {
		o := &batch.Operation{ID: id, Kind: kind, Payload: json.RawMessage(`{}`)}
		if _, err := o.Begin(t.Context(), tx, "test", due); err != nil {
			return err
		}
		return o.Move(t.Context(), tx, batch.Scheduled, due, "test", "", due)
	}); err != nil {
		t.Fatal(err)
	}
}

// TestCompensationIsNeverBlind has compensators beside each other work through operations at a channel that fails half of
// its calls, before or after it did what was asked.
func TestCompensationIsNeverBlind(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		rng := rand.New(rand.NewPCG(seed, 2))
		b := newBank(rng, 5)
		const operations = 40
		now := time.Now()
		for i := range operations {
			kind := batch.DeferredSettlement
			id := operationID(t, kind, fmt.Sprint("P", i), "1")
			if i%4 == 0 {
				kind = batch.Split
				id = operationID(t, kind, fmt.Sprint("P", i), "1")
				b.rest[id] = int64(i + 1)
			}
			b.refuse[id] = i%10 == 9
			schedule(t, db, id, kind, now)
		}
		for round := range 400 {
			clock := now.Add(time.Duration(round) * time.Minute)
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() {
					k := &batch.Compensator{DB: db, Channel: b, Patience: time.Second, Actor: "test", Now: func() time.Time { return clock }}
					if _, err := k.Look(t.Context(), 100); err != nil && !errors.Is(err, errNetwork) {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if over(t, db) {
				break
			}
		}
		got := byState(t, db)
		want := map[batch.OperationState]int{batch.Failed: 4, batch.Compensated: 10, batch.Success: 26 + 10}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("ended as %v, want %v", got, want)
		}
		if len(b.unasked) > 0 {
			t.Errorf("sent without asking: %q", b.unasked)
		}
		for id := range b.refuse {
			if b.refuse[id] && b.done[id] > 0 {
				t.Errorf("%s was refused and done", id)
			}
		}
		t.Logf("%d sends for %d operations", b.sends, operations+10)
	})
}

func byState(t *testing.T, db *store.DB) map[batch.OperationState]int {
	t.Helper()
	rows, err := db.Query(t.Context(), "SELECT state, COUNT(*) FROM operations GROUP BY state")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	got := map[batch.OperationState]int{}
	for rows.Next() {
		var s batch.OperationState
		var n int
		if err := rows.Scan(&s, &n); err != nil {
			t.Fatal(err)
		}
		got[s] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return got
}

// over tells whether nothing waits any more.
func over(t *testing.T, db *store.DB) bool {
	got := byState(t, db)
	return got[batch.Init]+got[batch.Scheduled]+got[batch.Processing] == 0 && got[batch.Compensated] == 10
}

// TestChannelThatKnowsBetter has the channel done with what was only scheduled here.
func TestChannelThatKnowsBetter(t *testing.T) {
	db := stores.Open(t, stores.File(t))
	b := newBank(rand.New(rand.NewPCG(1, 1)), 0)
	id := operationID(t, batch.Reversal, "P1", "R1")
	b.done[id] = 1
	now := time.Now()
	schedule(t, db, id, batch.Reversal, now)
	k := &batch.Compensator{DB: db, Channel: b, Patience: time.Minute, Actor: "test", Now: func() time.Time { return now.Add(time.Second) }}
	if n, err := k.Look(t.Context(), 10); err != nil || n != 1 {
		t.Fatalf("moved %d, %v", n, err)
	}
	if o, err := batch.ReadOperation(t.Context(), db, id); err != nil || o.State != batch.Success || b.sends != 0 {
		t.Errorf("%+v after %d sends, %v", o, b.sends, err)
	}
}
