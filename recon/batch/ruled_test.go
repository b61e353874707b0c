package batch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/rules"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// contract is T+1 for every booking, two cents a row and five a day, and reversals.
func contract() *rules.Config {
	cny := func(minor int64) recon.Money { return recon.Money{Minor: minor, Currency: "CNY"} }
	return &rules.Config{
		Terms: []rules.Term{{Days: 1, Calendar: true}}, Reversals: true,
		Tolerances: []rules.Tolerance{{Name: "rounding", Field: recon.FieldAmount, Row: cny(2), Cap: cny(5), Until: rules.DayOf(2026, 12, 31)}},
	}
}

// ordered is the format of lines that say their kind and order as well: "kind:key:order amount".
func ordered() *recon.FormatSpec {
	f := lines()
	f.Columns = append(f.Columns, recon.Column{Name: "kind"}, recon.Column{Name: "order"})
	f.KindIn = "kind"
	payment := f.Rows[0]
	payment.Match = []string{"pay"}
	payment.Order = []string{"order"}
	reversal := payment
	reversal.Kind, reversal.Match = recon.KindReversal, []string{"back"}
	f.Rows = []recon.RowRule{reversal, payment}
	return f
}

// week is a rig whose bills and books are by day.
type week struct {
	*rig
	bills map[string]string
}

func newWeek(t *testing.T, db *store.DB) *week {
	w := &week{rig: newRig(t, db), bills: map[string]string{}}
	w.Profiles[0].Rules = contract()
	w.sendsBills()
	return w
}

// sendsBills has the channel send what is in bills.
func (w *week) sendsBills() {
	w.channel.says(func(id batch.ID, to io.Writer) (batch.Fetched, error) {
		text, there := w.bills[id.Day]
		if !there {
			return batch.Fetched{Readiness: batch.NotReady, Why: "no bill yet"}, nil
		}
		_, err := io.WriteString(to, text)
		return batch.Fetched{Readiness: batch.Ready, Name: "bill-" + id.Day + ".csv"}, err
	})
}

// november is a day of the month.
func november(n int) string { return fmt.Sprintf("2026-11-%02d", n) }

// files puts a day's books and bill there.
func (w *week) files(t *testing.T, day, ours, theirs string) {
	t.Helper()
	w.books.write(t, day, ours)
	w.bills[day] = theirs
}

// on advances a day's statement at noon of the 30th, and gives it.
func (w *week) on(t *testing.T, day string) batch.Line {
	t.Helper()
	w.now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	if err := w.Expect(t.Context(), day); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Advance(t.Context(), w.Profiles[0].ID(day)); err != nil {
		t.Fatalf("%s: %v", day, err)
	}
	return w.of(t, day)
}

func (w *week) of(t *testing.T, day string) batch.Line {
	t.Helper()
	all, err := w.Status(t.Context(), day)
	if err != nil || len(all) != 1 {
		t.Fatalf("%s: %d lines, %v", day, len(all), err)
	}
	return all[0]
}

// open gives the open cases of all days.
func (w *week) open(t *testing.T) []string {
	t.Helper()
	all := w.cases(t)
	for i := range all {
		all[i] = strings.TrimPrefix(all[i], "wechat/m1/trade/")
	}
	return all
}

