package batch_test

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/scan"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

func wants(t *testing.T, l batch.Line, phase batch.Phase, words ...string) {
	t.Helper()
	text := l.String()
	if l.Phase != phase {
		t.Fatalf("phase %s, want %s: %s", l.Phase, phase, text)
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Fatalf("no %q in: %s", w, text)
		}
	}
}

// TestOneDayWithEverythingWrong is a day whose file is late, cut off, delivered, delivered again, and corrected.
func TestOneDayWithEverythingWrong(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		r := newRig(t, db)
		r.books.write(t, day, file("P1 10.00", "P2 20.00", "P3 30.00"))
		r.channel.says(func(batch.ID, io.Writer) (batch.Fetched, error) {
			return batch.Fetched{Readiness: batch.NotReady, Why: "STATEMENT_CREATING"}, nil
		})
		wants(t, r.look(t, "01:00"), batch.Waiting, "its hour has not come: 2026-11-24 09:00")
		if l := r.look(t, "02:00"); l.Provisional.IsZero() || l.Attempts != 0 || !l.Next.Equal(at("09:00")) {
			t.Fatalf("after the provisional close: %+v", l)
		}
		wants(t, r.look(t, "09:01"), batch.Waiting, "no file: STATEMENT_CREATING")
		if l := r.look(t, "10:30"); !l.Late || l.Attempts != 2 {
			t.Fatalf("after its hour: %s", l.String())
		}
		r.channel.says(func(batch.ID, io.Writer) (batch.Fetched, error) {
			return batch.Fetched{}, errors.New("connection reset")
		})
		r.now = at("10:40")
		if _, err := r.Advance(t.Context(), r.id); err == nil {
			t.Fatal("a failed fetch is no error")
		}
		wants(t, r.line(t), batch.Waiting, "connection reset", "late")

		whole := file("P1 10.00", "P2 20.50", "P4 40.00")
		cut := whole[:len(whole)-20]
		r.channel.sends(cut)
		wants(t, r.look(t, "10:51"), batch.Quarantined, "bill.csv", "cut off", "version 1 ABORTED", "late")
		wants(t, r.look(t, "11:02"), batch.Quarantined, "the same file came again; bill.csv")
		wants(t, r.look(t, "11:13"), batch.Quarantined, "the same file came again; bill.csv")
		if _, err := r.Close(t.Context(), day, "me"); err == nil || !strings.Contains(err.Error(), "cut off") {
			t.Fatalf("a day without its file closed: %v", err)
		}
		if got := r.cases(t); len(got) != 0 {
			t.Fatalf("cases of a file that is cut off: %q", got)
		}

		r.channel.sends(whole)
		wants(t, r.look(t, "11:24"), batch.Closed, "version 2 SETTLED", "books 3, channel 3, matched 1, findings 3")
		want := []string{"payment P2 #1 amount-mismatch", "payment P3 #1 missing-at-channel", "payment P4 #1 missing-internally"}
		if got := r.cases(t); !slices.Equal(got, want) {
			t.Fatalf("cases %q, want %q", got, want)
		}
		closed, err := r.Close(t.Context(), day, "me")
		if err != nil {
			t.Fatal(err)
		}
		settled := r.line(t)
		for _, clock := range []string{"11:40", "12:00"} { // twice: not by itself, and not when asked for
			r.now = at(clock)
			if err := r.Rerun(t.Context(), r.id, false, "me"); err != nil {
				t.Fatal(err)
			}
			if l := r.look(t, clock); l.Phase != batch.Closed || l.Versions != 2 || !l.ClosedAt.Equal(settled.ClosedAt) {
				t.Fatalf("the same file again: %s", l.String())
			}
		}

		r.channel.sends(file("P1 10.00", "P2 20.00", "P4 40.00", "P5 50.00"))
		if err := r.Rerun(t.Context(), r.id, false, "me"); err != nil {
			t.Fatal(err)
		}
		wants(t, r.look(t, "13:00"), batch.Closed, "version 3 SETTLED", "findings 3 (1 opened, 1 gone, 2 unchanged")
		want = []string{"payment P3 #1 missing-at-channel", "payment P4 #1 missing-internally", "payment P5 #1 missing-internally"}
		if got := r.cases(t); !slices.Equal(got, want) {
			t.Fatalf("cases %q, want %q", got, want)
		}
		r.channel.sends(whole)
		if err := r.Rerun(t.Context(), r.id, false, "me"); err != nil {
			t.Fatal(err)
		}
		wants(t, r.look(t, "13:10"), batch.Quarantined, "an earlier version came again")

		for id, n := range audited(t, db, "batch CONFIRMED to SETTLED") {
			if n != 1 {
				t.Errorf("%s settled %d times", id, n)
			}
		}
		r.now = at("14:00")
		if again, err := r.Close(t.Context(), day, "me"); err == nil || !again.IsZero() {
			t.Errorf("closed with a quarantined statement: %v", again)
		}
		r.channel.sends(file("P1 10.00", "P2 20.00", "P3 30.00"))
		wants(t, r.look(t, "14:00"), batch.Closed, "version 4 SETTLED", "findings 0")
		if again, err := r.Close(t.Context(), day, "me"); err != nil || !again.Equal(closed) {
			t.Errorf("closed again at %v, first at %v; %v", again, closed, err)
		}
		if n := audited(t, db, "day closed")[day]; n != 1 {
			t.Errorf("the day closed %d times", n)
		}
	})
}

