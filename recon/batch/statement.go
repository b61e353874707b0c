package batch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// ID names a statement: what one account gets from one channel about one day.
type ID struct {
	Channel string `json:"channel"`
	Account string `json:"account"`
	Kind    string `json:"kind"` // of statement, as the adapter names it
	Day     string `json:"day"`  // 2006-01-02 in the channel's zone
}

// String prints "wechat/1900000109/trade/2026-11-23".
func (id ID) String() string {
	return strings.Join([]string{id.Channel, id.Account, id.Kind, id.Day}, "/")
}

// line names the statements of all days: the channel's events are kept by it.
func (id ID) line() string { return strings.Join([]string{id.Channel, id.Account, id.Kind}, "/") }

// ParseID reads what String printed.
func ParseID(text string) (ID, error) {
	parts := strings.Split(text, "/")
	if len(parts) != 4 {
		return ID{}, fmt.Errorf("no statement (got %q); try: channel/account/kind/2006-01-02", text)
	}
	id := ID{parts[0], parts[1], parts[2], parts[3]}
	if _, err := time.Parse(time.DateOnly, id.Day); err != nil {
		return ID{}, fmt.Errorf("no day of a statement (got %q); try: 2006-01-02", id.Day)
	}
	return id, nil
}

// Phase says what a statement waits for.
type Phase string

// The phases of a statement.
const (
	Waiting     Phase = "waiting"     // for its hour, its file, or what failed and is tried again
	Running     Phase = "running"     // its batch is on the way
	Quarantined Phase = "quarantined" // its file is wrong; another one is waited for
	Closed      Phase = "closed"      // its batch is settled
)

// Phases lists them.
func Phases() []Phase { return []Phase{Waiting, Running, Quarantined, Closed} }

// Statement is what is known about one statement.
type Statement struct {
	ID
	Phase       Phase     `json:"phase"`
	Why         string    `json:"why,omitempty"`        // for people: what is waited for, or what is wrong
	Since       time.Time `json:"since"`                // of the phase
	Due         time.Time `json:"due"`                  // the file should be there
	Next        time.Time `json:"next,omitzero"`        // it is looked at again; zero = not by itself
	Attempts    int       `json:"attempts"`             // pulls so far
	Batch       string    `json:"batch,omitempty"`      // id of the latest batch
	Versions    int       `json:"versions"`             // batches so far
	Round       int       `json:"round,omitempty"`      // how often people asked to do a file again
	Ready       time.Time `json:"ready,omitzero"`       // the file of the latest batch was there
	Provisional time.Time `json:"provisional,omitzero"` // provisional close
	ClosedAt    time.Time `json:"closed,omitzero"`      // final close
	Worker      string    `json:"worker,omitempty"`     // that took it last
	Fence       int64     `json:"-"`                    // how often it was taken
	Progress    Progress  `json:"progress,omitzero"`    // of the batch that is on its way
}

// Open tells whether it keeps its day from closing: also one that is closed does while it is about to be looked at again.
func (s *Statement) Open() bool { return s.Phase != Closed || !s.Next.IsZero() }

// Late tells whether the file should have been there.
func (s *Statement) Late(now time.Time) bool {
	return (s.Phase == Waiting || s.Phase == Quarantined) && now.After(s.Due)
}

const statementColumns = "id, phase, why, since_us, due_us, next_us, attempts, batch, versions, round_no, ready_us, provisional_us, closed_us, worker, fence, stage, percent"

func scanStatement(row interface{ Scan(...any) error }) (s Statement, err error) {
	var id string
	var since, due, next, ready, provisional, closed int64
	if err := row.Scan(&id, &s.Phase, &s.Why, &since, &due, &next, &s.Attempts, &s.Batch, &s.Versions, &s.Round, &ready, &provisional, &closed, &s.Worker, &s.Fence, &s.Progress.Stage, &s.Progress.Percent); err != nil {
		return s, err
	}
	s.Since, s.Due, s.Next, s.Ready = store.TimeOf(since), store.TimeOf(due), store.TimeOf(next), store.TimeOf(ready)
	s.Provisional, s.ClosedAt = store.TimeOf(provisional), store.TimeOf(closed)
	if s.Progress.Stage == "" {
		s.Progress = Progress{}
	}
	s.ID, err = ParseID(id)
	return s, err
}

// ErrNoStatement means that nobody expects such a statement.
var ErrNoStatement = errors.New("no such statement is expected")

func readStatement(ctx context.Context, from store.Reader, id ID) (Statement, error) {
	s, err := scanStatement(from.QueryRow(ctx, "SELECT "+statementColumns+" FROM statements WHERE id = ?", id.String()))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return s, fmt.Errorf("%s: %w", id, ErrNoStatement)
	case err != nil:
		return s, fmt.Errorf("read statement %s: %w", id, err)
	}
	return s, nil
}

// save writes what a stage changed.
func (s *Statement) save(ctx context.Context, tx *store.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE statements SET phase = ?, why = ?, since_us = ?, next_us = ?, attempts = ?, batch = ?, versions = ?, round_no = ?, ready_us = ?, provisional_us = ?, closed_us = ?, stage = '' WHERE id = ?`,
		s.Phase, s.Why, store.Moment(s.Since), store.Moment(s.Next), s.Attempts, s.Batch, s.Versions, s.Round, store.Moment(s.Ready), store.Moment(s.Provisional), store.Moment(s.ClosedAt), s.ID.String())
	if err != nil {
		return fmt.Errorf("save statement %s: %w", s.ID, err)
	}
	return nil
}

// enter changes the phase, and remembers since when.
func (s *Statement) enter(p Phase, why string, now time.Time) {
	if s.Phase != p {
		s.Phase, s.Since = p, now
	}
	s.Why = why
}

// maxWhy is how many bytes of a reason are kept.
const maxWhy = 1000

func clip(why string) string {
	if len(why) > maxWhy {
		return strings.ToValidUTF8(why[:maxWhy], "") + "…"
	}
	return why
}