func (w *week) booked(t *testing.T) (minors []int64) {
	t.Helper()
	rows, err := w.DB.Query(t.Context(), "SELECT minor FROM booked ORDER BY minor, id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		minors = append(minors, n)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return minors
}

// chained wants what each day carried out to be what the next carried in, and to be in the archive under its hash.
func chained(t *testing.T, r *batch.Runner, days ...string) {
	t.Helper()
	before := ""
	for i, day := range days {
		all, err := r.Status(t.Context(), day)
		if err != nil || len(all) != 1 || all[0].Latest == nil || all[0].Latest.Result == nil || all[0].Latest.Result.Rules == nil {
			t.Fatalf("%s: no result, %v", day, err)
		}
		ruled := all[0].Latest.Result.Rules
		if ruled.CarriedIn != before || (i > 0) != (ruled.From != "") {
			t.Errorf("%s carried in %q from %q, the day before carried out %q", day, ruled.CarriedIn, ruled.From, before)
		}
		before = ruled.Carried.Digest
		if info, err := os.Stat(r.Archive.Path(before)); err != nil || info.Size() != ruled.Carried.Bytes {
			t.Errorf("%s: what it carried out is not in the archive: %v", day, err)
		}
	}
}

// TestDaysWithRules has a booking that comes a day late, one that never comes, a cent, and a payment with its reversal.
func TestDaysWithRules(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		w := newWeek(t, db)
		w.files(t, november(23), file("P1 1.00", "late 19.99", "never 5.00", "cent 3.00"), file("P1 1.00", "cent 3.02", "theirs 7.00"))
		w.files(t, november(24), file("P2 1.00", "theirs 7.00"), file("P2 1.00", "late 19.99"))
		w.files(t, november(25), file("P3 1.00"), file("P3 1.00"))
		wants(t, w.on(t, november(23)), batch.Closed, "findings 0, tolerated 1, carried 3")
		if got := w.open(t); len(got) != 0 {
			t.Fatalf("cases of a day on which nothing is over: %q", got)
		}
		if got := w.booked(t); !slices.Equal(got, []int64{2, 2}) {
			t.Fatalf("written off %v", got)
		}
		var told []batch.Finding
		w.Cases = caseList{&told}
		wants(t, w.on(t, november(24)), batch.Closed, "findings 1, settled 2")
		if got := w.open(t); !slices.Equal(got, []string{november(24) + " payment never #1 missing-at-channel since " + november(23)}) {
			t.Fatalf("cases %q", got)
		}
		due := time.Date(2026, 11, 25, 2, 0, 0, 0, time.UTC)
		if len(told) != 1 || told[0].Why != "expected by "+november(24) || !told[0].Expected.Equal(due) || told[0].Since != november(23) {
			t.Fatalf("findings %+v", told)
		}
		if got := w.of(t, november(24)).Latest.Result.Rules.History; len(got) != 1 || got[0].Since.String() != november(23) || got[0].Records != 2 {
			t.Errorf("history %+v", got)
		}
		wants(t, w.on(t, november(25)), batch.Closed, "matched 1, findings 0")
		chained(t, w.Runner, november(23), november(24), november(25))
	})
}

// TestAReversalIsNoBreak has the channel show a payment and its reversal, which we never had.
func TestAReversalIsNoBreak(t *testing.T) {
	w := newWeek(t, stores.Open(t, stores.File(t)))
	w.Profiles[0].Source = orderedChannel{w.channel}
	w.files(t, november(23), file("P1 1.00"), "key,amount,status,kind,order\nP1,1.00,success,pay,A\nP9,4.00,success,pay,B\nV9,4.00,success,back,B\nV8,9.00,success,back,C\n# end 4\n")
	wants(t, w.on(t, november(23)), batch.Closed, "findings 0, netted 2, carried 1")
}

type orderedChannel struct{ *channel }

func (orderedChannel) Format(context.Context, batch.ID) (*recon.FormatSpec, error) {
	return ordered(), nil
}

// TestADayWaitsForTheOneBefore brings the files in the wrong order.
func TestADayWaitsForTheOneBefore(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		w := newWeek(t, db)
		w.files(t, november(24), file("P2 1.00"), file("P2 1.00", "late 19.99"))
		w.books.write(t, november(23), file("late 19.99"))
		wants(t, w.on(t, november(24)), batch.Running, "waits for 2026-11-23, which is waiting: its hour has not come", "version 1 PENDING")
		w.on(t, november(23))
		wants(t, w.on(t, november(24)), batch.Running, "waits for 2026-11-23, which is waiting: no file: no bill yet")
		if _, err := w.Close(t.Context(), november(24), "me"); err == nil || !strings.Contains(err.Error(), "waits for 2026-11-23") {
			t.Fatalf("a day closed before the one that it waits for: %v", err)
		}
		wants(t, w.on(t, november(26)), batch.Waiting, "no file")
		w.files(t, november(26), file("P6 1.00"), file("P6 1.00"))
		w.rerun(t, november(26))
		wants(t, w.on(t, november(26)), batch.Running, "waits for 2026-11-25, which nobody expects, though wechat/m1/trade/2026-11-24 is known; try: touchstone recon run --date 2026-11-25")

		w.bills[november(23)] = file()
		w.rerun(t, november(23))
		wants(t, w.on(t, november(23)), batch.Closed, "carried 1")
		if s := w.of(t, november(24)); !s.Next.Equal(w.now) {
			t.Fatalf("the day that waits is looked at %s", s.Next)
		}
		if err := w.Follow(t.Context(), w.Profiles[0].ID(november(23))); err != nil {
			t.Fatal(err)
		}
		wants(t, w.of(t, november(24)), batch.Closed, "version 1 SETTLED", "findings 0, settled 1")
		chained(t, w.Runner, november(23), november(24))
		w.Profiles[0].First = november(26)
		wants(t, w.on(t, november(26)), batch.Closed, "version 1 SETTLED")
	})
}

