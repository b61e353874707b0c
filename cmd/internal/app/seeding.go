package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/ledger"
)

// seeder puts faults into what the sides are read from, before it is read. Nothing of it gets into the real reading.
//
//	statement's bytes ─► copy with another line ─► adapter ─┐
//	shadow's rows ─► driver with another row ─► ledger ─────┴─► Trial: join, judge, decide ─► Probe
type seeder struct {
	proved string       // SHA-256 of the statement whose seeds were all found
	probes []gate.Probe // of that statement
}

// selfTest puts faults into copies of a sound order at each place that it comes from. Without a sound order there are none.
func (j *judge) selfTest(ctx context.Context, trial *gate.Trial, file *statement) ([]gate.Probe, error) {
	if trial == nil {
		return nil, nil
	}
	probes, err := trial.SelfTest(ctx)
	if err != nil {
		return nil, err
	}
	if file != nil && len(trial.Channel()) > 0 {
		more, err := j.seedStatement(ctx, trial, file)
		if err != nil {
			return nil, fmt.Errorf("seed the statement: %w", err)
		}
		probes = append(probes, more...)
	}
	if s := j.config.Sides; s != nil {
		connector, err := connectorOf(s.Shadow.DSN.Text())
		if err != nil {
			return nil, fmt.Errorf("open shadow: %w", err)
		}
		name := ""
		if s.Channel != nil {
			name = s.Channel.Name
		}
		more, err := seedBooks(ctx, trial, seededBooks{connector: connector, tables: tables(s.Shadow.Tables, name), reader: ledger.Records})
		if err != nil {
			return nil, fmt.Errorf("seed the shadow's books: %w", err)
		}
		probes = append(probes, more...)
	}
	return probes, nil
}

// seedStatement seeds a statement once: the same bytes need it again only while something was not found.
func (j *judge) seedStatement(ctx context.Context, trial *gate.Trial, file *statement) ([]gate.Probe, error) {
	if j.seeds.proved == file.request.SHA256 {
		return j.seeds.probes, nil
	}
	probes, err := trySeededFiles(ctx, trial, file, string(j.config.Data))
	if err != nil {
		return nil, err
	}
	if len(probes) == 0 {
		j.log.Warn("no fault can be put into the statement's bytes: no line of it names the order", "file", file.path)
	}
	j.seeds = seeder{}
	if !slices.ContainsFunc(probes, func(p gate.Probe) bool { return !p.Found }) {
		j.seeds = seeder{proved: file.request.SHA256, probes: probes}
	}
	return probes, nil
}

// lineFault is a fault in the line of a statement.
type lineFault struct {
	name   string
	change func(line []byte) []byte // nil: the line is left out
	want   comparer.Class
	sound  bool // nothing is changed: the copy must be judged like the statement, and may not be refused
}

func lineFaults(trial *gate.Trial, r recon.Record) []lineFault {
	return []lineFault{
		{"a copy of the statement with nothing changed", func(line []byte) []byte { return line }, trial.Sound(), true},
		{"a line left out of the statement's bytes", func([]byte) []byte { return nil }, comparer.Common, false},
		{"a line of the statement's bytes that names another order", func(line []byte) []byte { return renamed(line, r.Key.ID) }, comparer.Common, false},
		{"a cent in a line of the statement's bytes", func(line []byte) []byte { return centOff(line, r.Amount) }, comparer.Common, false},
	}
}

// trySeededFiles puts faults into copies of the file, in a folder that is gone afterwards. Where its format has no place
// for a fault there is no probe of it.
func trySeededFiles(ctx context.Context, trial *gate.Trial, file *statement, folder string) (probes []gate.Probe, err error) {
	struck := trial.Channel()[0]
	if folder, err = os.MkdirTemp(folder, "seeded-"); err != nil {
		return nil, fmt.Errorf("create folder of copies: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	for _, fault := range lineFaults(trial, struck) {
		copied := *file
		copied.path = filepath.Join(folder, filepath.Base(file.path))
		copied.request.Hash = plugins.Hash{} // the channel declared none for it
		put, err := copyStatement(file.path, copied.path, lineEdit{number: struck.Origin.Line, names: struck.Key.ID, same: fault.sound, change: fault.change})
		if err != nil {
			return nil, err
		}
		if !put {
			continue
		}
		p, err := copied.try(ctx, trial, fault)
		if err != nil {
			return nil, err
		}
		probes = append(probes, p)
	}
	return probes, nil
}

// try decodes a copy and judges what it says of the order. A file that the adapter refuses is found as well: without a
// statement the gate never passes.
func (s *statement) try(ctx context.Context, trial *gate.Trial, fault lineFault) (gate.Probe, error) {
	kept, err := s.decode(ctx)
	if err != nil {
		refused := plugins.KindOf(err) == plugins.FailureQuarantine
		if !refused && ctx.Err() != nil {
			return gate.Probe{}, err
		}
		return gate.Probe{Fault: fault.name, Found: refused && !fault.sound, Saw: err.Error()}, nil
	}
	return trial.Try(ctx, gate.Seed{Fault: fault.name, Want: fault.want, Primary: trial.Primary(), Shadow: trial.Shadow(), Channel: ofKeys(kept.records, trial.Channel())})
}

// ofKeys gives the records of the bookings that like has.
func ofKeys(all, like []recon.Record) []recon.Record {
	var out []recon.Record
	for _, r := range all {
		if slices.ContainsFunc(like, func(l recon.Record) bool { return l.Channel == r.Channel && l.Key == r.Key }) {
			out = append(out, r)
		}
	}
	return out
}

// rowFault is a fault in a row of the shadow's books.
type rowFault struct {
	name   string
	change rowChange
	want   comparer.Class
	stops  bool
}

func rowFaults(trial *gate.Trial) []rowFault {
	same := func([]any) bool { return true }
	faults := []rowFault{
		{"the shadow's rows with nothing changed", same, trial.Sound(), false},
		{"a cent in a row of the shadow's database", centInRow, comparer.Regression, true},
	}
	if trial.Final() {
		faults = append(faults, rowFault{"a row dropped from the shadow's database", func([]any) bool { return false }, comparer.Regression, true})
	}
	return faults
}

// seedBooks reads the order's rows of the shadow again, with a fault in the first below the reader.
func seedBooks(ctx context.Context, trial *gate.Trial, books seededBooks) ([]gate.Probe, error) {
	struck := trial.Shadow()[0]
	var probes []gate.Probe
	for _, fault := range rowFaults(trial) {
		found, err := books.read(ctx, struck, fault.change)
		if reject, ok := errors.AsType[recon.Reject](err); ok {
			probes = append(probes, gate.Probe{Fault: fault.name, Saw: reject.Error()})
			continue
		}
		if err != nil {
			return nil, err
		}
		p, err := trial.Try(ctx, gate.Seed{Fault: fault.name, Want: fault.want, Stops: fault.stops, Primary: trial.Primary(), Shadow: ofKeys(found, trial.Shadow()), Channel: trial.Channel()})
		if err != nil {
			return nil, err
		}
		probes = append(probes, p)
	}
	return probes, nil
}

// read gives the records of an order through the reader of books, with one of its rows changed in the driver.
func (b seededBooks) read(ctx context.Context, struck recon.Record, change rowChange) ([]recon.Record, error) {
	db := b.open(struck, change)
	defer db.Close()
	only := slices.Clone(b.tables)
	for i := range only {
		only[i].Only = struck.Order
	}
	var out []recon.Record
	for r, err := range b.reader(ctx, db, only...) {
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}
