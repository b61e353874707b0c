package batch

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/rules"
	"github.com/seed-3356bd69/touchstone/recon/scan"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Batch is one version of a statement: one file, by its content, and what came of it.
type Batch struct {
	ID         string    `json:"id"` // statement@sha256, with #n where people asked to do the same file again, ~n where the day before changed
	Statement  ID        `json:"statement"`
	Number     int       `json:"number"` // from 1
	State      State     `json:"state"`
	Version    int64     `json:"version"`              // of the row; each move adds one
	File       File      `json:"file"`                 //
	Result     *Result   `json:"result,omitempty"`     // from CONFIRMED on
	Change     *Change   `json:"change,omitempty"`     // from SETTLED on, where it superseded another
	Superseded string    `json:"superseded,omitempty"` // the batch that took its place
	Made       time.Time `json:"made"`
	Moved      time.Time `json:"moved"`
}

// File is the raw file of a batch.
type File struct {
	Name     string `json:"name"`
	Size     int64  `json:"size"`
	SHA256   string `json:"sha256"`             // of the raw bytes, hex
	Declared string `json:"declared,omitempty"` // the channel's own hash, "SHA1 79bb…"; checked by who fetched it
	Adapter  string `json:"adapter,omitempty"`  // name and version of who fetched it
	Empty    bool   `json:"empty,omitempty"`    // the channel said that there is nothing on that day
}

// Result is what main reconciliation found.
type Result struct {
	Books    SideTotals     `json:"books"`
	Channel  SideTotals     `json:"channel"`
	Matched  []match.Total  `json:"matched"`
	Breaks   []BreakTotals  `json:"breaks,omitempty"` // differences of the two sides, before any rule
	Findings int64          `json:"findings"`
	Rejects  []recon.Reject `json:"rejects,omitempty"` // the first of them
	Took     time.Duration  `json:"took"`
	Control  []scan.Control `json:"control,omitempty"` // what the file states about itself, beside what was counted
	Rules    *Ruled         `json:"rules,omitempty"`   // what became of the breaks, where the statement has rules
}

// found is how many differences the sides had.
func (r *Result) found() (n int64) {
	for _, t := range r.Breaks {
		n += t.Count
	}
	return n
}

// broken is how many of them somebody has to look at.
func (r *Result) broken() int64 {
	if r.Rules == nil {
		return r.found()
	}
	return r.Rules.Of(rules.Broken)
}

// SideTotals are the control totals of one side.
type SideTotals struct {
	Name     string        `json:"name"`
	Records  int64         `json:"records"`
	Rejected int64         `json:"rejected,omitempty"`
	In       []match.Total `json:"in"`
}

// BreakTotals is one class of differences, in number and in money of each side.
type BreakTotals struct {
	Break   recon.Break   `json:"break"`
	Count   int64         `json:"count"`
	Books   []match.Total `json:"books,omitempty"`
	Channel []match.Total `json:"channel,omitempty"`
}

// Change is how a batch differs from the one it superseded.
type Change struct {
	From      string `json:"from"` // id of that batch
	Opened    int64  `json:"opened"`
	Gone      int64  `json:"gone"`
	Unchanged int64  `json:"unchanged"`
}

func batchID(id ID, sha256 string, round int) string {
	if round == 0 {
		return id.String() + "@" + sha256
	}
	return fmt.Sprintf("%s@%s#%d", id, sha256, round)
}

const batchColumns = "id, statement, number, state, version, superseded, file, result, changed, made_us, moved_us"

func scanBatch(row interface{ Scan(...any) error }) (b Batch, err error) {
	var id string
	var file, result, change []byte
	var made, moved int64
	if err := row.Scan(&b.ID, &id, &b.Number, &b.State, &b.Version, &b.Superseded, &file, &result, &change, &made, &moved); err != nil {
		return b, err
	}
	b.Made, b.Moved = store.TimeOf(made), store.TimeOf(moved)
	if b.Statement, err = ParseID(id); err != nil {
		return b, err
	}
	return b, errors.Join(decode(file, &b.File), decode(result, &b.Result), decode(change, &b.Change))
}

func decode(body []byte, into any) error {
	if len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("decode batch: %w", err)
	}
	return nil
}

// readBatch gives a batch, or nil where there is none.
func readBatch(ctx context.Context, from store.Reader, id string) (*Batch, error) {
	b, err := scanBatch(from.QueryRow(ctx, "SELECT "+batchColumns+" FROM batches WHERE id = ?", id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read batch %s: %w", id, err)
	}
	return &b, nil
}

// insert makes the batch known, as PENDING.
func (b *Batch) insert(ctx context.Context, tx *store.Tx) error {
	file, err := json.Marshal(b.File)
	if err != nil {
		return fmt.Errorf("encode batch %s: %w", b.ID, err)
	}
	added, err := tx.Add(ctx, store.Rows{
		Table: "batches", Key: []string{"id"}, Columns: []string{"statement", "number", "state", "version", "superseded", "file", "made_us", "moved_us"},
		Values: [][]any{{b.ID, b.Statement.String(), b.Number, b.State, b.Version, "", file, store.Moment(b.Made), store.Moment(b.Moved)}},
	})
	if err == nil && added == 0 {
		err = fmt.Errorf("make batch %s: %w", b.ID, ErrLost)
	}
	return err
}

// move moves the batch and writes down why. Further columns are named by set.
func (b *Batch) move(ctx context.Context, tx *store.Tx, to State, now time.Time, actor, basis string, set []string, values []any) error {
	if err := b.State.Move(to); err != nil {
		return fmt.Errorf("batch %s: %w", b.ID, err)
	}
	s := swap{table: "batches", id: b.ID, from: string(b.State), to: string(to), version: b.Version, set: append([]string{"moved_us"}, set...), values: append([]any{store.Moment(now)}, values...)}
	if err := s.do(ctx, tx); err != nil {
		return err
	}
	return tx.Audit(ctx, store.Entry{
		Time: now, Actor: actor, Action: "batch " + string(b.State) + " to " + string(to), Subject: b.ID, SHA256: b.File.SHA256, Archive: archiveName(b.File.SHA256), Basis: basis,
	})
}

// moved is the batch after a move that is committed.
func (b *Batch) moved(to State, now time.Time) {
	b.State, b.Version, b.Moved = to, b.Version+1, now
}

// Archived is where the raw file is kept, below the archive's folder.
func (f File) Archived() string { return archiveName(f.SHA256) }
