package plugins_test

import (
	"bytes"
	"syscall"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

// tally takes records and keeps none.
type tally struct{ records, minor int64 }

func (c *tally) Record(r recon.Record) error { c.records++; c.minor += r.Amount.Minor; return nil }
func (c *tally) Reject(recon.Reject) error   { return nil }

// columnTally is a tally of whole batches.
type columnTally struct{ tally }

func (c *columnTally) Columns(batch plugins.Columns) error {
	for i := range batch.Len() {
		c.records++
		c.minor += batch.Minor(i)
	}
	return nil
}

// BenchmarkDecode sends a file to an adapter's process and takes its records: both directions of the boundary, the
// digests on both sides, and a decoder that parses each line. A consumer takes a record at a time, or columns.
func BenchmarkDecode(b *testing.B) {
	b.Run("columns", func(b *testing.B) {
		got := &columnTally{}
		decodes(b, got, &got.tally)
	})
	b.Run("records", func(b *testing.B) {
		got := &tally{}
		decodes(b, got, got)
	})
}

func decodes(b *testing.B, emit plugins.Emitter, got *tally) {
	rig := newRig(b)
	rig.cfg.Timing = plugins.Timing{}
	h := rig.start(b)
	const lines = 2_000_000
	data, sum := statement(lines)
	b.SetBytes(int64(len(data)))
	own, theirs := cpu(syscall.RUSAGE_SELF), cpu(syscall.RUSAGE_CHILDREN)
	b.ResetTimer()
	for b.Loop() {
		*got = tally{}
		if _, err := h.Decode(b.Context(), plugins.DecodeRequest{Kind: "fast", File: "f", SHA256: sum}, bytes.NewReader(data), emit); err != nil {
			b.Fatal(err)
		}
		if want := int64(lines) * (lines - 1) / 2; got.records != lines || got.minor != want {
			b.Fatalf("%d records, sum %d, want %d", got.records, got.minor, want)
		}
	}
	b.ReportMetric(float64(b.N)*lines/b.Elapsed().Seconds(), "records/s")
	own = cpu(syscall.RUSAGE_SELF) - own
	h.Close() // children are counted when they are gone
	theirs = cpu(syscall.RUSAGE_CHILDREN) - theirs
	b.ReportMetric(float64(own.Nanoseconds())/float64(b.N*lines), "host-cpu-ns/record")
	b.ReportMetric(float64(theirs.Nanoseconds())/float64(b.N*lines), "adapter-cpu-ns/record")
}

// cpu is the processor time that a process and its threads took. On a machine that others use too it says more than the
// clock.
func cpu(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		panic(err) // who is one of two constants
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
