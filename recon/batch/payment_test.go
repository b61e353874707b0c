package batch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// book is a ledger whose calls fail when a test says so.
type book struct {
	mu      sync.Mutex
	txns    map[string]string
	posts   int
	postErr error // after the booking
	lost    error // instead of it
	findErr error
	finds   []string
	booked  func()          // is called once something is booked
	held    map[string]bool // rows that another session holds: to ask about them takes too long
}

func (b *book) Post(_ context.Context, p *batch.Payment) (string, error) {
	if b.booked != nil {
		defer b.booked()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.posts++
	if b.lost != nil {
		return "", b.lost
	}
	if b.txns[p.ID] == "" {
		b.txns[p.ID] = fmt.Sprint("txn-", len(b.txns)+1)
	}
	return b.txns[p.ID], b.postErr
}

func (b *book) Find(_ context.Context, id string) (string, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finds = append(b.finds, id)
	if b.held[id] {
		return "", false, fmt.Errorf("ask ledger: %w", context.DeadlineExceeded)
	}
	txn, found := b.txns[id]
	return txn, found, b.findErr
}

func payments(db *store.DB, b *book) *batch.Payments {
	return &batch.Payments{DB: db, Ledger: b, Actor: "test", Now: time.Now}
}

func TestPaymentIsBookedOnce(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		b := &book{txns: map[string]string{}}
		s := payments(db, b)
		var group errgroup.Group
		var mu sync.Mutex
		got := map[batch.Handled]int{}
		for range 64 {
			group.Go(func() error {
				handled, err := s.Prepare(t.Context(), "P1", json.RawMessage(`{"fen":1}`))
				mu.Lock()
				defer mu.Unlock()
				got[handled]++
				return err
			})
		}
		if err := group.Wait(); err != nil || got[batch.Accepted] != 1 {
			t.Fatalf("prepared: %v, %v", got, err)
		}
		if _, err := s.Prepare(t.Context(), "P1", json.RawMessage(`{"fen":2}`)); !errors.Is(err, batch.ErrConflict) {
			t.Errorf("another payload: %v", err)
		}
		var refused *batch.MoveError
		if err := s.Settle(t.Context(), "P1"); !errors.As(err, &refused) {
			t.Errorf("settled before it was confirmed: %v", err)
		}

		b.postErr = errors.New("connection reset") // the booking is there, its answer is not
		b.findErr = errors.New("connection refused")
		if err := s.Confirm(t.Context(), "P1"); !errors.Is(err, batch.ErrUnknown) {
			t.Fatalf("confirmed without knowing: %v", err)
		}
		b.findErr = nil
		if err := s.Confirm(t.Context(), "P1"); err != nil {
			t.Fatal(err)
		}
		p, err := batch.ReadPayment(t.Context(), db, "P1")
		if err != nil || p.State != batch.Confirmed || p.Txn != b.txns["P1"] || p.Txn == "" {
			t.Fatalf("got %+v, %v", p, err)
		}
		for range 2 {
			if err := errors.Join(s.Confirm(t.Context(), "P1"), s.Settle(t.Context(), "P1")); err != nil {
				t.Fatal(err)
			}
		}
		if b.posts != 1 {
			t.Errorf("posted %d times", b.posts)
		}
		for action, n := range map[string]int{"payment PENDING to PREPARING": 1, "payment PREPARING to CONFIRMED": 1, "payment CONFIRMED to SETTLED": 1} {
			if got := audited(t, db, action)["P1"]; got != n {
				t.Errorf("%s: %d times in the audit", action, got)
			}
		}
	})
}

// TestPaymentOfAKilledProcess confirms what a process had booked when it died.
func TestPaymentOfAKilledProcess(t *testing.T) {
	db := stores.Open(t, stores.File(t))
	b := &book{txns: map[string]string{"P1": "txn-before"}}
	s := payments(db, b)
	if _, err := s.Prepare(t.Context(), "P1", json.RawMessage(`{}`)); err != nil {
		t.Fatal(err)
	}
	if err := s.Abort(t.Context(), "P1"); err == nil {
		t.Fatal("a booked payment was aborted")
	}
	if err := s.Confirm(t.Context(), "P1"); err != nil {
		t.Fatal(err)
	}
	if p, err := batch.ReadPayment(t.Context(), db, "P1"); err != nil || p.Txn != "txn-before" || b.posts != 0 {
		t.Fatalf("%+v after %d posts, %v", p, b.posts, err)
	}
}

