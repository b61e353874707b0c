package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// day brings one day to its close, with its corrections.
func (f *dayFaults) day(killer <-chan error) {
	f.Helper()
	select {
	case err := <-killer:
		f.Fatalf("%v\n%s", err, f.logs())
	default:
	}
	d := f.plan.next()
	f.days = append(f.days, d)
	f.book(d)
	f.order(2)
	for i, s := range d.statements {
		switch {
		case s.truncated:
			text := s.files[0].text(planLines()[i])
			f.deliver(i, d.day, text[:len(text)-len("# end\n")])
		case !s.late:
			f.deliver(i, d.day, s.files[0].text(planLines()[i]))
		}
	}
	f.until("expect "+d.day, func(ctx context.Context) error { return f.runner.Expect(ctx, d.day) })
	time.Sleep(time.Duration(f.rng.IntN(500)) * time.Millisecond)
	for i, s := range d.statements {
		if s.truncated {
			f.phase(i, d.day, batch.Quarantined)
		}
		f.deliver(i, d.day, s.files[0].text(planLines()[i])) // what is there already is the same
	}
	f.closed(d.day)
	f.until("close "+d.day, func(ctx context.Context) error { _, err := f.runner.Close(ctx, d.day, "test"); return err })
	f.again(d.day, d, func(s planStatement) bool { return s.twice })
	if n := len(f.days); n > 1 && f.days[n-2].belated {
		f.correct(f.days[n-2])
	}
	if !d.belated {
		f.correct(d)
	}
}

// correct brings the last version of each statement of a day.
func (f *dayFaults) correct(d planDay) {
	f.Helper()
	for i, s := range d.statements {
		f.deliver(i, d.day, s.files[len(s.files)-1].text(planLines()[i]))
	}
	f.again(d.day, d, func(s planStatement) bool { return len(s.files) > 1 })
}

// again has statements of a day pulled again, and waits for their close, and that of the days behind them.
func (f *dayFaults) again(day string, d planDay, which func(planStatement) bool) {
	f.Helper()
	for i, s := range d.statements {
		if which(s) {
			f.until("rerun "+day, func(ctx context.Context) error {
				return f.runner.Rerun(ctx, f.runner.Profiles[i].ID(day), false, "test")
			})
		}
	}
	f.closed(day)
	f.closed(f.days[len(f.days)-1].day)
}

// book writes a day's bookings into our tables.
func (f *dayFaults) book(d planDay) {
	f.Helper()
	for i, s := range d.statements {
		rows, args := []string{}, []any{}
		for _, b := range s.ours {
			rows, args = append(rows, "(?, ?, 'ok', ?)"), append(args, b.key, fmt.Sprintf("%d.%02d", b.minor/100, b.minor%100), d.day+" 12:00:00")
		}
		f.until("book "+d.day, func(ctx context.Context) error {
			return f.db.Tx(ctx, func(tx *store.Tx) error {
				_, err := tx.Exec(ctx, "INSERT IGNORE INTO pay."+planLines()[i].table()+" VALUES "+strings.Join(rows, ", "), args...)
				return err
			})
		})
	}
}

// order puts operations and as many payments on record.
func (f *dayFaults) order(n int) {
	f.Helper()
	payments := &batch.Payments{DB: f.db, Actor: "test", Now: time.Now}
	for ; n > 0; n-- {
		id, err := batch.OperationID(batch.Refund, fmt.Sprint("P", f.ordered), "R1")
		if err != nil {
			f.Fatal(err)
		}
		f.until("order "+id, func(ctx context.Context) error {
			now := time.Now()
			return f.db.Tx(ctx, func(tx *store.Tx) error {
				_, err := batch.Order(ctx, tx, &batch.Operation{ID: id, Kind: batch.Refund, Payload: json.RawMessage(`{"fen": 100}`)}, now, "test", "", now)
				return err
			})
		})
		f.until("prepare payment", func(ctx context.Context) error {
			_, err := payments.Prepare(ctx, fmt.Sprint("N", f.ordered), json.RawMessage(fmt.Sprintf(`{"amount": "%d.10"}`, f.ordered)))
			return err
		})
		f.ordered++
	}
}

// deliver puts a statement's file where its channel has it, whole.
func (f *dayFaults) deliver(line int, day, text string) {
	f.Helper()
	name := filepath.Join(planLines()[line].table(), day)
	f.write(name+".part", text)
	if err := os.Rename(filepath.Join(f.dir, name+".part"), filepath.Join(f.dir, name)); err != nil {
		f.Fatal(err)
	}
}

// phase waits for a statement to be somewhere.
func (f *dayFaults) phase(line int, day string, want batch.Phase) {
	f.Helper()
	f.until(day+" "+string(want), func(ctx context.Context) error {
		lines, err := f.runner.Status(ctx, day)
		if err != nil {
			return err
		}
		for i := range lines {
			if lines[i].ID == f.runner.Profiles[line].ID(day) && lines[i].Phase == want {
				return nil
			}
		}
		return fmt.Errorf("%v", texts(lines))
	})
}

// closed waits until nothing of a day is open.
func (f *dayFaults) closed(day string) {
	f.Helper()
	f.until("await close of "+day, func(ctx context.Context) error {
		lines, err := f.runner.Status(ctx, day)
		if err != nil {
			return err
		}
		for i := range lines {
			if lines[i].Open() {
				return fmt.Errorf("%v", texts(lines))
			}
		}
		if len(lines) != len(planLines()) {
			return fmt.Errorf("%d statements", len(lines))
		}
		return nil
	})
}

func texts(lines []batch.Line) (out []string) {
	for i := range lines {
		out = append(out, lines[i].String())
	}
	return out
}
