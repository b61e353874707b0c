package casework

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Settled is a break whose other side came with a later file.
type Settled struct {
	Statement  string // that the break was found in
	Key        recon.Key
	Occurrence int
	Break      recon.Break
	Since      string // Finding.Since of it
	Differs    bool   // the other side came with other facts: those are a break of the later file, and a case of their own
}

func (s *Settled) caseID() string {
	return caseID(s.Statement, s.Key, s.Occurrence, s.Break, s.Since)
}

// Settle closes the cases whose other side a file brought; by is that file's batch. Where that differs, the batch has a case
// that says both, and this one ends in its favour.
func (in *Intake) Settle(ctx context.Context, tx *store.Tx, by Batch, all []Settled) (total Change, err error) {
	var agreeing, differing []string
	for i := range all {
		if id := all[i].caseID(); all[i].Differs {
			differing = append(differing, id)
		} else {
			agreeing = append(agreeing, id)
		}
	}
	for _, some := range []struct {
		ids  []string
		note string
	}{{agreeing, "settled by "}, {differing, "the other side came and differs: goes on as a case of "}} {
		change, err := in.closeAll(ctx, tx, by, some.ids, ResolvedSettled, some.note+by.ID+" of "+by.Day)
		if err != nil {
			return total, err
		}
		total.add(change)
	}
	return total, nil
}

// Unsettle opens the cases again that an earlier version of a file settled, and this one does not.
func (in *Intake) Unsettle(ctx context.Context, tx *store.Tx, by Batch, all []Settled) (total Change, err error) {
	for len(all) > 0 {
		page := all[:min(len(all), intakePage)]
		ids := make([]string, len(page))
		for i := range page {
			ids[i] = page[i].caseID()
		}
		known, err := byID(ctx, tx, ids)
		if err != nil {
			return total, err
		}
		for _, id := range ids {
			old, there := known[id]
			if !there || old.State != StateClosed || old.Resolution != ResolvedSettled {
				continue
			}
			if err := in.openAgain(ctx, tx, by, &old); err != nil {
				return total, fmt.Errorf("open case %s again: %w", id, err)
			}
			delete(known, id) // twice is once
			total.Reopened++
		}
		all = all[len(page):]
	}
	return total, nil
}

func (in *Intake) openAgain(ctx context.Context, tx *store.Tx, by Batch, old *Case) error {
	next, now := *old, in.Now()
	next.State, next.Resolution, next.Closed, next.Opened = StateOpen, "", time.Time{}, now
	next.Due = in.SLA.Due(now, old.Expected, old.Gap)
	e := Event{Actor: machine, Action: "reopen", From: old.State, To: StateOpen, Note: "no longer settled, by " + by.ID + " of " + by.Day}
	return in.save(ctx, tx, old, &next, e, by)
}