func (w *week) rerun(t *testing.T, day string) {
	t.Helper()
	if err := w.Rerun(t.Context(), w.Profiles[0].ID(day), false, "me"); err != nil {
		t.Fatal(err)
	}
}

// TestACorrectedDayIsCarriedOn corrects a day after the two days behind it were closed.
func TestACorrectedDayIsCarriedOn(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		w := newWeek(t, db)
		w.files(t, november(23), file("P1 1.00", "cent 3.00", "gone 4.00"), file("cent 3.02", "gone 4.01"))
		w.files(t, november(24), file("P2 1.00"), file("P2 1.00"))
		w.files(t, november(25), file("P3 1.00"), file("P3 1.00"))
		for n := 23; n <= 25; n++ {
			w.on(t, november(n))
		}
		if got := w.open(t); !slices.Equal(got, []string{november(24) + " payment P1 #1 missing-at-channel since " + november(23)}) {
			t.Fatalf("cases %q", got)
		}
		if got := w.booked(t); !slices.Equal(got, []int64{1, 1, 2, 2}) {
			t.Fatalf("written off %v", got)
		}
		last := w.of(t, november(25)).Latest.ID
		w.bills[november(23)] = file("P1 1.00", "cent 3.01", "gone 4.00")
		w.rerun(t, november(23))
		wants(t, w.on(t, november(23)), batch.Closed, "version 2 SETTLED", "tolerated 1")
		if got := w.booked(t); !slices.Equal(got, []int64{1, 1}) {
			t.Fatalf("written off %v", got)
		}
		wants(t, w.of(t, november(24)), batch.Closed, "is done again, since 2026-11-23 carries out other bookings", "version 1 SETTLED")
		if _, err := w.Close(t.Context(), november(24), "me"); err == nil || !strings.Contains(err.Error(), "is done again") {
			t.Fatalf("a day closed that is about to be done again: %v", err)
		}
		w.channel.says(func(batch.ID, io.Writer) (batch.Fetched, error) { // the files are there, nobody is asked
			return batch.Fetched{}, errors.New("the channel is gone")
		})
		if err := w.Follow(t.Context(), w.Profiles[0].ID(november(23))); err != nil {
			t.Fatal(err)
		}
		wants(t, w.of(t, november(24)), batch.Closed, "version 2 SETTLED", "findings 0", "1 gone")
		if got := w.open(t); len(got) != 0 {
			t.Errorf("cases %q", got)
		}
		chained(t, w.Runner, november(23), november(24))
		// what the 24th carries out names its day and is empty both times: the 25th has nothing to do again
		if got := w.of(t, november(25)); got.Latest.ID != last || got.Phase != batch.Closed {
			t.Errorf("the 25th was done again: %s", got.String())
		}
		w.sendsBills() // the file that counts is no news, and one that was replaced is
		w.rerun(t, november(24))
		wants(t, w.on(t, november(24)), batch.Closed, "version 2 SETTLED")
		w.bills[november(23)] = file("cent 3.02", "gone 4.01")
		w.rerun(t, november(23))
		wants(t, w.on(t, november(23)), batch.Quarantined, "an earlier version came again")
	})
}

