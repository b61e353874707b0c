package batch_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/scan"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// slowBooks deliver half of what they have, and the rest when they are released.
type slowBooks struct {
	text    string
	release chan struct{}
}

func (b slowBooks) Open(_ context.Context, id batch.ID, o scan.Options) (*scan.Side, error) {
	o.Format, o.Name = lines(), "books of "+id.Day
	rest := strings.NewReader(b.text)
	first := io.LimitReader(rest, int64(len(b.text)/2))
	return scan.OpenStream(io.NopCloser(io.MultiReader(first, waitFor(b.release), rest)), o)
}

// waitFor is a reader of nothing that ends when a channel is closed.
func waitFor(c <-chan struct{}) io.Reader { return waiting(c) }

type waiting <-chan struct{}

func (w waiting) Read([]byte) (int, error) {
	<-w
	return 0, io.EOF
}

// seen collects what a runner tells.
type seen struct {
	mu     sync.Mutex
	stages []string
}

func (s *seen) take(_ batch.ID, p batch.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.stages, p.Stage) {
		s.stages = append(s.stages, p.Stage)
	}
}

// TestStatusSaysHowFarABatchIs asks for the status from outside while the books are being read.
func TestStatusSaysHowFarABatchIs(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		r, told := newRig(t, db), &seen{}
		books := slowBooks{file("P1 10.00", "P2 20.00"), make(chan struct{})}
		r.Profiles[0].Books, r.Runner.Progress = books, told.take
		r.channel.sends(file("P1 10.00", "P2 20.01"))
		r.now = at("09:01")
		ended := make(chan error, 1)
		go func() {
			_, err := r.Advance(context.Background(), r.id)
			ended <- err
		}()
		r.await(t, "running", ": scan books of "+day+"; version 1 PREPARING")
		close(books.release)
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if l := r.line(t); l.Phase != batch.Closed || l.Progress != (batch.Progress{}) {
			t.Errorf("after the close: %s, %+v", &l, l.Progress)
		}
		if !slices.Contains(told.stages, "scan books of "+day) {
			t.Errorf("told: %q", told.stages)
		}
	})
}

// TestAFencedWorkerTellsNothing has another worker take the statement while the first one reads.
func TestAFencedWorkerTellsNothing(t *testing.T) {
	r := newRig(t, stores.Open(t, stores.File(t)))
	books := slowBooks{file("P1 10.00"), make(chan struct{})}
	r.Profiles[0].Books = books
	r.channel.sends(file("P1 10.00"))
	r.now = at("09:01")
	ended := make(chan error, 1)
	go func() {
		_, err := r.Advance(context.Background(), r.id)
		ended <- err
	}()
	r.await(t, "scan books")
	if err := r.Rerun(t.Context(), r.id, false, "somebody"); err != nil {
		t.Fatal(err)
	}
	if err := r.DB.Tx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE statements SET stage = 'of another', percent = 7")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond) // longer than the pause between two writes
	if l := r.line(t); l.Progress != (batch.Progress{Stage: "of another", Percent: 7}) {
		t.Errorf("a fenced worker wrote %+v", l.Progress)
	}
	close(books.release)
	if err := <-ended; err == nil {
		t.Error("a fenced worker came to an end")
	}
}

// await waits until the status has some words.
func (r *rig) await(t *testing.T, words ...string) {
	t.Helper()
	var text string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		l := r.line(t)
		text = l.String()
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
			return
		}
	}
	t.Fatalf("no %q in the status: %s", words, text)
}

// TestTheStagesOfADay wants each stage that takes its time to be told with a figure that only grows.
func TestTheStagesOfADay(t *testing.T) {
	r := newRig(t, stores.Open(t, stores.File(t)))
	var rows []string
	for i := range 60_000 {
		rows = append(rows, fmt.Sprintf("P%07d 10.00", i))
	}
	r.books.write(t, day, file(rows...))
	r.channel.sends(file(rows[:40_000]...)) // 20,000 findings, page by page
	var mu sync.Mutex
	var all []batch.Progress
	r.Runner.Progress = func(_ batch.ID, p batch.Progress) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, p)
	}
	r.look(t, "09:01")
	var text bytes.Buffer
	for i, p := range all {
		fmt.Fprintln(&text, p)
		if p.Percent > 100 || (i > 0 && p.Stage == all[i-1].Stage && p.Percent < all[i-1].Percent) {
			t.Errorf("the figure goes back:\n%s", &text)
		}
	}
	if !strings.Contains(text.String(), "cases ") {
		t.Errorf("nothing was told of the cases:\n%s", &text)
	}
}
