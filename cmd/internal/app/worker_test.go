package app

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
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