// TestWhatALaterDaySettlesEndsItsCase has a day closed without rules, then with them, and its case opened again by hand.
func TestWhatALaterDaySettlesEndsItsCase(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		w := newWeek(t, db)
		w.Profiles[0].Rules = nil
		w.files(t, november(23), file("late 1.00", "other 2.00"), file())
		w.files(t, november(24), file(), file("late 1.00", "other 2.00"))
		wants(t, w.on(t, november(23)), batch.Closed, "findings 2")
		w.Profiles[0].Rules = contract()
		if err := w.Runner.Rerun(t.Context(), w.Profiles[0].ID(november(23)), true, "me"); err != nil {
			t.Fatal(err)
		}
		wants(t, w.on(t, november(23)), batch.Closed, "findings 0, carried 2", "2 gone")
		if err := db.Tx(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE open_cases SET gone = 0")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if got := w.open(t); len(got) != 2 {
			t.Fatalf("cases %q", got)
		}
		wants(t, w.on(t, november(24)), batch.Closed, "settled 2")
		if got := w.open(t); len(got) != 0 {
			t.Errorf("cases %q", got)
		}
	})
}

// TestCarriedBytesThatWereChangedAreRefused edits what a day carried out.
func TestCarriedBytesThatWereChangedAreRefused(t *testing.T) {
	w := newWeek(t, stores.Open(t, stores.File(t)))
	w.files(t, november(23), file("late 19.99"), file())
	w.files(t, november(24), file(), file("late 19.99"))
	first := w.on(t, november(23))
	path := w.Archive.Path(first.Latest.Result.Rules.Carried.Digest)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(data), "late", "lase", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.Expect(t.Context(), november(24)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Advance(t.Context(), w.Profiles[0].ID(november(24))); err == nil || !strings.Contains(err.Error(), "carried in: its SHA-256 is") {
		t.Fatalf("got %v", err)
	}
	wants(t, w.of(t, november(24)), batch.Running, "carried in: its SHA-256 is", "version 1 PREPARING")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	wants(t, w.on(t, november(24)), batch.Closed, "version 1 SETTLED", "settled 1")
}

// TestACorrectionBeforeAQuarantinedDay leaves what is wrong with that day's file to be read, and does the day again later.
func TestACorrectionBeforeAQuarantinedDay(t *testing.T) {
	w := newWeek(t, stores.Open(t, stores.File(t)))
	w.files(t, november(23), file("P1 1.00", "late 2.00"), file("P1 1.00"))
	w.files(t, november(24), file("P2 1.00"), file("P2 1.00"))
	for n := 23; n <= 24; n++ {
		w.on(t, november(n))
	}
	right := w.bills[november(24)]
	w.bills[november(24)] = "key,amount,status\nP2,1.00,success\n"
	w.rerun(t, november(24))
	wants(t, w.on(t, november(24)), batch.Quarantined, "cut off")
	w.bills[november(23)] = file("P1 1.00", "late 2.00")
	w.rerun(t, november(23))
	wants(t, w.on(t, november(23)), batch.Closed, "version 2 SETTLED", "findings 0")
	wants(t, w.of(t, november(24)), batch.Quarantined, "cut off")
	w.bills[november(24)] = right
	w.rerun(t, november(24))
	w.on(t, november(24)) // the file that counts is back
	wants(t, w.on(t, november(24)), batch.Closed, "version 3 SETTLED", "findings 0")
	chained(t, w.Runner, november(23), november(24))
}

// TestNothingIsPassedOnToTheFirstDay corrects the day before the rules begin.
func TestNothingIsPassedOnToTheFirstDay(t *testing.T) {
	w := newWeek(t, stores.Open(t, stores.File(t)))
	w.Profiles[0].First = november(24)
	w.files(t, november(23), file("P1 1.00", "late 2.00"), file("P1 1.00"))
	w.files(t, november(24), file("P2 1.00"), file("P2 1.00"))
	for n := 23; n <= 24; n++ {
		w.on(t, november(n))
	}
	w.bills[november(23)] = file("P1 1.00", "late 2.00")
	w.rerun(t, november(23))
	wants(t, w.on(t, november(23)), batch.Closed, "version 2 SETTLED")
	if l := w.of(t, november(24)); l.Open() || l.Why != "" {
		t.Errorf("the first day is done again: %s", l.String())
	}
}
