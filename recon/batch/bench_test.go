package batch_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

var benchRows = flag.Int("rows", 100_000, "operations that BenchmarkLookup looks up among")

// operations puts n operations on record and gives them.
func operations(b *testing.B, db *store.DB, n int) []*batch.Operation {
	b.Helper()
	all := make([]*batch.Operation, n)
	for i := range all {
		all[i] = &batch.Operation{ID: operationID(b, batch.Refund, fmt.Sprint("P", i), "1"), Kind: batch.Refund, Payload: json.RawMessage(`{"fen":100}`)}
	}
	for page := range slices.Chunk(all, 1000) {
		if err := db.Tx(context.Background(), func(tx *store.Tx) error {
			for _, o := range page {
				if _, err := o.Begin(context.Background(), tx, "bench", time.Now()); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	return all
}

// BenchmarkTransitionsGrouped moves operations, each with its audit entry, in SQLite: 500 in a transaction.
func BenchmarkTransitionsGrouped(b *testing.B) {
	db := stores.Open(b, stores.File(b))
	all := operations(b, db, b.N)
	b.ResetTimer()
	for page := range slices.Chunk(all, 500) {
		if err := db.Tx(context.Background(), func(tx *store.Tx) error {
			for _, o := range page {
				if err := o.Move(context.Background(), tx, batch.Processing, time.Time{}, "bench", "", time.Now()); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "transitions/s")
}

// BenchmarkTransitionsSingle moves operations in MariaDB, each in a transaction of its own, from 32 writers.
func BenchmarkTransitionsSingle(b *testing.B) {
	db := stores.Open(b, stores.Schema(b, server))
	all := operations(b, db, b.N)
	var next atomic.Int64
	b.ResetTimer()
	var group errgroup.Group
	for range 32 {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(all) {
					return nil
				}
				if err := db.Tx(context.Background(), func(tx *store.Tx) error {
					return all[i].Move(context.Background(), tx, batch.Processing, time.Time{}, "bench", "", time.Now())
				}); err != nil {
					return err
				}
			}
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "transitions/s")
}

// BenchmarkLookup reads operations by their business ids out of 64 partitions in MariaDB.
func BenchmarkLookup(b *testing.B) {
	db := stores.Open(b, stores.Schema(b, server))
	fill(b, db, *benchRows)
	took := make([]time.Duration, 0, b.N)
	b.ResetTimer()
	for range b.N {
		begin := time.Now()
		if _, err := batch.ReadOperation(context.Background(), db, fmt.Sprintf("refund/P%d/1", rand.IntN(*benchRows))); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// fill writes rows without their audit, which look-ups do not touch.
func fill(b *testing.B, db *store.DB, n int) {
	b.Helper()
	for from := 0; from < n; from += 20_000 {
		rows := store.Rows{Table: "operations", Key: []string{"id"}, Columns: []string{"kind", "digest", "payload", "state", "version", "due_us", "rest", "made_us", "moved_us"}}
		for i := from; i < min(n, from+20_000); i++ {
			rows.Values = append(rows.Values, []any{fmt.Sprintf("refund/P%d/1", i), "refund", "", []byte(`{"fen":100}`), "SUCCESS", 3, 0, 0, 1, 1})
		}
		if err := db.Tx(context.Background(), func(tx *store.Tx) error {
			_, err := tx.Add(context.Background(), rows)
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}