func TestEmptyDayIsNotAMissingFile(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		r := newRig(t, db)
		r.books.write(t, day, file("P1 10.00"))
		r.channel.says(func(batch.ID, io.Writer) (batch.Fetched, error) {
			return batch.Fetched{Readiness: batch.Ready, Name: "bill.csv"}, nil
		})
		wants(t, r.look(t, "09:00"), batch.Waiting, "bill.csv is there and empty")
		r.channel.says(func(batch.ID, io.Writer) (batch.Fetched, error) {
			return batch.Fetched{Readiness: batch.EmptyDay, Name: "no bill"}, nil
		})
		wants(t, r.look(t, "09:20"), batch.Closed, "books 1, channel 0, matched 0, findings 1")
	})
}

func TestBooksThatFailLeaveTheBatchBegun(t *testing.T) {
	r := newRig(t, stores.Open(t, stores.File(t)))
	r.books.write(t, day, strings.TrimSuffix(file("P1 10.00"), "# end 1\n"))
	r.channel.sends(file("P1 10.00"))
	r.now = at("09:00")
	if _, err := r.Advance(t.Context(), r.id); err == nil {
		t.Fatal("no error")
	}
	wants(t, r.line(t), batch.Running, "failed, tried again", "books of 2026-11-23", "version 1 PREPARING")
	if err := r.Rerun(t.Context(), r.id, true, "me"); err == nil {
		t.Fatal("a batch on its way was asked for again")
	}
	r.books.write(t, day, file("P1 10.00"))
	wants(t, r.look(t, "09:10"), batch.Closed, "version 1 SETTLED", "matched 1")
	r.books.write(t, day, file("P1 10.00", "P2 1.00"))
	if err := r.Rerun(t.Context(), r.id, true, "me"); err != nil {
		t.Fatal(err)
	}
	wants(t, r.look(t, "09:20"), batch.Closed, "version 2 SETTLED", "1 opened")
}

func TestTooManyUnreadableLinesAreAWrongFile(t *testing.T) {
	r := newRig(t, stores.Open(t, stores.File(t)))
	r.books.write(t, day, file("P1 10.00"))
	r.channel.sends(file("P1 10.00", "P2 ten"))
	wants(t, r.look(t, "09:00"), batch.Closed, "findings 0, unreadable 1")
	if l := r.line(t); len(l.Latest.Result.Rejects) != 1 || len(l.Latest.Result.Control) != 1 || l.Latest.Result.Control[0].Declared != 2 {
		t.Errorf("kept of the file: %+v", l.Latest.Result)
	}
	r.channel.sends(file("P1 10.00", "P2 ten", "P3 ten"))
	if err := r.Rerun(t.Context(), r.id, false, "me"); err != nil {
		t.Fatal(err)
	}
	wants(t, r.look(t, "09:20"), batch.Quarantined, "2 of 3 lines cannot be read, more than 1; the first: bill.csv:3:4: amount")
}

