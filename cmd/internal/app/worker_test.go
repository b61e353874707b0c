package app

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// TestFailedStatementWaitsForItsHour has a statement fail: the queue has it back only where that could not be written down.
func TestFailedStatementWaitsForItsHour(t *testing.T) {
	db, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	nowhere := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(nowhere, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	profile := &batch.Profile{Channel: "bank", Account: "a1", Kind: "statement", Zone: time.UTC, Provisional: -1, Every: 10 * time.Minute}
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	w := &worker{recon: &Recon{Runner: &batch.Runner{
		DB: db, Archive: batch.Archive{Folder: nowhere}, Profiles: []*batch.Profile{profile}, Worker: "w1", Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
	}}}
	if err := w.recon.Expect(t.Context(), "2026-11-23"); err != nil {
		t.Fatal(err)
	}
	id := []byte(profile.ID("2026-11-23").String())
	if err := w.do(t.Context(), id); err != nil {
		t.Errorf("comes again through the queue: %v", err)
	}
	lines, err := w.recon.Status(t.Context(), "2026-11-23")
	if err != nil || len(lines) != 1 || !lines[0].Next.Equal(now.Add(10*time.Minute)) {
		t.Fatalf("got %+v, %v", lines, err)
	}
	if err := w.do(t.Context(), []byte("bank/a2/statement/2026-11-23")); err == nil {
		t.Error("what nobody could write down was taken for done")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.do(t.Context(), id); err == nil || errors.Is(err, batch.ErrFenced) {
		t.Errorf("without a store: %v", err)
	}
}

// TestWorkerSweepsTheArchive has a process die while it fetches, a day before, with the worker running on.
func TestWorkerSweepsTheArchive(t *testing.T) {
	db, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	archive := batch.Archive{Folder: t.TempDir()}
	var hours atomic.Int64
	begin := time.Now()
	now := func() time.Time { return begin.Add(time.Duration(hours.Load()) * time.Hour) }
	w := &worker{recon: &Recon{Runner: &batch.Runner{DB: db, Archive: archive, Worker: "w1", Now: now, Log: slog.New(slog.DiscardHandler)}}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.sweep(ctx, 10*time.Millisecond) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	lost := filepath.Join(archive.Folder, "incoming", "statement-1")
	if err := os.MkdirAll(filepath.Dir(lost), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(lost, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	hours.Store(25)
	within(t, "what the dead process left is gone", func() bool {
		_, err := os.Stat(lost)
		return errors.Is(err, fs.ErrNotExist)
	})
}
