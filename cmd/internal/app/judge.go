package app

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/seed-3356bd69/touchstone/cmd/internal/adapters"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/ledger"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

// judge reads the three sides and holds them against the ledger of the run.
type judge struct {
	config   *config.Comparer
	log      *slog.Logger
	adapters *adapters.Set
	rows     *rowSides // nil where rows are not compared
	seeds    seeder
}

// judged is a report with what it rests on.
type judged struct {
	report   comparer.Report
	bookings []comparer.Booking
	decision gate.Decision
	probes   []gate.Probe
	blind    bool // something that it should rest on could not be read
}

// reading is what was read of the three sides.
type reading struct {
	joined   *match.Joined
	scope    comparer.Scope
	problems []string // what could not be read, and why
	blind    bool     // of them one is more than a statement
	file     *statement
}

// lacks notes what could not be read.
func (r *reading) lacks(what string, err error) {
	r.problems, r.blind = append(r.problems, what+": "+err.Error()), true
}

// alone is the reading without any of its sides: one that is held against nothing would show differences that there are not.
func (r reading) alone(what string, why error) (reading, error) {
	side := func(name string) match.Side { return match.Side{Name: name, Records: none} }
	joined, err := match.Join(context.Background(), side("primary"), side("shadow"), side("channel"))
	r.joined, r.file, r.scope.ChannelFinal = joined, nil, false
	r.lacks(what, why)
	return r, err
}

// weighed is a judgement, with what it takes to try whether it could have failed.
type weighed struct {
	reading
	judgement *comparer.Judgement
	trial     *gate.Trial // nil: no order is sound
}

// statement is a file that was decoded, and how.
type statement struct {
	adapter decoder
	path    string
	request plugins.DecodeRequest // with the SHA-256 of the file
}

// decoder is what reads a statement's bytes.
type decoder interface {
	Decode(ctx context.Context, req plugins.DecodeRequest, r io.Reader, emit plugins.Emitter) (plugins.DecodeResult, error)
}

// unproved tells whether orders of several sides were judged, and none of them can show that a fault would have been found.
// A statement of another day is like that: every order lacks its line.
func (w weighed) unproved() bool {
	return w.trial == nil && slices.ContainsFunc(w.judgement.Orders, func(o comparer.JudgedOrder) bool {
		return o.Class != comparer.Inconclusive && o.Class != comparer.Unbooked
	})
}

// readBound is how long one of these may take: the reading of the sides, the comparison of rows, the self-test.
const readBound = 15 * time.Minute

// read reads the three sides. Where that fails the ledger is judged alone: that is a problem and no error, which keeps the
// gate from passing, and not what the ledger has from showing. Only the end of ctx is an error.
func (j *judge) read(ctx context.Context) (reading, error) {
	bounded, cancel := context.WithTimeout(ctx, readBound)
	defer cancel()
	r, err := j.sides(bounded)
	if err != nil && ctx.Err() == nil {
		j.log.Error("the sides are not read", telemetry.KeyError, err)
		r, err = r.alone("the sides could not be read", err)
	}
	if c := j.config.Sides; c != nil && c.Channel != nil {
		r.scope.Channel = c.Channel.Name
	}
	return r, err
}

// readRows adds what the rows of these orders say.
func (j *judge) readRows(ctx context.Context, r *reading, all []comparer.Order) error {
	bounded, cancel := context.WithTimeout(ctx, readBound)
	defer cancel()
	found, err := j.compareRows(bounded, all)
	if err != nil && ctx.Err() == nil {
		j.log.Error("the rows are not compared", telemetry.KeyError, err)
		r.lacks("the rows could not be compared", err)
	}
	r.scope.Rows = found
	return ctx.Err()
}

// weigh holds what was read against the ledger.
func (j *judge) weigh(l *comparer.Ledger, r reading, policy gate.Policy) (weighed, error) {
	judgement, err := comparer.Judge(l, r.joined, r.scope)
	if err != nil {
		if r, err = r.alone("the sides could not be judged", err); err != nil {
			return weighed{}, err
		}
		if judgement, err = comparer.Judge(l, r.joined, r.scope); err != nil {
			return weighed{}, fmt.Errorf("judge the ledger: %w", err)
		}
	}
	judgement.Counts.Problems = append(judgement.Counts.Problems, r.problems...)
	return weighed{reading: r, judgement: judgement, trial: gate.NewTrial(l, judgement, r.scope, policy)}, nil
}

