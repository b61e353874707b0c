package batch

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Line is one statement of a day, with its latest batch.
type Line struct {
	Statement
	Latest *Batch            `json:"latest,omitempty"`
	Late   bool              `json:"late,omitempty"`              // it should have a usable file, and has none
	Early  *ProvisionalClose `json:"provisional_close,omitempty"` // before the file
}

// String says in one line where a statement stands, and why.
func (l *Line) String() string {
	text := fmt.Sprintf("%s  %s since %s", l.ID, l.Phase, l.Since.UTC().Format(time.RFC3339))
	if l.Late {
		text += ", late: due " + l.Due.UTC().Format(time.RFC3339)
	}
	if l.Attempts > 1 {
		text += fmt.Sprintf(", %d pulls", l.Attempts)
	}
	if l.Why != "" {
		text += ": " + l.Why
	}
	if l.Progress.Stage != "" {
		text += ": " + l.Progress.String()
	}
	if l.Early != nil {
		text += l.Early.String()
	}
	if l.Latest == nil {
		return text
	}
	text += fmt.Sprintf("; version %d %s", l.Latest.Number, l.Latest.State)
	if r := l.Latest.Result; r != nil {
		text += fmt.Sprintf(", books %d, channel %d, matched %d, findings %d", r.Books.Records, r.Channel.Records, count(r.Matched), r.Findings)
		if n := r.Books.Rejected + r.Channel.Rejected; n > 0 {
			text += fmt.Sprintf(", unreadable %d", n)
		}
	}
	if r := l.Latest.Result; r != nil && r.Rules != nil {
		text += r.Rules.String()
	}
	if c := l.Latest.Change; c != nil {
		text += fmt.Sprintf(" (%d opened, %d gone, %d unchanged since the version before)", c.Opened, c.Gone, c.Unchanged)
	}
	return text
}

// Status gives the statements of a day, or of all days with "", by id.
func (r *Runner) Status(ctx context.Context, day string) ([]Line, error) {
	condition, args := "ORDER BY id", []any(nil)
	if day != "" {
		condition, args = "WHERE day = ? ORDER BY id", []any{day}
	}
	all, err := statements(ctx, r.DB, condition, args...)
	if err != nil {
		return nil, err
	}
	now := r.Now()
	lines := make([]Line, len(all))
	for i := range all {
		lines[i] = Line{Statement: all[i], Late: all[i].Late(now)}
		if lines[i].Latest, err = readBatch(ctx, r.DB, all[i].Batch); err != nil {
			return nil, err
		}
		if lines[i].Early, err = readEarly(ctx, r.DB, all[i].ID); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// watchedDays is how far back the gauges look.
const watchedDays = 30

// Count sets the gauges of the last days' statements.
func (r *Runner) Count(ctx context.Context) error {
	now := r.Now()
	all, err := statements(ctx, r.DB, "WHERE day >= ?", now.AddDate(0, 0, -watchedDays).Format(time.DateOnly))
	if err != nil {
		return err
	}
	phases, late := map[Phase]int{}, 0
	for i := range all {
		phases[all[i].Phase]++
		if all[i].Late(now) {
			late++
		}
	}
	r.Metrics.counted(phases, late)
	return nil
}

// Rerun asks for a statement again: its file is pulled at once. With again, a file whose content is known is done again
// too, as another version: for when the books or the format were corrected, not the file. A statement whose batch is on the
// way is only looked at sooner.
func (r *Runner) Rerun(ctx context.Context, id ID, again bool, actor string) error {
	now := r.Now()
	return r.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := unretired(ctx, tx, id); err != nil {
			return err
		}
		s, err := readStatement(ctx, tx, id)
		if err != nil {
			return err
		}
		if again && s.Phase == Running {
			return fmt.Errorf("%s: %s does version %d right now; try: once it is closed", id, s.Worker, s.Versions)
		}
		round := 0
		if again {
			round = 1
		}
		if _, err := tx.Exec(ctx, "UPDATE statements SET next_us = ?, round_no = round_no + ?, fence = fence + 1 WHERE id = ?", store.Moment(now), round, id.String()); err != nil {
			return fmt.Errorf("rerun %s: %w", id, err)
		}
		return tx.Audit(ctx, store.Entry{Time: now, Actor: actor, Action: "statement rerun", Subject: id.String(), Basis: fmt.Sprintf("again: %v", again)})
	})
}

// OpenError tells which statements keep a day from closing.
type OpenError struct {
	Day   string
	Lines []Line
}

func (e *OpenError) Error() string {
	texts := []string{fmt.Sprintf("%s cannot close: %d statements are open", e.Day, len(e.Lines))}
	for i := range e.Lines {
		texts = append(texts, "  "+e.Lines[i].String())
	}
	return strings.Join(append(texts, "try: touchstone recon rerun, once the file is right"), "\n")
}

// Close closes a day once all of its statements are closed, and tells when it was closed: now, or earlier. Corrections that
// come later are versions of their statements; the day stays closed.
func (r *Runner) Close(ctx context.Context, day, actor string) (at time.Time, err error) {
	lines, err := r.Status(ctx, day)
	if err != nil {
		return at, err
	}
	if len(lines) == 0 {
		return at, fmt.Errorf("%s cannot close: no statement of it is known; try: touchstone recon run --date %s", day, day)
	}
	open := &OpenError{Day: day}
	for i := range lines {
		if lines[i].Open() {
			open.Lines = append(open.Lines, lines[i])
		}
	}
	if len(open.Lines) > 0 {
		return at, open
	}
	body, err := json.Marshal(lines)
	if err != nil {
		return at, fmt.Errorf("encode day: %w", err)
	}
	now := r.Now()
	err = r.DB.Tx(ctx, func(tx *store.Tx) error {
		added, err := tx.Add(ctx, store.Rows{Table: "days", Key: []string{"day"}, Columns: []string{"closed_us", "body"}, Values: [][]any{{day, store.Moment(now), body}}})
		if err != nil {
			return err
		}
		if added == 1 {
			at = now
			return tx.Audit(ctx, store.Entry{Time: now, Actor: actor, Action: "day closed", Subject: day, Basis: fmt.Sprintf("%d statements", len(lines))})
		}
		var earlier int64
		if err := tx.QueryRow(ctx, "SELECT closed_us FROM days WHERE day = ?", day).Scan(&earlier); err != nil {
			return fmt.Errorf("read close of %s: %w", day, err)
		}
		at = store.TimeOf(earlier)
		return nil
	})
	return at, err
}
