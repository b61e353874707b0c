package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/dualwrite"
	"github.com/seed-3356bd69/touchstone/shadow/rowlog"
)

// applying starts what brings committed writes to the shadow: the applier, and before it the row log if there is one.
func (s *sidecar) applying(ctx context.Context) (keptSets, error) {
	m := s.cfg.MySQL
	db, err := dualwrite.OpenShadow(m.Apply.ShadowDSN.Text(), m.Apply.Workers)
	if err != nil {
		return keptSets{}, fmt.Errorf("mysql.apply.shadow_dsn_file: %w", err)
	}
	s.closers = append(s.closers, db.Close)
	kept, err := s.journal()
	if err != nil {
		return keptSets{}, err
	}
	s.applier = dualwrite.NewApplier(dualwrite.ApplierConfig{
		Shadow: db, Batched: true, Stored: kept.journal, Report: s.sink.apply, Workers: m.Apply.Workers, Queue: m.Apply.Queue, Wait: m.Apply.Wait,
		Mappings: mappings(m.Tables), DrainTimeout: m.Apply.Drain, Log: s.log, Metrics: s.registry,
	})
	s.part("applier", m.Apply.Drain+partBound, s.applier.Run)
	s.resume(kept)
	if m.Apply.Reads {
		if err := s.comparingReads(); err != nil {
			return keptSets{}, err
		}
	}
	if m.RowLog == nil {
		return kept, nil
	}
	return kept, s.following(ctx)
}

const readWorkers = 2

// comparingReads starts what runs tagged reads again on the shadow.
func (s *sidecar) comparingReads() error {
	m := s.cfg.MySQL
	shadowDB, err := dualwrite.OpenShadow(m.Apply.ShadowDSN.Text(), readWorkers)
	if err != nil {
		return fmt.Errorf("mysql.apply.shadow_dsn_file: %w", err)
	}
	s.closers = append(s.closers, shadowDB.Close)
	primary, err := dualwrite.OpenShadow(m.Prove.PrimaryDSN.Text(), readWorkers)
	if err != nil {
		return fmt.Errorf("mysql.prove.primary_dsn_file: %w", err)
	}
	s.closers = append(s.closers, primary.Close)
	behind := func() bool {
		now := s.applier.Status()
		return now.Depth > 0 || now.Away
	}
	s.reads = dualwrite.NewReadComparer(dualwrite.ReadComparerConfig{
		Primary: primary, Shadow: shadowDB, Behind: behind, Report: s.sink.read, Mappings: mappings(m.Tables), Workers: readWorkers, Log: s.log, Metrics: s.registry,
	})
	s.part("reads", partBound, s.reads.Run)
	return nil
}

// following opens the row log before any port, so that it holds all that comes through them.
func (s *sidecar) following(ctx context.Context) error {
	m := s.cfg.MySQL
	account, err := mysql.ParseDSN(m.RowLog.DSN.Text())
	if err != nil || account.DBName == "" {
		return errors.New("mysql.row_log.dsn_file: the DSN names no schema; try: USER:PASSWORD@tcp(HOST:PORT)/SCHEMA")
	}
	reader, err := rowlog.New(rowlog.Config{
		DSN: m.RowLog.DSN.Text(), ServerID: uint32(m.RowLog.ServerID), Schema: account.DBName, Tables: loggedTables(m.Tables), MaxRows: m.RowLog.MaxRows,
		PositionFile: filepath.Join(string(m.Apply.Journal), "position"), Drain: m.Apply.Drain, Sink: follower{s.sink, s.applier}, Log: s.log, Metrics: s.registry,
	})
	if err != nil {
		return fmt.Errorf("mysql.row_log: %w", err)
	}
	s.closers = append(s.closers, reader.Close)
	ctx, cancel := context.WithTimeout(ctx, proveBound)
	defer cancel()
	if err := reader.Open(ctx); err != nil {
		return fmt.Errorf("mysql.row_log: %w", err)
	}
	s.rowLog = reader
	s.part("row log", m.Apply.Drain+partBound, func(ctx context.Context) error { return s.follow(ctx, reader.Run) })
	return nil
}

// follow reads the row log. When that ends for good, no order can be judged any more, but the ports, on which the service
// depends, go on.
func (s *sidecar) follow(ctx context.Context, run func(context.Context) error) error {
	err := contained(ctx, run)
	if err == nil {
		return nil
	}
	s.log.Error("the row log cannot be read any more: what commits from now on is not applied", telemetry.KeyError, err)
	s.sink.taint("", shadow.CauseUnknownCommit)
	<-ctx.Done()
	return nil
}

// contained makes an error of a panic.
func contained(ctx context.Context, run func(context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return run(ctx)
}

// follower takes what the row log tells to the bus and to the shadow.
type follower struct {
	sink    *sink
	applier *dualwrite.Applier
}

func (f follower) WriteSet(ctx context.Context, ws shadow.WriteSet, done func()) error {
	f.sink.again(ws)
	return f.applier.Follow(ctx, ws, done)
}

func (f follower) Foreign(order string) { f.sink.taint(order, shadow.CauseForeignWrite) }

func loggedTables(tables []config.Table) []rowlog.Table {
	policies := map[config.TablePolicy]rowlog.Policy{config.TableAll: rowlog.All, config.TableInsert: rowlog.InsertOnly, config.TableIgnore: rowlog.Ignore}
	out := []rowlog.Table{}
	for _, t := range tables {
		out = append(out, rowlog.Table{Name: t.Name, Policy: policies[t.Policy], OrderColumn: t.Order, Key: t.Key})
	}
	return out
}

func mappings(tables []config.Table) map[string]dualwrite.Mapping {
	out := map[string]dualwrite.Mapping{}
	for _, t := range tables {
		if m := t.Shadow; m != nil {
			out[strings.ToLower(t.Name)] = dualwrite.Mapping{Table: m.Name, Columns: m.Columns, Drop: m.Drop, Shift: m.Shift}
		}
	}
	return out
}
