package batch

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// pageSize is how many rows one transaction takes.
const pageSize = 500

// pager pages through rows in the order of what names them.
type pager[T any] struct {
	query string // ends before its condition on the place
	args  []any
	order []string       // columns that name a row
	place func(*T) []any // their values
	scan  func(*T) []any // where the columns go
	ready func(*T) error // makes the row whole; may be nil
	last  []any          // place of the last row; nil = before the first
}

// next gives the next page; none after the last.
func (p *pager[T]) next(ctx context.Context, from store.Reader) ([]T, error) {
	query, args := p.query, append([]any(nil), p.args...)
	if p.last != nil {
		condition, values := behind(p.order, p.last)
		query, args = query+" AND "+condition, append(args, values...)
	}
	rows, err := from.Query(ctx, query+" ORDER BY "+strings.Join(p.order, ", ")+" LIMIT ?", append(args, pageSize)...)
	if err != nil {
		return nil, fmt.Errorf("read page: %w", err)
	}
	defer rows.Close()
	page, err := p.read(rows)
	if len(page) > 0 {
		p.last = p.place(&page[len(page)-1])
	}
	return page, err
}

func (p *pager[T]) read(rows *sql.Rows) (page []T, err error) {
	for rows.Next() {
		page = append(page, *new(T))
		one := &page[len(page)-1]
		if err := rows.Scan(p.scan(one)...); err != nil {
			return nil, fmt.Errorf("read page: %w", err)
		}
		if p.ready == nil {
			continue
		}
		if err := p.ready(one); err != nil {
			return nil, err
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read page: %w", err)
	}
	return page, nil
}

// behind is the condition on rows that come later in an order. It is written out, since not every server uses an index for
// a comparison of rows.
func behind(order []string, last []any) (string, []any) {
	if len(order) == 1 {
		return order[0] + " > ?", last
	}
	rest, values := behind(order[1:], last[1:])
	return fmt.Sprintf("(%s > ? OR %s = ? AND %s)", order[0], order[0], rest), append([]any{last[0], last[0]}, values...)
}

// each hands rows on page by page, each page in a transaction of its own.
func each[T any](ctx context.Context, c *claim, pages *pager[T], do func(*store.Tx, []T) error) error {
	for {
		page, err := pages.next(ctx, c.r.DB)
		if err != nil || len(page) == 0 {
			return err
		}
		if err := c.tx(ctx, func(tx *store.Tx) error { return do(tx, page) }); err != nil {
			return err
		}
	}
}

// sink stores rows of a batch as they come, a page in a transaction.
type sink[T any] struct {
	claim *claim
	what  string
	rows  func(context.Context, []T) (store.Rows, error) // of a page; it may leave some out
	page  []T
	count int64 // stored
}

func (s *sink[T]) take(ctx context.Context, one T) error {
	s.page = append(s.page, one)
	if len(s.page) < pageSize {
		return nil
	}
	return s.flush(ctx)
}

func (s *sink[T]) flush(ctx context.Context) error {
	if len(s.page) == 0 {
		return nil
	}
	rows, err := s.rows(ctx, s.page)
	if err != nil {
		return err
	}
	s.page = s.page[:0]
	if len(rows.Values) == 0 {
		return nil
	}
	if err := s.claim.tx(ctx, func(tx *store.Tx) error {
		added, err := tx.Add(ctx, rows)
		if err == nil && added != int64(len(rows.Values)) {
			err = fmt.Errorf("store %s: %d of %d are new", s.what, added, len(rows.Values))
		}
		return err
	}); err != nil {
		return err
	}
	s.count += int64(len(rows.Values))
	return nil
}
