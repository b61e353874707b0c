package casework

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// ErrNotFound means that there is no such case or repair.
var ErrNotFound = errors.New("not found")

// byID reads cases by their ids; those that are not there are not in the answer.
func byID(ctx context.Context, from store.Reader, ids []string) (map[string]Case, error) {
	out := make(map[string]Case, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	byPart := map[int][]any{}
	for _, id := range ids {
		part, err := partIn(id)
		if err != nil {
			return nil, err
		}
		byPart[part] = append(byPart[part], id)
	}
	// with its partition an id is one look into a primary key; a list of ids alone would ask all partitions
	var terms []string
	var args []any
	for part, some := range byPart {
		terms = append(terms, "part = ? AND id IN ("+strings.TrimSuffix(strings.Repeat("?, ", len(some)), ", ")+")")
		args = append(append(args, part), some...)
	}
	rows, err := from.Query(ctx, "SELECT "+caseColumns()+" FROM cases WHERE "+strings.Join(terms, " OR "), args...)
	if err != nil {
		return nil, fmt.Errorf("read cases: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		c, err := scanCase(rows)
		if err != nil {
			return nil, fmt.Errorf("read cases: %w", err)
		}
		out[c.ID] = c
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read cases: %w", err)
	}
	return out, nil
}

// Get gives one case.
func (d *Desk) Get(ctx context.Context, id string) (Case, error) { return getCase(ctx, d.DB, id) }

func getCase(ctx context.Context, from store.Reader, id string) (Case, error) {
	part, err := partIn(id)
	if err != nil {
		return Case{}, err
	}
	c, err := scanCase(from.QueryRow(ctx, "SELECT "+caseColumns()+" FROM cases WHERE part = ? AND id = ?", part, id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return c, fmt.Errorf("case %s: %w", id, ErrNotFound)
	case err != nil:
		return c, fmt.Errorf("read case %s: %w", id, err)
	}
	return c, nil
}

// Of gives the cases of a business id: an order's, refund's or reversal's own number.
func (d *Desk) Of(ctx context.Context, business string) ([]Case, error) {
	return d.list(ctx, "SELECT "+caseColumns()+" FROM cases WHERE part = ? AND key_id = ? ORDER BY id", partOf(business), business)
}

// Filter chooses cases. Empty fields choose all.
type Filter struct {
	State   State
	Open    bool // not closed
	Owner   string
	Channel string
	Day     string
	Break   recon.Break
	Overdue time.Time // due before this and not closed
	After   string    // the Next of the page before
	Limit   int       // at most maxPage
}

const maxPage = 500

// Page is a part of a list, by time of opening.
type Page struct {
	Cases []Case `json:"cases"`
	Next  string `json:"next,omitempty"` // "" after the last
}

type mark struct {
	Opened int64
	ID     string
}

// List gives cases, those opened first first.
func (d *Desk) List(ctx context.Context, f Filter) (Page, error) {
	where, args, err := f.where()
	if err != nil {
		return Page{}, err
	}
	limit := f.Limit
	if limit < 1 || limit > maxPage {
		limit = maxPage
	}
	cases, err := d.list(ctx, "SELECT "+caseColumns()+" FROM cases"+where+" ORDER BY opened_us, id LIMIT ?", append(args, limit+1)...)
	if err != nil || len(cases) <= limit {
		return Page{Cases: cases}, err
	}
	last := cases[limit-1]
	text, err := json.Marshal(mark{store.Moment(last.Opened), last.ID})
	return Page{Cases: cases[:limit], Next: base64.RawURLEncoding.EncodeToString(text)}, err
}

func (f Filter) where() (string, []any, error) {
	var terms []string
	var args []any
	is := func(term string, values ...any) { terms, args = append(terms, term), append(args, values...) }
	for column, value := range map[string]string{"state": string(f.State), "owner": f.Owner, "channel": f.Channel, "day": f.Day, "break_name": string(f.Break)} {
		if value != "" {
			is(column+" = ?", value)
		}
	}
	if f.Open || !f.Overdue.IsZero() {
		is("closed_us = 0")
	}
	if !f.Overdue.IsZero() {
		is("due_us < ?", store.Moment(f.Overdue))
	}
	if f.After != "" {
		var m mark
		text, err := base64.RawURLEncoding.DecodeString(f.After)
		if err == nil {
			err = json.Unmarshal(text, &m)
		}
		if err != nil {
			return "", nil, fmt.Errorf("after: %w: no mark of a page (got %q)", ErrInput, f.After)
		}
		is("(opened_us > ? OR opened_us = ? AND id > ?)", m.Opened, m.Opened, m.ID)
	}
	if len(terms) == 0 {
		return "", nil, nil
	}
	return " WHERE " + strings.Join(terms, " AND "), args, nil
}

func (d *Desk) list(ctx context.Context, query string, args ...any) ([]Case, error) {
	rows, err := d.DB.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list cases: %w", err)
	}
	defer rows.Close()
	cases := []Case{}
	for rows.Next() {
		c, err := scanCase(rows)
		if err != nil {
			return nil, fmt.Errorf("list cases: %w", err)
		}
		cases = append(cases, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list cases: %w", err)
	}
	return cases, nil
}

// Each gives every case that a filter chooses, a page at a time.
func (d *Desk) Each(ctx context.Context, f Filter, do func(*Case) error) error {
	for {
		page, err := d.List(ctx, f)
		if err != nil {
			return err
		}
		for i := range page.Cases {
			if err := do(&page.Cases[i]); err != nil {
				return err
			}
		}
		if f.After = page.Next; f.After == "" {
			return nil
		}
	}
}

// Keeping tells how cases opened since a time kept the SLA.
func (d *Desk) Keeping(ctx context.Context, since time.Time) (k Kept, err error) {
	row := d.DB.QueryRow(ctx, `SELECT
		COALESCE(SUM(closed_us > 0 AND closed_us <= due_us), 0), COALESCE(SUM(closed_us > 0 AND closed_us > due_us), 0),
		COALESCE(SUM(closed_us = 0 AND due_us < ?), 0), COALESCE(SUM(closed_us = 0 AND due_us >= ?), 0) FROM cases WHERE opened_us >= ?`,
		store.Moment(d.Now()), store.Moment(d.Now()), store.Moment(since))
	if err := row.Scan(&k.Closed, &k.Late, &k.Overdue, &k.Open); err != nil {
		return k, fmt.Errorf("count cases: %w", err)
	}
	k.share()
	return k, nil
}
