package casework

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Apply applies an approved repair, or finishes one that was begun: then its target is asked first what became of it. A
// ticket is applied by whoever did it elsewhere: reference says under which number. Every way through it that a crash can
// cut short leads here again.
func (d *Desk) Apply(ctx context.Context, who Actor, id, reference string) (Repair, error) {
	if err := who.check(ActApply); err != nil {
		return Repair{}, err
	}
	r, err := d.Repair(ctx, id)
	if err != nil {
		return r, err
	}
	if r.State == RepairApplied {
		return r, nil // a call that was answered too late
	}
	if r.State != RepairApplying {
		if err := r.State.Move(RepairApplying); err != nil {
			return r, err
		}
	}
	if err := d.mayApply(ctx, &r, reference); err != nil {
		return r, err
	}
	why := "approved"
	if r.State == RepairApplying {
		why = "begun earlier; its end is not known"
	}
	entry, err := d.logRepair(ctx, who, ActApply, &r, why)
	if err != nil {
		return r, err
	}
	if r.State == RepairApproved {
		if r, err = d.moveRepair(ctx, who, r, RepairApplying, "apply", "begun", entry); err != nil {
			return r, err
		}
	}
	return d.carryOut(ctx, who, r, reference, entry)
}

// mayApply looks once more at all that was looked at before.
func (d *Desk) mayApply(ctx context.Context, r *Repair, reference string) error {
	if err := r.FourEyes(); err != nil {
		return err
	}
	if r.Proposal.Kind == RepairTicket {
		return checkNote("reference", reference)
	}
	if d.Targets[r.Proposal.Kind] == nil {
		return fmt.Errorf("kind: %w: there is no target for a %s here; try: repairs in the configuration", ErrInput, r.Proposal.Kind)
	}
	if r.Proposal.Kind != RepairSupplement || r.State == RepairApplying {
		return nil
	}
	c, err := d.Get(ctx, r.Case)
	if err != nil {
		return err
	}
	if err := notClosed(&c); err != nil {
		return err
	}
	now, err := d.ask(ctx, &c)
	if err != nil {
		return err
	}
	if was := cmp.Or(r.Answer, &Answer{}); *now != *was {
		return fmt.Errorf("%w: channel %s says %s %s now and said %s %s when it was proposed", ErrRefused, c.Channel, now.Status, now.Amount, was.Status, was.Amount)
	}
	return nil
}

// maxSeen bounds what a target says of a repair, in bytes: it goes into the history and into the audit log, beside the
// proposal, and a repair whose end could not be noted would stay applying for ever.
const maxSeen = 1 << 10

func (d *Desk) carryOut(ctx context.Context, who Actor, r Repair, reference, entry string) (Repair, error) {
	if r.Proposal.Kind == RepairTicket {
		return d.moveRepair(ctx, who, r, RepairApplied, "applied", "ticket "+reference, entry)
	}
	target := d.Targets[r.Proposal.Kind]
	standing, seen, err := target.Look(ctx, &r)
	if err == nil && standing == StandingReady {
		seen, err = "applied", target.Apply(ctx, &r)
		if errors.Is(err, ErrRefused) {
			standing, seen, err = StandingRefused, err.Error(), nil
		}
	}
	seen = store.Cut(seen, maxSeen)
	switch {
	case errors.Is(err, ErrUnderWay):
		return r, nil // Follow ends it
	case err != nil:
		return r, fmt.Errorf("repair %s was begun and its end is not known; try: apply it again, its target is asked first: %w", r.ID, err)
	case standing == StandingRefused:
		failed, err := d.moveRepair(ctx, who, r, RepairFailed, "failed", seen, entry)
		return failed, errors.Join(err, fmt.Errorf("repair %s: %w: %s", r.ID, ErrRefused, seen))
	}
	return d.moveRepair(ctx, who, r, RepairApplied, "applied", seen, entry)
}

// Follow ends the repairs that were begun and whose targets say by now what became of them. It applies nothing: what a
// target does not know is left to a person.
func (d *Desk) Follow(ctx context.Context) (ended int, err error) {
	begun, err := d.Begun(ctx)
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, r := range begun {
		target := d.Targets[r.Proposal.Kind]
		if target == nil {
			continue
		}
		standing, seen, err := target.Look(ctx, &r)
		switch {
		case errors.Is(err, ErrUnderWay) || (err == nil && standing == StandingReady):
			continue
		case err == nil:
			err = d.follow(ctx, r, standing, seen)
		}
		if err == nil {
			ended++
		} else if !errors.Is(err, ErrConflict) { // a person ended it meanwhile
			errs = append(errs, err)
		}
	}
	return ended, errors.Join(errs...)
}

func (d *Desk) follow(ctx context.Context, r Repair, standing Standing, seen string) error {
	who, seen := Actor{Name: machine}, store.Cut(seen, maxSeen)
	to, action := RepairApplied, "applied"
	if standing == StandingRefused {
		to, action = RepairFailed, "failed"
	}
	entry, err := d.logRepair(ctx, who, ActApply, &r, "its target says: "+seen)
	if err != nil {
		return err
	}
	_, err = d.moveRepair(ctx, who, r, to, action, seen, entry)
	return err
}

// Begun gives the repairs whose end is not known: a process died, or a target did not answer. Nobody applies them again
// by itself: a person does, and their target is asked first.
func (d *Desk) Begun(ctx context.Context) ([]Repair, error) {
	rows, err := d.DB.Query(ctx, "SELECT "+repairColumns()+" FROM repairs WHERE state = ? AND moved_us < ? ORDER BY moved_us, id LIMIT ?", string(RepairApplying), store.Moment(d.Now()), maxPage)
	if err != nil {
		return nil, fmt.Errorf("read begun repairs: %w", err)
	}
	defer rows.Close()
	all := []Repair{}
	for rows.Next() {
		r, err := scanRepair(rows)
		if err != nil {
			return nil, fmt.Errorf("read begun repairs: %w", err)
		}
		all = append(all, r)
	}
	return all, rows.Err()
}
