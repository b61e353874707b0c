package batch

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/events"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

// question is one booking that only the books have.
type question struct {
	record     *recon.Record
	occurrence int
	standing   Standing      // NotAsked until somebody asks; "" where the channel has it
	answer     *events.Event // where the channel has it
}

// ask asks about what is open, as far as number, pace and time allow, and sorts the answers in.
func (h *hearing) ask(ctx, bounded context.Context) error {
	if err := h.questions(ctx, bounded); err != nil {
		return err
	}
	for _, q := range h.open {
		if err := h.sort(q); err != nil {
			return err
		}
	}
	return nil
}

// questions asks. What goes wrong at the channel stands in the question: it is nothing that ends a close.
func (h *hearing) questions(ctx, bounded context.Context) error {
	how := h.claim.p.Callbacks
	pace := rate.NewLimiter(rate.Limit(how.Rate), 1)
	var group errgroup.Group
	group.SetLimit(max(1, how.Parallel))
	for _, q := range h.open {
		if pace.Wait(bounded) != nil {
			break // no time is left
		}
		group.Go(func() error { return h.question(ctx, bounded, q) })
	}
	return group.Wait()
}

// question asks one, and keeps the answer at once: whoever dies later need not ask it again.
func (h *hearing) question(ctx, bounded context.Context, q *question) error {
	c := h.claim
	a, err := c.p.Callbacks.Asker.Ask(bounded, c.s.ID, q.record)
	switch {
	case errors.Is(err, ErrCannotAsk):
		return nil
	case err != nil:
		q.standing = Unanswered
		c.r.Log.Warn("no answer about a booking", keyStatement, c.s.ID.String(), keyWhy, err)
		return nil
	case a.Record == nil:
		q.standing = NeverHeard
		return nil
	}
	e, err := events.New(c.s.line(), c.p.Zone, *a.Record, events.Answer, a.SHA256, c.r.Now())
	if err == nil && e.Record.Key != q.record.Key {
		err = fmt.Errorf("it is about %s", e.Record.Key)
	}
	if err != nil {
		q.standing = Unanswered
		c.r.Log.Warn("the answer about a booking is of no use", keyStatement, c.s.ID.String(), keyWhy, err)
		return nil
	}
	q.standing, q.answer = "", &e
	_, err = events.Keep(ctx, c.r.DB, []events.Event{e})
	return err
}

// sort says what became of a question.
func (h *hearing) sort(q *question) error {
	g := match.Group{Key: q.record.Key, Occurrence: q.occurrence, Records: []*recon.Record{q.record, nil}}
	if q.answer == nil {
		return h.alone(match.Differ(h.compared, g), q.standing)
	}
	g.Records[1] = &q.answer.Record
	if err := h.answered.Add(g.Records[1]); err != nil {
		return err
	}
	if d := match.Differ(h.compared, g); d != nil {
		return h.differs(d, true)
	}
	return h.agreed.Add(g.Records[1])
}