// conclude tries whether a fault in what was weighed would be found, and decides. It does not touch the ledger.
func (j *judge) conclude(ctx context.Context, w weighed, policy gate.Policy, facts gate.Facts) (judged, error) {
	bounded, cancel := context.WithTimeout(ctx, readBound)
	defer cancel()
	probes, err := j.selfTest(bounded, w.trial, w.file)
	if ctx.Err() != nil {
		return judged{}, ctx.Err()
	}
	if err != nil {
		facts.Invalid = append(facts.Invalid, "the self-test failed: "+err.Error())
	}
	if j.config.Sides != nil && w.unproved() {
		facts.Invalid = append(facts.Invalid, "no sound order to put a fault into")
	}
	for _, p := range probes {
		if !p.Found {
			facts.Invalid = append(facts.Invalid, fmt.Sprintf("%s was seeded, and not found (%s)", p.Fault, p.Saw))
		}
	}
	decision := gate.Decide(w.judgement, policy, facts)
	report := w.judgement.Describe()
	report.Verdict, report.Reasons = string(decision.Verdict), decision.Reasons
	report.Judged, report.Bound, report.MaxBound = decision.Judged, decision.Bound, decision.MaxBound
	report.Release = j.config.Release
	return judged{report: report, bookings: w.judgement.Bookings, decision: decision, probes: probes, blind: w.blind}, nil
}

// sides reads primary, shadow and channel. Without configured sides all three are empty, and no order is judged.
// A statement that cannot be had is a problem, and no error: it keeps the gate from passing, not a regression from showing.
func (j *judge) sides(ctx context.Context) (r reading, err error) {
	primary, shadow, channel := records(none), records(none), records(none)
	if s := j.config.Sides; s != nil {
		name := ""
		if s.Channel != nil {
			name = s.Channel.Name
			if channel, r.file, r.scope.ChannelFinal, err = j.channel(ctx, *s.Channel); err != nil {
				j.log.Error("no channel statement", telemetry.KeyError, err)
				channel, r.problems = none, append(r.problems, err.Error())
			}
		}
		db, err := openDSN(s.Primary.DSN.Text())
		if err != nil {
			return r, fmt.Errorf("open primary: %w", err)
		}
		defer db.Close()
		shadowDB, err := openDSN(s.Shadow.DSN.Text())
		if err != nil {
			return r, fmt.Errorf("open shadow: %w", err)
		}
		defer shadowDB.Close()
		primary, shadow = ledger.Records(ctx, db, tables(s.Primary.Tables, name)...), ledger.Records(ctx, shadowDB, tables(s.Shadow.Tables, name)...)
	}
	r.joined, err = match.Join(ctx, match.Side{Name: "primary", Records: primary}, match.Side{Name: "shadow", Records: shadow}, match.Side{Name: "channel", Records: channel})
	if err != nil {
		return r, fmt.Errorf("join the sides: %w", err)
	}
	return r, nil
}

// records is one side's stream.
type records = iter.Seq2[recon.Record, error]

func none(func(recon.Record, error) bool) {}

