package app

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/bus"
	"github.com/seed-3356bd69/touchstone/comparer/evidence"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// secretSet is a transaction with all that must not be stored.
func secretSet() shadow.WriteSet {
	row := func(card string) []shadow.Row {
		return []shadow.Row{{Columns: []string{"id", "card", "cvv", "phone", "raw"},
			Values: []shadow.Value{{Text: "7"}, {Text: card}, {Text: "987"}, {Text: "13800138000"}, {Text: "11010519491231002X", Binary: true}}}}
	}
	return shadow.WriteSet{ID: "w1", Order: "P1", Outcome: shadow.Committed, Statements: []shadow.Statement{
		{Verb: "update", Table: "cards", Rows: row("4111111111111111"), Before: row("5555555555554444"), Deltas: []shadow.Delta{{Row: "card=4111111111111111", Column: "amount", By: "-29.00"}}},
	}}
}

func TestRowsLeakNothing(t *testing.T) {
	folder := t.TempDir()
	spool, err := bus.OpenSpool(bus.SpoolConfig{Dir: filepath.Join(folder, "spool"), MaxBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	publisher := bus.NewPublisher(bus.PublisherConfig{Login: bus.Login{URL: "nats://127.0.0.1:1"}, Buffer: 100, Spool: spool, Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- publisher.Run(ctx) }()
	kept := &told{}
	set := secretSet()
	for _, p := range []publisherOf{publisher.Publish, kept.Publish} {
		s := newSink("i", p, []byte("0123456789abcdef"))
		s.WriteSet(set)
		s.again(set)
		s.read(shadow.ReadNote{Order: "P1", Mismatches: []shadow.Mismatch{{Field: "cvv", Expected: "987", Actual: "986"}, {Field: "card", Expected: "4111111111111111", Actual: "5555555555554444"}}})
	}
	for deadline := time.Now().Add(10 * time.Second); spool.Events() < 3 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if cancel(); spool.Events() != 3 {
		t.Fatalf("%d events in the spool", spool.Events())
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	store, err := evidence.Create(t.Context(), filepath.Join(folder, EvidenceFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Append(t.Context(), kept.events); err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	searched := 0
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, leak := range []string{"4111111111111111", "5555555555554444", "13800138000", "11010519491231002X", `"987"`, "MTEwMTA1MTk0OTEyMzEwMDJY"} {
			if bytes.Contains(data, []byte(leak)) {
				t.Errorf("%s holds %s", path, leak)
			}
		}
		searched += bytes.Count(data, []byte("<pan:")) + bytes.Count(data, []byte(`\u003cpan:`))
		return err
	})
	if err != nil || searched < 10 {
		t.Errorf("searched files with %d tokens, %v", searched, err)
	}
	if !reflect.DeepEqual(set, secretSet()) {
		t.Error("what is applied to the shadow was changed")
	}
	masked, read := kept.events[0].WriteSet, kept.events[2].Read
	s := masked.Statements[0]
	if s.Rows[0].Values[0].Text != "7" || s.Rows[0].Values[1] == s.Before[0].Values[1] || s.Rows[0].Values[3] != s.Before[0].Values[3] || s.Deltas[0].By != "-29.00" {
		t.Errorf("differences did not survive: %+v", s)
	}
	if read.Mismatches[0].Expected == read.Mismatches[0].Actual {
		t.Errorf("got %+v", read.Mismatches)
	}
}

// publisherOf is a publisher made of a function.
type publisherOf func(shadow.Event)

func (p publisherOf) Publish(e shadow.Event) { p(e) }

func TestTokensOfReportsAreTheSameForOneRun(t *testing.T) {
	folder := t.TempDir()
	first, err := reportMasker(folder)
	if err != nil {
		t.Fatal(err)
	}
	again, err := reportMasker(folder)
	if err != nil {
		t.Fatal(err)
	}
	other, err := reportMasker(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const card = "4111111111111111"
	if a := first.Text(card); a != again.Text(card) || a == other.Text(card) {
		t.Errorf("got %s", a)
	}
	if info, err := os.Stat(filepath.Join(folder, "privacy.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v %v", info, err)
	}
	if got := maskedMismatches(first, []shadow.Mismatch{{Field: "card", Expected: card, Actual: "x"}}); got[0].Expected == card || got[0].Actual != "x" {
		t.Errorf("got %+v", got)
	}
}