func TestPaymentThatIsNotBookedMayEnd(t *testing.T) {
	db := stores.Open(t, stores.File(t))
	b := &book{txns: map[string]string{}, lost: errors.New("refused")}
	s := payments(db, b)
	if _, err := s.Prepare(t.Context(), "P1", json.RawMessage(`{}`)); err != nil {
		t.Fatal(err)
	}
	if err := s.Confirm(t.Context(), "P1"); !errors.Is(err, batch.ErrUnknown) {
		t.Fatalf("got %v", err)
	}
	b.findErr = errors.New("connection refused")
	if err := s.Abort(t.Context(), "P1"); !errors.Is(err, batch.ErrUnknown) {
		t.Fatalf("aborted without knowing: %v", err)
	}
	b.findErr = nil
	if err := s.Abort(t.Context(), "P1"); err != nil {
		t.Fatal(err)
	}
	var refused *batch.MoveError
	if err := s.Confirm(t.Context(), "P1"); !errors.As(err, &refused) || refused.From != "ABORTED" || refused.To != "CONFIRMED" {
		t.Errorf("confirmed after its end: %v", err)
	}
}

// TestLedgerThatHangsEndsTheLook has one row held by another session, and then all of them.
func TestLedgerThatHangsEndsTheLook(t *testing.T) {
	db := stores.Open(t, stores.File(t))
	b := &book{txns: map[string]string{}, held: map[string]bool{}}
	s := payments(db, b)
	for i := range 30 {
		id := fmt.Sprintf("P%02d", i)
		b.held[id] = true
		if _, err := s.Prepare(t.Context(), id, json.RawMessage(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	if moved, err := s.Look(t.Context(), 0); !errors.Is(err, batch.ErrUnknown) || moved != 0 || len(b.finds) != 3 {
		t.Errorf("a ledger that hangs was asked %d times, %d moved, %v", len(b.finds), moved, err)
	}
	b.held, b.finds = map[string]bool{"P00": true}, nil
	if moved, err := s.Look(t.Context(), 0); !errors.Is(err, batch.ErrUnknown) || moved != 2*29 {
		t.Errorf("one row that is held: %d moved, %v", moved, err)
	}
	b.held, b.lost = nil, errors.New("refused")
	for i := range 30 {
		if _, err := s.Prepare(t.Context(), fmt.Sprintf("R%02d", i), json.RawMessage(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Look(t.Context(), 0)
	if err == nil || strings.Count(err.Error(), "refused") != 20 || !strings.Contains(err.Error(), "and 11 payments more") {
		t.Errorf("errors of a look: %v", err)
	}
	b.lost = nil
	if moved, err := s.Look(t.Context(), 0); err != nil || moved != 2*31 {
		t.Errorf("%d moved, %v", moved, err)
	}
}

// TestPaymentAbortedWhileItIsBooked has another process give a payment up between the ledger's booking and our move.
func TestPaymentAbortedWhileItIsBooked(t *testing.T) {
	db := stores.Open(t, stores.File(t))
	b := &book{txns: map[string]string{}}
	s, other := payments(db, b), payments(db, &book{})
	for _, id := range []string{"P1", "P2"} {
		if _, err := s.Prepare(t.Context(), id, json.RawMessage(`{}`)); err != nil {
			t.Fatal(err)
		}
	}
	b.booked = func() {
		if err := other.Abort(t.Context(), "P1"); err != nil { // it asked the ledger before the booking was there
			t.Error(err)
		}
	}
	err := s.Confirm(t.Context(), "P1")
	if err == nil || errors.Is(err, batch.ErrLost) || errors.Is(err, batch.ErrUnknown) || !strings.Contains(err.Error(), "booked it as txn-1 while it was aborted") {
		t.Errorf("money is booked, and nobody hears of it: %v", err)
	}
	if n := audited(t, db, "payment ABORTED is booked")["P1"]; n != 1 {
		t.Errorf("%d times in the audit", n)
	}
	b.booked = func() {
		b.booked = nil
		if err := s.Confirm(t.Context(), "P2"); err != nil {
			t.Error(err)
		}
	}
	if err := s.Confirm(t.Context(), "P2"); !errors.Is(err, batch.ErrLost) {
		t.Errorf("another confirmed it: %v", err)
	}
}

// TestPaymentsAreListed pages through payments by state.
func TestPaymentsAreListed(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		s := payments(db, &book{txns: map[string]string{}})
		for _, id := range []string{"P3", "P1", "P2", "P4"} {
			if _, err := s.Prepare(t.Context(), id, json.RawMessage(`{"fen":1}`)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Confirm(t.Context(), "P2"); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			filter batch.PaymentFilter
			want   string
		}{
			{batch.PaymentFilter{}, "P1 P2 P3 P4"},
			{batch.PaymentFilter{State: batch.Preparing}, "P1 P3 P4"},
			{batch.PaymentFilter{State: batch.Confirmed}, "P2"},
			{batch.PaymentFilter{State: batch.Preparing, After: "P1", Limit: 1}, "P3"},
			{batch.PaymentFilter{After: "P4"}, ""},
		} {
			all, err := batch.ReadPayments(t.Context(), db, c.filter)
			var got []string
			for _, p := range all {
				got = append(got, p.ID)
			}
			if err != nil || strings.Join(got, " ") != c.want {
				t.Errorf("%+v: %q, %v", c.filter, got, err)
			}
		}
	})
}
