package retention

import (
	"context"
	"fmt"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// source gives records page by page; none after the last.
type source func(context.Context) ([]record, error)

// pages reads a table in the order of some of its columns.
type pages struct {
	shape     shape
	condition string
	args      []any
	order     []column
	last      []any // place of the last row; nil = before the first
}

func (p *pages) next(ctx context.Context, from store.Reader) ([]row, error) {
	condition, args := p.condition, append([]any(nil), p.args...)
	if p.last != nil {
		place, values := later(p.order, p.last)
		condition, args = condition+" AND "+place, append(args, values...)
	}
	all, err := p.shape.query(ctx, from, condition+" ORDER BY "+strings.Join(names(p.order), ", ")+fmt.Sprintf(" LIMIT %d", pageSize), args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	p.last, err = all[len(all)-1].values(p.order)
	return all, err
}

// later is the condition on rows behind a place, one column at a time: that is what servers use an index for.
func later(order []column, last []any) (condition string, args []any) {
	var terms []string
	for i := range order {
		var term strings.Builder
		for _, c := range order[:i] {
			term.WriteString(c.name + " = ? AND ")
		}
		terms = append(terms, term.String()+order[i].name+" > ?")
		args = append(args, last[:i+1]...)
	}
	return "(" + strings.Join(terms, " OR ") + ")", args
}

// of reads a table's rows of each of some values of a column, one value after the other.
func (c *claim) of(s shape, by string, values []string) source {
	order := s.key
	if order[0].name == by {
		order = order[1:]
	}
	var p *pages
	return func(ctx context.Context) ([]record, error) {
		for {
			if p == nil {
				if len(values) == 0 {
					return nil, nil
				}
				p, values = &pages{shape: s, condition: by + " = ?", args: []any{values[0]}, order: order}, values[1:]
			}
			rows, err := p.next(ctx, c.DB)
			if err != nil || len(rows) > 0 {
				return recordsOf(rows), err
			}
			p = nil
		}
	}
}
