package app

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/retention"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// TestWorkerRetires has a worker's part find an operation that ended long ago.
func TestWorkerRetires(t *testing.T) {
	db := stores.Open(t, stores.File(t))
	long := time.Now().AddDate(0, 0, -60)
	if err := db.Tx(t.Context(), func(tx *store.Tx) error {
		o := batch.Operation{ID: "refund/P1/1", Kind: batch.Refund, Payload: []byte(`{"amount": 1}`)}
		if _, err := o.Begin(t.Context(), tx, "test", long); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), "UPDATE operations SET state = 'FAILED'")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	r := &Recon{Runner: &batch.Runner{DB: db, Archive: batch.Archive{Folder: t.TempDir()}, Worker: "w1", Now: time.Now, Log: slog.New(slog.DiscardHandler)}}
	if parts := retentionParts(r, &config.Recon{}, prometheus.NewRegistry()); parts != nil {
		t.Error("without terms there is something to do")
	}
	registry := prometheus.NewRegistry()
	parts := retentionParts(r, &config.Recon{Retention: &config.ReconRetention{Operations: 50}}, registry)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- parts[0].Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	within(t, "the operation is retired and counted", func() bool {
		files, err := retention.Files(t.Context(), db, r.Archive, retention.Filter{})
		if err != nil || len(files) != 1 || files[0].Removed.IsZero() {
			return false
		}
		counted, err := testutil.GatherAndCount(registry, "touchstone_recon_retired_rows_total")
		return err == nil && counted == len(retention.Tables()) && gauge(t, registry, "touchstone_recon_archive_bytes") == float64(files[0].Size)
	})
}

func gauge(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	all, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range all {
		if family.GetName() == name {
			return family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
