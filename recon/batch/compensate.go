package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Known is what a channel says about an operation.
type Known string

// The answers of a channel.
const (
	Done    Known = "done"
	Refused Known = "refused" // it will never happen
	Going   Known = "going"   // the channel has it and is not done
	Unheard Known = "unheard" // the channel never got it
)

// Told is a channel's answer.
type Told struct {
	Known Known           `json:"known"`
	Rest  int64           `json:"rest,omitempty"` // of a split that is done: minor units that nobody got yet
	Raw   json.RawMessage `json:"raw,omitempty"`  // the channel's own words
}

// Channel is where operations happen. It takes each request number once: what comes again is answered like the first time.
type Channel interface {
	Query(ctx context.Context, o *Operation) (Told, error)
	Send(ctx context.Context, o *Operation) (Told, error)
}

// Compensator looks after operations that need somebody: past their deadline, past their date, split with a rest. It asks
// the channel before it does anything, always.
type Compensator struct {
	DB       *store.DB
	Channel  Channel
	Patience time.Duration // for what the channel is doing, and before it is asked again; longer than Send may take
	Parallel int           // operations at a time; 0 = 1
	Actor    string
	Now      func() time.Time
	Metrics  *OperationMetrics // nil: nothing is counted
}

// Look takes care of what is due, at most limit of each trigger, and tells how many it moved. An operation that fails does
// not hold up the others; another that moved it meanwhile is no error.
func (k *Compensator) Look(ctx context.Context, limit int) (moved int, err error) {
	all, err := triggered(ctx, k.DB, k.Now(), limit)
	if err != nil {
		return 0, err
	}
	errs := make([]error, len(all))
	var group errgroup.Group
	group.SetLimit(max(1, k.Parallel))
	for i := range all {
		group.Go(func() error {
			errs[i] = k.one(ctx, &all[i])
			return nil
		})
	}
	_ = group.Wait() // each error stands among errs
	for i, err := range errs {
		switch {
		case err == nil:
			moved++
		case errors.Is(err, ErrLost):
			errs[i] = nil
		}
	}
	return moved, errors.Join(append(errs, k.open(ctx))...)
}

func (k *Compensator) one(ctx context.Context, o *Operation) error {
	told, err := k.Channel.Query(ctx, o)
	k.Metrics.asks(told, err)
	if err != nil {
		err = fmt.Errorf("ask channel about %s: %w", o.ID, err)
		return errors.Join(err, k.delay(ctx, o))
	}
	return k.apply(ctx, o, told)
}

// apply moves an operation to where the channel says that it stands.
func (k *Compensator) apply(ctx context.Context, o *Operation, told Told) error {
	var err error
	if o.Answer, err = json.Marshal(told); err != nil {
		return fmt.Errorf("keep answer about %s: %w", o.ID, err)
	}
	if o.State == Success {
		return k.rest(ctx, o, told)
	}
	switch told.Known {
	case Done:
		return k.done(ctx, o, told)
	case Refused:
		return k.end(ctx, o, Failed, time.Time{})
	case Going:
		return k.going(ctx, o)
	case Unheard:
		return k.send(ctx, o)
	}
	return errors.Join(fmt.Errorf("operation %s: unknown answer of the channel (got %q)", o.ID, told.Known), k.delay(ctx, o))
}

// done ends an operation that happened. A split with a rest is looked at again.
func (k *Compensator) done(ctx context.Context, o *Operation, told Told) error {
	due := time.Time{}
	if o.Rest = told.Rest; o.Rest != 0 {
		due = k.Now().Add(k.Patience)
	}
	return k.end(ctx, o, Success, due)
}

// end moves an operation to its end; what was only scheduled was under way without our knowing.
func (k *Compensator) end(ctx context.Context, o *Operation, to OperationState, due time.Time) error {
	if o.State == Scheduled {
		if err := k.move(ctx, o, Processing, k.Now().Add(k.Patience)); err != nil {
			return err
		}
	}
	return k.move(ctx, o, to, due)
}

func (k *Compensator) going(ctx context.Context, o *Operation) error {
	if o.State == Scheduled {
		return k.move(ctx, o, Processing, k.Now().Add(k.Patience))
	}
	return k.delay(ctx, o)
}

// send sends what the channel never heard of. The move comes first: whoever finds it past its deadline asks the channel.
func (k *Compensator) send(ctx context.Context, o *Operation) error {
	if o.State == Processing {
		return k.move(ctx, o, Scheduled, k.Now())
	}
	if err := k.move(ctx, o, Processing, k.Now().Add(k.Patience)); err != nil {
		return err
	}
	told, err := k.Channel.Send(ctx, o)
	k.Metrics.sends(told, err)
	if err != nil {
		return fmt.Errorf("send %s, its outcome is unknown and will be asked for: %w", o.ID, err)
	}
	if told.Known == Unheard {
		return fmt.Errorf("send %s: the channel did not take it", o.ID)
	}
	return k.apply(ctx, o, told)
}

// rest takes care of a split that left something. One that nobody can take care of now waits, behind the others.
func (k *Compensator) rest(ctx context.Context, o *Operation, told Told) error {
	err := k.giveBack(ctx, o, told)
	if err == nil || errors.Is(err, ErrLost) {
		return err
	}
	return errors.Join(err, k.delay(ctx, o))
}

// giveBack has an operation of its own give back what the channel says that a split left.
func (k *Compensator) giveBack(ctx context.Context, o *Operation, told Told) error {
	if told.Known != Done {
		return fmt.Errorf("operation %s succeeded here, the channel says %q; try: a person looks at it", o.ID, told.Known)
	}
	if o.Rest = told.Rest; o.Rest == 0 {
		return k.DB.Tx(ctx, func(tx *store.Tx) error { return o.delay(ctx, tx, time.Time{}) })
	}
	end, err := k.splitEnd(o)
	if err != nil {
		return err
	}
	now := k.Now()
	err = k.DB.Tx(ctx, func(tx *store.Tx) error {
		begun := *end
		if _, err := Order(ctx, tx, &begun, now, k.Actor, "rest of "+o.ID, now); err != nil {
			return err
		}
		return o.Move(ctx, tx, Compensated, time.Time{}, k.Actor, fmt.Sprintf("rest %d by %s", o.Rest, end.ID), now)
	})
	if err == nil {
		k.Metrics.moved(Compensated)
	}
	return err
}

func (k *Compensator) splitEnd(o *Operation) (*Operation, error) {
	payload, err := json.Marshal(map[string]any{"split": o.ID, "rest": o.Rest, "of": o.Payload})
	if err != nil {
		return nil, fmt.Errorf("describe rest of %s: %w", o.ID, err)
	}
	return &Operation{ID: string(SplitEnd) + o.ID[len(o.Kind):], Kind: SplitEnd, Payload: payload}, nil
}

func (k *Compensator) move(ctx context.Context, o *Operation, to OperationState, due time.Time) error {
	now := k.Now()
	if err := k.DB.Tx(ctx, func(tx *store.Tx) error { return o.Move(ctx, tx, to, due, k.Actor, string(o.Answer), now) }); err != nil {
		return err
	}
	k.Metrics.moved(to)
	o.State, o.Version, o.Due, o.Moved = to, o.Version+1, due, now
	return nil
}

func (k *Compensator) delay(ctx context.Context, o *Operation) error {
	return k.DB.Tx(ctx, func(tx *store.Tx) error { return o.delay(ctx, tx, k.Now().Add(k.Patience)) })
}