// held are parts of a runner of which one hangs when it is used for the first time, until it is woken.
type held struct {
	books        books
	stage        string
	hung         atomic.Bool
	asleep, wake chan struct{}
}

func (h *held) at(stage string) {
	if stage == h.stage && h.hung.CompareAndSwap(false, true) {
		close(h.asleep)
		<-h.wake
	}
}

type heldBooks struct{ *held }

func (h heldBooks) Open(ctx context.Context, id batch.ID, o scan.Options) (*scan.Side, error) {
	h.at("books")
	return h.books.Open(ctx, id, o)
}

// TestWorkerThatSleptIsFenced has a worker hang where it gets the file, and where it opens the books, while another one
// does its work.
func TestWorkerThatSleptIsFenced(t *testing.T) {
	for _, stage := range []string{"source", "books"} {
		t.Run(stage, func(t *testing.T) {
			stores.Each(t, server, func(t *testing.T, db *store.DB) { fence(t, db, stage) })
		})
	}
}

func fence(t *testing.T, db *store.DB, stage string) {
	r := newRig(t, db)
	r.now = at("09:00")
	r.books.write(t, day, file("P1 10.00"))
	h := &held{books: r.books, stage: stage, asleep: make(chan struct{}), wake: make(chan struct{})}
	r.Profiles[0].Books = heldBooks{h}
	r.channel.says(func(_ batch.ID, w io.Writer) (batch.Fetched, error) {
		h.at("source")
		_, err := io.WriteString(w, file("P1 11.00"))
		return batch.Fetched{Readiness: batch.Ready, Name: "bill.csv"}, err
	})
	slept := make(chan error)
	go func() {
		_, err := r.Advance(t.Context(), r.id)
		slept <- err
	}()
	<-h.asleep
	if _, err := r.Advance(t.Context(), r.id); err != nil {
		t.Fatal(err)
	}
	wants(t, r.line(t), batch.Closed, "version 1 SETTLED")
	close(h.wake)
	if err := <-slept; !errors.Is(err, batch.ErrFenced) {
		t.Fatalf("the worker that slept: %v", err)
	}
	if l := r.line(t); l.Versions != 1 || l.Phase != batch.Closed || l.Attempts != 1 || l.Latest.Result.Findings != 1 {
		t.Fatalf("the worker that slept changed something: %s", l.String())
	}
	if got := audited(t, db, "batch CONFIRMED to SETTLED"); len(got) != 1 {
		t.Fatalf("settled: %v", got)
	}
	if got := r.cases(t); len(got) != 1 {
		t.Fatalf("cases: %q", got)
	}
}

func TestArchiveKeepsWhatWasPulled(t *testing.T) {
	r := newRig(t, stores.Open(t, stores.File(t)))
	r.books.write(t, day, file("P1 10.00"))
	r.channel.sends(file("P1 10.00"))
	l := r.look(t, "09:00")
	kept, err := os.ReadFile(r.Archive.Path(l.Latest.File.SHA256))
	if err != nil || string(kept) != file("P1 10.00") {
		t.Fatalf("archived %q, %v", kept, err)
	}
	left, err := os.ReadDir(r.Archive.Folder + "/incoming")
	if err != nil || len(left) != 0 {
		t.Fatalf("%d files are left on the way in, %v", len(left), err)
	}
	lost := r.Archive.Folder + "/incoming/statement-1"
	if err := os.WriteFile(lost, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Archive.Sweep(time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(lost); err != nil {
		t.Fatalf("a file on its way went: %v", err)
	}
	if err := r.Archive.Sweep(time.Now().Add(25 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(lost); err == nil {
		t.Fatal("what a dead process left is still there")
	}
}
