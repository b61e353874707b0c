package recongen

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

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

// WriteTruth writes a JSON line for every planted group. The shift of Config is on every row and in no line.
func (g *Generator) WriteTruth(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<16)
	encoder := json.NewEncoder(out)
	for i := range g.book.planted {
		p := &g.book.planted[i]
		for group := range p.groups {
			line, err := g.truth(p, group)
			if err != nil {
				return err
			}
			if err := encoder.Encode(line); err != nil {
				return fmt.Errorf("write truth: %w", err)
			}
		}
	}
	return out.Flush()
}

func (g *Generator) truth(p *planted, group uint64) (Planted, error) {
	found := Planted{Class: p.class, Breaks: p.breaks}
	for side := range g.cfg.Sides {
		for _, r := range p.numbers(side, group) {
			if g.lines[side] == nil {
				return Planted{}, errors.New("write truth: a side is not written yet, its lines are not known")
			}
			k := g.book.at(side, r)
			found.Rows = append(found.Rows, Row{
				Side: side, Line: g.lines[side][r-g.book.regular], Kind: k.kind,
				Order: string(orderNumber(nil, &k)), Refund: string(refundNumber(nil, &k)),
				Minor: k.amount, Fee: k.fee, Currency: k.currency, Status: k.status, Time: string(clock(nil, k.second)),
			})
		}
	}
	return found, nil
}
