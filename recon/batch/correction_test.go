package batch_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// rerun asks for the statement again at an hour, and looks at it.
func (r *rig) rerun(t *testing.T, clock string, again bool) batch.Line {
	t.Helper()
	r.now = at(clock)
	if err := r.Rerun(t.Context(), r.id, again, "me"); err != nil {
		t.Fatal(err)
	}
	return r.look(t, clock)
}

// hasNone has the channel say that there is no file, and when to come again.
func (c *channel) hasNone(why string, after time.Duration) {
	c.says(func(batch.ID, io.Writer) (batch.Fetched, error) {
		return batch.Fetched{Readiness: batch.NotReady, Why: why, RetryAfter: after}, nil
	})
}

// TestACorrectionOnItsWayIsWaitedFor has the corrected file of a closed statement not be whole when it is asked for.
func TestACorrectionOnItsWayIsWaitedFor(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		r := newRig(t, db)
		r.books.write(t, day, file("P1 10.00"))
		r.channel.sends(file("P1 11.00"))
		wants(t, r.look(t, "09:00"), batch.Closed, "findings 1")
		r.channel.hasNone("bill.csv was written 5s ago", 30*time.Minute)
		l := r.rerun(t, "09:10", false)
		wants(t, l, batch.Closed, "no other file yet: bill.csv was written 5s ago")
		if !l.Open() || !l.Next.Equal(at("09:40")) {
			t.Fatalf("looked at again %s", l.Next)
		}
		if _, err := r.Close(t.Context(), day, "me"); err == nil || !strings.Contains(err.Error(), "written 5s ago") {
			t.Fatalf("a day closed over a correction on its way: %v", err)
		}
		r.channel.sends(file("P1 10.00"))
		if l := r.look(t, "09:40"); l.Open() || l.Why != "" || l.Latest.Number != 2 || l.Latest.Result.Findings != 0 {
			t.Fatalf("after the correction: %s", l.String())
		}
		r.channel.hasNone("there is no bill.csv", 0)
		if l := r.rerun(t, "10:00", false); l.Open() || l.Why != "" {
			t.Fatalf("asked again, with no other file: %s", l.String())
		}
	})
}

// TestAQuarantinedCorrectionStays has the channel give nothing after a correction that was wrong.
func TestAQuarantinedCorrectionStays(t *testing.T) {
	r := newRig(t, stores.Open(t, stores.File(t)))
	r.books.write(t, day, file("P1 10.00"))
	r.channel.sends(file("P1 11.00"))
	wants(t, r.look(t, "09:00"), batch.Closed, "findings 1")
	r.channel.sends("key,amount,status\nP1,10.00,success\n")
	wants(t, r.rerun(t, "09:10", false), batch.Quarantined, "cut off")
	for _, tt := range []struct {
		clock string
		after time.Duration
	}{{"09:30", 0}, {"10:30", time.Minute}} {
		r.channel.hasNone("there is no bill.csv", tt.after)
		l := r.look(t, tt.clock)
		wants(t, l, batch.Quarantined, "cut off")
		if !l.Next.Equal(at(tt.clock).Add(10 * time.Minute)) {
			t.Fatalf("looked at again %s", l.Next)
		}
	}
	r.channel.sends(file("P1 10.00"))
	wants(t, r.look(t, "11:30"), batch.Closed, "version 3 SETTLED", "findings 0")
}

// TestNothingOfAWrongFileIsKept has a file with too many lines that cannot be read, and with more findings than one page.
func TestNothingOfAWrongFileIsKept(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		r := newRig(t, db)
		rows := make([]string, 1200)
		for i := range rows {
			rows[i] = fmt.Sprintf("P%04d 10.00", i)
		}
		r.books.write(t, day, file(rows...))
		r.channel.sends(file("X1 ten", "X2 ten", "P0001 10.00"))
		wants(t, r.look(t, "09:00"), batch.Quarantined, "2 of 3 lines cannot be read", "version 1 ABORTED")
		var kept int
		if err := db.QueryRow(t.Context(), "SELECT COUNT(*) FROM findings").Scan(&kept); err != nil || kept != 0 {
			t.Errorf("%d findings of a file that was wrong are kept, %v", kept, err)
		}
	})
}

// TestAnOldFileIsNoCorrection has the file of the first version come again behind a correction of a later round.
func TestAnOldFileIsNoCorrection(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		r := newRig(t, db)
		r.books.write(t, day, file("P1 10.00"))
		r.channel.sends(file("P1 11.00"))
		wants(t, r.look(t, "09:00"), batch.Closed, "findings 1")
		r.channel.sends(file("P1 10.00"))
		wants(t, r.rerun(t, "09:10", true), batch.Closed, "version 2 SETTLED", "findings 0")
		r.channel.sends(file("P1 11.00"))
		wants(t, r.rerun(t, "09:20", false), batch.Quarantined, "an earlier version came again", "version 2 SETTLED")
		r.channel.sends(file("P1 12.00"))
		wants(t, r.rerun(t, "09:40", false), batch.Closed, "version 3 SETTLED", "findings 1")
		r.channel.sends(file("P1 11.00"))
		wants(t, r.rerun(t, "09:50", true), batch.Closed, "version 4 SETTLED") // people want it done, whichever it is
	})
}

// TestAFileThatIsWrongByNowStaysQuarantined has books and format change between two rounds of one file.
func TestAFileThatIsWrongByNowStaysQuarantined(t *testing.T) {
	r := newRig(t, stores.Open(t, stores.File(t)))
	r.books.write(t, day, file("P1 10.00"))
	r.channel.sends(file("X1 ten", "P1 10.00"))
	wants(t, r.look(t, "09:00"), batch.Closed, "version 1 SETTLED")
	r.Profiles[0].MaxRejected = 0
	wants(t, r.rerun(t, "09:10", true), batch.Quarantined, "version 2 ABORTED")
	wants(t, r.look(t, "09:30"), batch.Quarantined, "the same file came again", "version 2 ABORTED")
	r.Profiles[0].MaxRejected = 1
	wants(t, r.rerun(t, "09:40", true), batch.Closed, "version 3 SETTLED")
}
