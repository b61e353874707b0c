package events

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Intake commits events that come at the same time together: one write to the disk is for all of them.
//
//	Keep ──┐
//	Keep ──┼─► waiting ─► Run: what waits, at most a page ─► one transaction ─► an answer to each
//	Keep ──┘
type Intake struct {
	db      *store.DB
	waiting chan request
}

// request is one event with who waits for it.
type request struct {
	event Event
	done  chan<- result
}

type result struct {
	outcome Outcome
	err     error
}

// commitWithin bounds one transaction; its events can be sent again.
const commitWithin = 10 * time.Second

// NewIntake makes an intake that commits nothing before Run.
func NewIntake(db *store.DB) *Intake {
	return &Intake{db: db, waiting: make(chan request, pageSize)}
}

// Keep returns once the event is committed. An error leaves open whether it is; the same event again does no harm.
func (i *Intake) Keep(ctx context.Context, e Event) (Outcome, error) {
	done := make(chan result, 1)
	select {
	case i.waiting <- request{e, done}:
	case <-ctx.Done():
		return "", fmt.Errorf("keep event: %w", ctx.Err())
	}
	select {
	case r := <-done:
		return r.outcome, r.err
	case <-ctx.Done():
		return "", fmt.Errorf("keep event: %w", ctx.Err())
	}
}

// Run commits what comes until ctx ends, and then what came before that.
func (i *Intake) Run(ctx context.Context) error {
	for {
		select {
		case r := <-i.waiting:
			i.commit(context.WithoutCancel(ctx), i.with(r))
		case <-ctx.Done():
			for {
				select {
				case r := <-i.waiting:
					i.commit(context.WithoutCancel(ctx), i.with(r))
				default:
					return nil
				}
			}
		}
	}
}

// with gives a request with those that wait behind it.
func (i *Intake) with(first request) []request {
	group := []request{first}
	for len(group) < pageSize {
		select {
		case r := <-i.waiting:
			group = append(group, r)
		default:
			return group
		}
	}
	return group
}

func (i *Intake) commit(ctx context.Context, group []request) {
	ctx, cancel := context.WithTimeout(ctx, commitWithin)
	defer cancel()
	all := make([]Event, len(group))
	for n := range group {
		all[n] = group[n].event
	}
	outcomes, err := Keep(ctx, i.db, all)
	for n, r := range group {
		if err != nil {
			r.done <- result{err: err}
			continue
		}
		r.done <- result{outcome: outcomes[n]}
	}
}
