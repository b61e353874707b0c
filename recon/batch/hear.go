package batch

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/events"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

// maxListed is how many differences of a provisional close are written into the archive; the others are counted.
const maxListed = 100_000

// hearing is one provisional close on what a channel told, and on what it is asked.
//
//	books ──┐        agreed, differing, only channel ───────────────┐
//	        ├─ match ┤                                              ├─► ProvisionalClose
//	events ─┘        only books ─► questions ─► answers, as events ─┘
type hearing struct {
	claim    *claim
	compared entry.Compared
	list     *bufio.Writer
	open     []*question // what only the books have, as far as it may be asked

	listed, unlisted int64
	agreed, answered match.Totals
	channel, idle    match.Totals // that only the channel has, by whether it is a booking
	differing        map[recon.Break]*match.BreakTotals
	lone             map[Standing]*match.Totals
}

// heardLine is one line of the differences in the archive.
type heardLine struct {
	match.Difference
	Standing Standing `json:"standing,omitempty"` // of what only the books have
	Asked    bool     `json:"asked,omitempty"`    // the channel's record is an answer
}

// hear holds the books against the events of the day, asks about what no event vouches for, and archives what differs.
// What it may wait for ends with bounded; what was answered until then is kept.
func (c *claim) hear(ctx, bounded context.Context) (out *ProvisionalClose, err error) {
	file, err := c.r.Archive.receive()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.drop()) }()
	h := &hearing{claim: c, compared: events.Compared(c.p.Compared), list: bufio.NewWriter(file), differing: map[recon.Break]*match.BreakTotals{}, lone: map[Standing]*match.Totals{}}
	result, err := h.match(bounded)
	if err != nil {
		return nil, err
	}
	if err := h.ask(ctx, bounded); err != nil {
		return nil, err
	}
	if out, err = h.result(ctx, result); err != nil {
		return nil, err
	}
	if err := h.list.Flush(); err != nil {
		return nil, fmt.Errorf("archive differences: %w", err)
	}
	if file.size == 0 {
		return out, nil
	}
	out.SHA256 = file.sum()
	return out, file.keep()
}

// match holds the two sides against each other by the engine that holds files against books.
func (h *hearing) match(ctx context.Context) (result *match.Result, err error) {
	c := h.claim
	options := c.options(nil, h.compared)
	told, err := events.Open(ctx, c.r.DB, c.s.line(), c.s.Day, options)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, told.Close()) }()
	books, err := c.p.Books.Open(ctx, c.s.ID, options)
	if err != nil {
		return nil, fmt.Errorf("open books: %w", err)
	}
	defer func() { err = errors.Join(err, books.Close()) }()
	result, err = match.Reconcile(ctx, c.config(h.compared, h.take), books, told)
	if err != nil {
		return nil, err
	}
	if r := result.Sides[1]; r.Rejected > 0 { // events were checked before they were kept
		return nil, fmt.Errorf("events of the day: %w", firstReject(r.Rejects))
	}
	return result, h.agreed.Merge(result.Matched)
}

// take sorts a difference in; it is valid for the time of the call.
func (h *hearing) take(d *match.Difference) error {
	switch {
	case d.Break == recon.MissingAtChannel && len(h.open) < h.claim.p.Callbacks.most():
		r := *d.Records[0]
		h.open = append(h.open, &question{record: &r, occurrence: d.Occurrence, standing: NotAsked})
		return nil
	case d.Break == recon.MissingAtChannel:
		return h.alone(d, NotAsked)
	case d.Break == recon.MissingInternally && d.Records[1].Status == recon.StatusSuccess:
		return errors.Join(h.channel.Add(d.Records[1]), h.write(heardLine{Difference: *d}))
	case d.Break == recon.MissingInternally:
		return errors.Join(h.idle.Add(d.Records[1]), h.write(heardLine{Difference: *d}))
	}
	return h.differs(d, false)
}

