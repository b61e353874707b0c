package casework_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

func writeOff(entry string, minor int64, accounts ...string) casework.WriteOff {
	w := casework.WriteOff{Entry: entry, Key: recon.Key{Kind: recon.KindPayment, ID: "P1"}, Why: "tolerance rounding"}
	for i, account := range accounts {
		amount := recon.Money{Minor: minor, Currency: "CNY"}
		if i == 1 {
			amount = amount.Neg()
		}
		w.Sides = append(w.Sides, casework.Side{Account: account, Amount: amount})
	}
	return w
}

type journalLine struct {
	line    int64
	account string
	minor   int64
}

// TestTheJournalOnlyGrows books a write-off, books it again, corrects it, turns it round, and takes it back.
func TestTheJournalOnlyGrows(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		steps := []struct {
			what  string
			write casework.WriteOff
			adds  []journalLine
		}{
			{"a loss of 2", writeOff("e", 2, "write-off", "suspense"), []journalLine{{1, "write-off", 2}, {2, "suspense", -2}}},
			{"the same again", writeOff("e", 2, "write-off", "suspense"), nil},
			{"a loss of 1", writeOff("e", 1, "write-off", "suspense"), []journalLine{{3, "suspense", 1}, {4, "write-off", -1}}},
			{"a gain of 1", writeOff("e", 1, "suspense", "write-off"), []journalLine{{5, "suspense", 2}, {6, "write-off", -2}}},
			{"another account", writeOff("e", 1, "suspense", "6711"), []journalLine{{7, "write-off", 1}, {8, "6711", -1}}},
			{"nothing any more", writeOff("e", 0), []journalLine{{9, "6711", 1}, {10, "suspense", -1}}},
			{"nothing again", writeOff("e", 0), nil},
		}
		var want []journalLine
		for n, step := range steps {
			if err := r.db.Tx(t.Context(), func(tx *store.Tx) error {
				return r.intake.Book(t.Context(), tx, batch("1"), []casework.WriteOff{step.write})
			}); err != nil {
				t.Fatalf("%s: %v", step.what, err)
			}
			want = append(want, step.adds...)
			var got []journalLine
			if err := r.desk.Journal(t.Context(), casework.Filter{Channel: "wechat"}, func(e *casework.Entry) error {
				got = append(got, journalLine{e.Line, e.Account, e.Amount.Minor})
				return nil
			}); err != nil || !slices.Equal(got, want) {
				t.Fatalf("%d, %s: journal %v, want %v, %v", n, step.what, got, want, err)
			}
		}
		if n, err := r.db.Waiting(t.Context()); err != nil || n != 5 {
			t.Errorf("%d audit entries of 5 bookings, %v", n, err)
		}
		for name, f := range map[string]casework.Filter{"another channel": {Channel: "alipay"}, "open cases": {Open: true}, "another day": {Day: "2020-01-01"}} {
			if err := r.desk.Journal(t.Context(), f, func(e *casework.Entry) error { t.Errorf("%s: %+v", name, e); return nil }); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestAWriteOffThatDoesNotBalanceIsRefused: nothing of its page is booked.
func TestAWriteOffThatDoesNotBalanceIsRefused(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		bad := writeOff("bad", 2, "write-off", "suspense")
		bad.Sides = bad.Sides[:1]
		if err := r.db.Tx(t.Context(), func(tx *store.Tx) error {
			return r.intake.Book(t.Context(), tx, batch("1"), []casework.WriteOff{writeOff("good", 1, "a", "b"), bad})
		}); err == nil {
			t.Fatal("no error")
		}
		if err := r.desk.Journal(t.Context(), casework.Filter{}, func(e *casework.Entry) error { t.Errorf("booked %+v", e); return nil }); err != nil {
			t.Error(err)
		}
	})
}

// TestTheJournalIsReadInPages has more lines than a page, and readers of the journal inside of one another: more than the
// store has connections for.
func TestTheJournalIsReadInPages(t *testing.T) {
	onFile(t, func(t *testing.T, r *rig) {
		const entries = 600
		var all []casework.WriteOff
		for i := range entries {
			all = append(all, writeOff(fmt.Sprintf("e%03d", i), int64(i+1), "write-off", "suspense"))
		}
		if err := r.db.Tx(t.Context(), func(tx *store.Tx) error { return r.intake.Book(t.Context(), tx, batch("1"), all) }); err != nil {
			t.Fatal(err)
		}
		read := 0
		if err := r.desk.Journal(t.Context(), casework.Filter{Day: batch("1").Day}, func(e *casework.Entry) error {
			if want := fmt.Sprintf("e%03d/%d", read/2, read%2+1); fmt.Sprintf("%s/%d", e.Entry, e.Line) != want {
				t.Errorf("line %d is %s/%d", read, e.Entry, e.Line)
			}
			read++
			return nil
		}); err != nil || read != 2*entries {
			t.Errorf("%d lines, %v", read, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		enough := errors.New("enough")
		var deeper func(depth int) error
		deeper = func(depth int) error {
			return r.desk.Journal(ctx, casework.Filter{}, func(*casework.Entry) error {
				if depth == 20 {
					return enough
				}
				return deeper(depth + 1)
			})
		}
		if err := deeper(1); !errors.Is(err, enough) {
			t.Errorf("a reader holds its connection: %v", err)
		}
	})
}
