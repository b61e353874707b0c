package batch_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/events"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// asked is a channel that is asked: by key, what it has. Keys that begin with X are not answered, with U cannot be asked.
type asked struct {
	mu    sync.Mutex
	has   map[string]int64
	calls []string
	hangs bool
}

func (a *asked) Ask(ctx context.Context, _ batch.ID, r *recon.Record) (batch.ChannelAnswer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, r.Key.ID)
	switch {
	case a.hangs:
		<-ctx.Done()
		return batch.ChannelAnswer{}, ctx.Err()
	case strings.HasPrefix(r.Key.ID, "X"):
		return batch.ChannelAnswer{}, errors.New("the channel is down")
	case strings.HasPrefix(r.Key.ID, "U"):
		return batch.ChannelAnswer{}, fmt.Errorf("refunds: %w", batch.ErrCannotAsk)
	}
	minor, ok := a.has[r.Key.ID]
	if !ok {
		return batch.ChannelAnswer{}, nil
	}
	answer := payment(r.Key.ID, minor, recon.StatusSuccess)
	return batch.ChannelAnswer{Record: &answer, SHA256: "answer " + r.Key.ID}, nil
}

func payment(id string, minor int64, status recon.Status) recon.Record {
	return recon.Record{Key: recon.Key{Kind: recon.KindPayment, ID: id}, Amount: recon.Money{Minor: minor, Currency: "CNY"}, Status: status, Time: at("10:00").AddDate(0, 0, -1)}
}

// hears gives the rig's statement callbacks, and a channel that can be asked.
func (r *rig) hears(a *asked, queries int) {
	r.Profiles[0].Callbacks = &batch.Callbacks{Asker: a, Queries: queries, Parallel: 2, Rate: 10_000, Within: time.Minute}
}

// told keeps a callback.
func (r *rig) told(t *testing.T, record recon.Record) {
	t.Helper()
	e, err := events.New("wechat/m1/trade", r.Profiles[0].Zone, record, events.Callback, "callback "+record.Key.ID, at("00:10"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := events.Keep(t.Context(), r.DB, []events.Event{e}); err != nil {
		t.Fatal(err)
	}
}

// differences reads the archived lines: "payment P1 amount-mismatch", with what is said of it.
func (r *rig) differences(t *testing.T, p *batch.ProvisionalClose) (all []string) {
	t.Helper()
	f, err := os.Open(r.Archive.Path(p.SHA256))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var l struct {
			match.Difference
			Standing string
			Asked    bool
		}
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s %s", l.Key, l.Break, l.Standing)))
	}
	slices.Sort(all)
	return all
}

// TestProvisionalCloseHears has each way in which books and channel can stand to each other before the file is there.
func TestProvisionalCloseHears(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		r := newRig(t, db)
		reg := prometheus.NewRegistry()
		r.Metrics = batch.NewMetrics(reg)
		channel := &asked{has: map[string]int64{"P2": 2000, "P4": 4001}}
		r.hears(channel, 100)
		r.books.write(t, day, file("P1 10.00", "P2 20.00", "P3 30.00", "P4 40.00", "P5 50.00", "X1 1.00", "U1 2.00", "P8 80.00"))
		r.told(t, payment("P1", 1000, recon.StatusSuccess))    // agrees
		r.told(t, payment("P3", 3001, recon.StatusSuccess))    // another amount
		r.told(t, payment("P6", 6000, recon.StatusSuccess))    // the books do not have it
		r.told(t, payment("P7", 7000, recon.StatusClosed))     // nor this one, which is no booking
		r.told(t, payment("P8", 8000, recon.StatusProcessing)) // not over at the channel
		r.told(t, payment("P1", 1, recon.StatusSuccess))       // contradicts
		other := payment("P9", 1, recon.StatusSuccess)
		other.Time = at("10:00") // of the next day
		r.told(t, other)
		l := r.look(t, "02:00")
		if l.Early == nil || l.Provisional.IsZero() || l.Phase != batch.Waiting || !l.Next.Equal(at("09:00")) {
			t.Fatalf("after the provisional close: %+v", l)
		}
		h := l.Early.Heard
		wants(t, l, batch.Waiting, "provisional at 2026-11-23T18:00:00Z: books 8, events 5, agreed 2, amount-mismatch 2, status-mismatch 1, only books 1 never-heard, only books 1 unanswered, only books 1 not-asked, only channel 1, not booked 1, conflicts 1, asked 4, known when asked 2")
		if h.Agreed[0].Minor != 3000 || h.OnlyChannel[0].Minor != 6000 || h.OnlyBooks[0].Books[0].Minor != 5000 || h.Differing[0].Books[0].Minor != 7000 || h.Differing[0].Channel[0].Minor != 7002 {
			t.Errorf("money: %+v", h)
		}
		want := []string{
			"payment P3 amount-mismatch", "payment P4 amount-mismatch", "payment P5 missing-at-channel never-heard", "payment P6 missing-internally", "payment P7 missing-internally",
			"payment P8 status-mismatch", "payment U1 missing-at-channel not-asked", "payment X1 missing-at-channel unanswered",
		}
		if got := r.differences(t, l.Early); !slices.Equal(got, want) {
			t.Errorf("differences %q", got)
		}
		if n := len(r.cases(t)); n != 0 {
			t.Errorf("%d cases of a provisional close", n)
		}
		audit(t, db, l.Early.SHA256)
		var answers int
		if err := events.Each(t.Context(), db, "wechat/m1/trade", day, func(e *events.Event) error {
			if e.Source == events.Answer {
				answers++
			}
			return nil
		}); err != nil || answers != 2 {
			t.Errorf("%d answers are kept, %v", answers, err)
		}
		if n := testutil.CollectAndCount(reg, "touchstone_recon_provisional_total"); n != 7 {
			t.Errorf("%d series", n)
		}
		r.closesFinally(t)
	})
}