// openDSN opens a pool; the DSN never shows in an error.
func openDSN(dsn string) (*sql.DB, error) {
	connector, err := connectorOf(dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

func connectorOf(dsn string) (driver.Connector, error) {
	parsed, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, errors.New("the DSN file does not hold a DSN of the form user:password@tcp(host:port)/schema")
	}
	parsed.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(parsed)
	if err != nil {
		return nil, fmt.Errorf("open database at %s: %w", parsed.Addr, err)
	}
	return connector, nil
}

func tables(books []config.BookTable, channel string) []ledger.Table {
	out := []ledger.Table{}
	for _, t := range books {
		out = append(out, ledger.Table{
			Name: t.Name, Channel: channel, Kind: t.Kind, Key: t.Key, Order: t.Order, Amount: t.Amount.Column, Unit: t.Amount.Unit,
			Currency: recon.Currency(t.Amount.Currency), Status: t.Status.Column, StatusMap: t.Status.Map,
			Account: t.Account, ChannelTxn: t.ChannelTxn, Time: t.Time, Aliases: t.Aliases,
		})
	}
	return out
}

// channel decodes the channel's statement through its adapter; final tells that a file covers the day, even an empty one.
func (j *judge) channel(ctx context.Context, c config.Channel) (found records, file *statement, final bool, err error) {
	adapter, err := j.adapters.Adapter(c.Name)
	if err != nil {
		return nil, nil, false, err
	}
	path, hash := string(c.File), plugins.Hash{}
	if c.Hash != nil {
		hash = plugins.Hash{Type: plugins.HashType(c.Hash.Type), Value: c.Hash.Value}
	}
	account := ""
	if c.Fetch != nil {
		account = c.Fetch.Account
		var status plugins.FetchStatus
		if path, hash, status, err = j.fetch(ctx, adapter, c); err != nil || status != plugins.FetchReady {
			return none, nil, status == plugins.FetchEmpty, err
		}
	}
	file = &statement{adapter: adapter, path: path, request: plugins.DecodeRequest{
		Kind: tradeStatement, Account: account, Date: string(c.Day), File: filepath.Base(path), Hash: hash,
		Settings: j.adapters.Settings(c.Name, account, nil),
	}}
	kept, err := file.decode(ctx)
	if err != nil {
		return nil, nil, false, err
	}
	return kept.stream, file, true, nil
}

// tradeStatement is the statement kind a gray run is judged by.
const tradeStatement = "trade"

// fetch writes the statement into the data folder. Not ready is not an empty day, and neither gives a file.
func (j *judge) fetch(ctx context.Context, adapter plugins.Adapter, c config.Channel) (string, plugins.Hash, plugins.FetchStatus, error) {
	path := filepath.Join(string(j.config.Data), fmt.Sprintf("%s-%s-%s.bill", c.Name, c.Fetch.Account, c.Day))
	f, err := os.Create(path)
	if err != nil {
		return "", plugins.Hash{}, "", fmt.Errorf("create statement file: %w", err)
	}
	settings := plugins.Settings{"base_url": c.Fetch.BaseURL.String()}
	maps.Copy(settings, c.Fetch.Settings)
	result, err := adapter.Fetch(ctx, plugins.FetchRequest{Account: c.Fetch.Account, Kind: tradeStatement, Date: string(c.Day), Settings: j.adapters.Settings(c.Name, c.Fetch.Account, settings)}, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", plugins.Hash{}, "", fmt.Errorf("fetch statement: %w", err)
	}
	j.log.Info("statement fetched", "status", result.Status, "bytes", result.Size)
	return path, result.Hash, result.Status, nil
}

// collector keeps what an adapter emits until the file is known to be whole.
type collector struct {
	records []recon.Record
	rejects []recon.Reject
}

func (c *collector) Record(r recon.Record) error { c.records = append(c.records, r); return nil }
func (c *collector) Reject(r recon.Reject) error { c.rejects = append(c.rejects, r); return nil }

// decode reads the file to its end, and takes its SHA-256 down.
func (s *statement) decode(ctx context.Context) (*collector, error) {
	sum, err := plugins.FileSHA256(s.path)
	if err != nil {
		return nil, err
	}
	s.request.SHA256 = sum
	f, err := os.Open(s.path)
	if err != nil {
		return nil, fmt.Errorf("open statement: %w", err)
	}
	defer f.Close()
	kept := &collector{}
	if _, err := s.adapter.Decode(ctx, s.request, f, kept); err != nil {
		return nil, fmt.Errorf("decode statement %s: %w", s.path, err)
	}
	return kept, nil
}

// stream gives the records, then the rejects as errors.
func (c *collector) stream(yield func(recon.Record, error) bool) {
	for _, r := range c.records {
		if !yield(r, nil) {
			return
		}
	}
	for _, r := range c.rejects {
		if !yield(recon.Record{}, r) {
			return
		}
	}
}
