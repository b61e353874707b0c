package recongen

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Planted is one line of the truth: a group of one class, as every side has it.
type Planted struct {
	Class  Class         `json:"class"`
	Breaks []recon.Break `json:"breaks,omitempty"` // between the first two sides, by key (kind, order_id, refund_id)
	Rows   []Row         `json:"rows"`
}

// Row is one planted row of one side.
type Row struct {
	Side     int            `json:"side"` // from 0
	Line     int64          `json:"line"` // of its first line in the file, from 1
	Kind     recon.Kind     `json:"kind"`
	Order    string         `json:"order_id"`
	Refund   string         `json:"refund_id,omitempty"`
	Minor    int64          `json:"minor"`
	Fee      int64          `json:"fee"`
	Currency recon.Currency `json:"currency"`
	Status   recon.Status   `json:"status"`
	Time     string         `json:"time"`
}

// Truth lists the planted groups, class by class. A row's line is 0 until its side is written. The shift of Config is on
// every row and in no group.
func (g *Generator) Truth() iter.Seq[Planted] {
	return func(yield func(Planted) bool) {
		for i := range g.book.planted {
			p := &g.book.planted[i]
			for group := range p.groups {
				if !yield(g.group(p, group)) {
					return
				}
			}
		}
	}
}

// WriteTruth writes a JSON line for every planted group, once the sides are written.
func (g *Generator) WriteTruth(w io.Writer) error {
	for side := range g.cfg.Sides {
		if g.lines[side] == nil {
			return fmt.Errorf("write truth: side %d is not written yet, its lines are not known", side)
		}
	}
	out := bufio.NewWriterSize(w, 1<<16)
	encoder := json.NewEncoder(out)
	for p := range g.Truth() {
		if err := encoder.Encode(p); err != nil {
			return fmt.Errorf("write truth: %w", err)
		}
	}
	return out.Flush()
}

func (g *Generator) group(p *planted, group uint64) Planted {
	found := Planted{Class: p.class, Breaks: p.breaks}
	for side := range g.cfg.Sides {
		for _, r := range p.numbers(side, group) {
			k, line := g.book.at(side, r), int64(0)
			if g.lines[side] != nil {
				line = g.lines[side][r-g.book.regular]
			}
			found.Rows = append(found.Rows, Row{
				Side: side, Line: line, Kind: k.kind, Order: string(orderNumber(nil, &k)), Refund: string(refundNumber(nil, &k)),
				Minor: k.amount, Fee: k.fee, Currency: k.currency, Status: k.status, Time: string(clock(nil, k.second)),
			})
		}
	}
	return found
}