// audit wants one entry of the provisional close that names the differences.
func audit(t *testing.T, db *store.DB, sha256 string) {
	t.Helper()
	all, err := db.Outbox(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, e := range all {
		if e.Action == "statement provisional close" && e.SHA256 == sha256 && strings.HasSuffix(e.Archive, sha256) {
			found++
		}
	}
	if found != 1 {
		t.Errorf("%d entries of the provisional close", found)
	}
}

// closesFinally has the file decide, and then the events go.
func (r *rig) closesFinally(t *testing.T) {
	t.Helper()
	if err := r.SweepEvents(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	before := r.days(t)
	r.channel.sends(file("P1 10.00", "P2 20.00", "P3 30.00", "P4 40.00", "P5 50.00", "X1 1.00", "U1 2.00", "P8 80.00"))
	if l := r.look(t, "09:01"); l.Phase != batch.Closed || l.Latest.Result.Findings != 0 || l.Early == nil {
		t.Fatalf("the final close: %s", l.String())
	}
	if err := r.SweepEvents(t.Context(), 1); err != nil { // back is not over
		t.Fatal(err)
	}
	if got := r.days(t); !slices.Equal(got, before) || len(got) != 2 {
		t.Errorf("events of %v are there before back is over, of %v before", got, before)
	}
	r.now = at("09:01").AddDate(0, 0, 1)
	if err := r.SweepEvents(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if got := r.days(t); !slices.Equal(got, []string{"2026-11-24"}) {
		t.Errorf("events of %v are left: the next day is not closed", got)
	}
	r.now = at("09:01").AddDate(0, 0, 40) // nobody ever expected the statement of the next day
	if err := r.SweepEvents(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if got := r.days(t); len(got) != 0 {
		t.Errorf("events of %v are left", got)
	}
}

func (r *rig) days(t *testing.T) []string {
	t.Helper()
	days, err := events.Days(t.Context(), r.DB, "wechat/m1/trade", "9999-12-31")
	if err != nil {
		t.Fatal(err)
	}
	return days
}

// TestQuestionsAreBounded has more to ask than may be asked, by number and by time, and a close that would hold up the file.
func TestQuestionsAreBounded(t *testing.T) {
	var rows []string
	for n := range 50 {
		rows = append(rows, fmt.Sprintf("P%02d 1.00", n))
	}
	for name, c := range map[string]struct {
		change func(*asked, *batch.Callbacks)
		clock  string
		want   string
	}{
		"by number":        {func(_ *asked, c *batch.Callbacks) { c.Queries = 7 }, "02:00", "only books 7 never-heard, only books 43 not-asked, asked 7"},
		"none":             {func(_ *asked, c *batch.Callbacks) { c.Queries = 0 }, "02:00", "books 50, events 0, agreed 0, only books 50 not-asked"},
		"nobody":           {func(_ *asked, c *batch.Callbacks) { c.Asker = nil }, "02:00", "only books 50 not-asked"},
		"by pace and time": {func(_ *asked, c *batch.Callbacks) { c.Rate, c.Within = 1, 400*time.Millisecond }, "02:00", "only books 1 never-heard, only books 49 not-asked, asked 1"},
		"it hangs": {func(a *asked, c *batch.Callbacks) {
			a.hangs, c.Parallel, c.Within = true, 1, 400*time.Millisecond
		}, "02:00", "only books 2 unanswered, only books 48 not-asked, asked 2"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, stores.Open(t, stores.File(t)))
			channel := &asked{}
			r.hears(channel, 1000)
			c.change(channel, r.Profiles[0].Callbacks)
			r.books.write(t, day, file(rows...))
			begin := time.Now()
			wants(t, r.look(t, c.clock), batch.Waiting, c.want)
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

// TestProvisionalCloseIsGivenUp has one that cannot end in its time: the statement waits for its file as if there were none.
func TestProvisionalCloseIsGivenUp(t *testing.T) {
	r := newRig(t, stores.Open(t, stores.File(t)))
	r.hears(&asked{}, 10)
	r.Profiles[0].Callbacks.Within = time.Nanosecond
	r.books.write(t, day, file("P1 10.00"))
	l := r.look(t, "02:00")
	if !l.Provisional.IsZero() || l.Early != nil || !l.Next.Equal(at("09:00")) {
		t.Fatalf("got %+v", l)
	}
	wants(t, l, batch.Waiting, "no provisional close: it would have taken too long")
	r.channel.sends(file("P1 10.00"))
	wants(t, r.look(t, "09:00"), batch.Closed, "findings 0")
}

// TestProvisionalCloseOnBooksAlone is what a statement without callbacks gets.
func TestProvisionalCloseOnBooksAlone(t *testing.T) {
	r := newRig(t, stores.Open(t, stores.File(t)))
	r.books.write(t, day, file("P1 10.00", "P2 20.00"))
	r.told(t, payment("P1", 1000, recon.StatusSuccess))
	l := r.look(t, "02:00")
	if l.Early == nil || l.Early.Heard != nil || l.Early.SHA256 != "" {
		t.Fatalf("got %+v", l.Early)
	}
	wants(t, l, batch.Waiting, "provisional at 2026-11-23T18:00:00Z: 2 records, 0 rejected; payment success: 2, 3000 CNY in minor units")
}

// TestProvisionalCloseAgain has a process die among the questions: the next one asks only what is not answered yet.
func TestProvisionalCloseAgain(t *testing.T) {
	r := newRig(t, stores.Open(t, stores.File(t)))
	channel := &asked{has: map[string]int64{"P1": 1000, "P2": 2000}}
	r.hears(channel, 10)
	r.books.write(t, day, file("P1 10.00", "P2 20.00", "P3 30.00"))
	ctx, cancel := context.WithCancel(t.Context())
	r.now = at("02:00")
	r.Profiles[0].Callbacks.Asker, r.Profiles[0].Callbacks.Parallel = dying{channel, cancel}, 1
	if _, err := r.Advance(ctx, r.id); err == nil {
		t.Fatal("a call that died closed")
	}
	r.Profiles[0].Callbacks.Asker = channel
	channel.calls = nil
	wants(t, r.look(t, "02:10"), batch.Waiting, "books 3, events 1, agreed 2, only books 1 never-heard, asked 2, known when asked 1")
	if !slices.Equal(channel.calls, []string{"P2", "P3"}) {
		t.Errorf("asked %v", channel.calls)
	}
}

// dying ends the context of the close with the second question.
type dying struct {
	*asked
	cancel func()
}

func (d dying) Ask(ctx context.Context, id batch.ID, r *recon.Record) (batch.ChannelAnswer, error) {
	if len(d.calls) == 1 {
		d.cancel()
		return batch.ChannelAnswer{}, ctx.Err()
	}
	return d.asked.Ask(ctx, id, r)
}