// alone counts what only the books have.
func (h *hearing) alone(d *match.Difference, s Standing) error {
	if h.lone[s] == nil {
		h.lone[s] = &match.Totals{}
	}
	return errors.Join(h.lone[s].Add(d.Records[0]), h.write(heardLine{Difference: *d, Standing: s}))
}

// differs counts what both sides have, and not alike; asked: the channel's record is an answer.
func (h *hearing) differs(d *match.Difference, asked bool) error {
	b := h.differing[d.Break]
	if b == nil {
		b = &match.BreakTotals{Break: d.Break, Sides: make([]match.Totals, 2)}
		h.differing[d.Break] = b
	}
	b.Count++
	for i, r := range d.Records {
		if r == nil {
			continue
		}
		if err := b.Sides[i].Add(r); err != nil {
			return err
		}
	}
	return h.write(heardLine{Difference: *d, Asked: asked})
}

func (h *hearing) write(l heardLine) error {
	if h.listed >= maxListed {
		h.unlisted++
		return nil
	}
	h.listed++
	body, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode difference of %s: %w", l.Key, err)
	}
	if _, err := h.list.Write(append(body, '\n')); err != nil {
		return fmt.Errorf("archive differences: %w", err)
	}
	return nil
}

// result puts together what was found, once it is conserved.
func (h *hearing) result(ctx context.Context, r *match.Result) (*ProvisionalClose, error) {
	c := h.claim
	conflicts, err := events.Conflicts(ctx, c.r.DB, c.s.line(), c.s.Day)
	if err != nil {
		return nil, err
	}
	if err := h.conserved(r); err != nil {
		return nil, err
	}
	heard := &Heard{
		Events: sideTotals(r.Sides[1]), Conflicts: conflicts, Answers: h.answered.Rows(), Agreed: h.agreed.Rows(), OnlyChannel: h.channel.Rows(), NotBooked: h.idle.Rows(),
		Listed: h.listed, Unlisted: h.unlisted,
	}
	for _, q := range h.open {
		if q.standing != NotAsked {
			heard.Asked++
		}
	}
	for _, name := range match.Breaks() {
		if b := h.differing[name]; b != nil {
			heard.Differing = append(heard.Differing, BreakTotals{b.Break, b.Count, b.Sides[0].Rows(), b.Sides[1].Rows()})
		}
	}
	for _, s := range Standings() {
		if t := h.lone[s]; t != nil {
			heard.OnlyBooks = append(heard.OnlyBooks, OnlyBooks{s, t.Rows()})
		}
	}
	return &ProvisionalClose{Books: sideTotals(r.Sides[0]), Heard: heard}, nil
}

// conserved asserts that each record of the books and of the channel has one place, in number and in money.
func (h *hearing) conserved(r *match.Result) error {
	var books, told, in match.Totals
	parts := []match.Totals{{}}
	for _, t := range h.lone {
		parts = append(parts, *t)
	}
	if err := errors.Join(h.addUp(&books, 0, parts...), h.addUp(&told, 1, h.channel, h.idle), in.Merge(r.Sides[1].In), in.Merge(h.answered)); err != nil {
		return err
	}
	if !books.Equal(r.Sides[0].In) {
		return fmt.Errorf("conservation broken: books have %s, %s have a place", r.Sides[0].In, books)
	}
	if !told.Equal(in) {
		return fmt.Errorf("conservation broken: the channel told %s, %s have a place", in, told)
	}
	return nil
}

// addUp adds what agreed, what differs on a side, and what that side has alone. What agreed is the same on both.
func (h *hearing) addUp(sum *match.Totals, side int, alone ...match.Totals) error {
	err := sum.Merge(h.agreed)
	for _, b := range h.differing {
		err = errors.Join(err, sum.Merge(b.Sides[side]))
	}
	for _, t := range alone {
		err = errors.Join(err, sum.Merge(t))
	}
	return err
}
