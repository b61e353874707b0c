package casework

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// ErrInput means that what a person asked for is incomplete or contradicts itself.
var ErrInput = errors.New("not valid")

// Log is the audit log, as decisions need it.
type Log interface {
	// Append returns when the entry can no longer be lost. After an error nothing that it was for may be done.
	Append(ctx context.Context, e audit.Entry) (uint64, error)
}

// Desk is where people work on cases. It is safe for concurrent use, also by several processes on one store.
type Desk struct {
	DB          *store.DB
	Log         Log
	SLA         SLA
	Now         func() time.Time
	Attachments *Attachments          // nil: none are taken
	Channels    Querier               // nil: no order can be supplemented
	Targets     map[RepairKind]Target // where repairs are applied
	Metrics     *Metrics              // nil: none
}

// deed is one thing that somebody does to a case.
type deed struct {
	who   Actor
	do    Action
	note  string
	sha   string // of an attachment
	basis map[string]string
}

// act does one thing to a case: checked, written to the audit log, then done, in the version that it was decided on.
func (d *Desk) act(ctx context.Context, id string, what deed, change func(*Case) error) (Case, error) {
	if err := what.who.check(what.do); err != nil {
		return Case{}, err
	}
	old, err := d.Get(ctx, id)
	if err != nil {
		return old, err
	}
	next := old
	if err := change(&next); err != nil {
		return old, err
	}
	if next.State != old.State {
		if err := old.State.Move(next.State); err != nil {
			return old, err
		}
	}
	e := Event{Seq: old.Version + 1, At: d.Now(), Actor: what.who.Name, Action: string(what.do), From: old.State, To: next.State, Note: what.note, SHA256: what.sha, Trace: what.who.Trace}
	if e.Audit, err = d.log(ctx, what, e, &old, &next); err != nil {
		return old, err
	}
	err = d.DB.Tx(ctx, func(tx *store.Tx) error { return swapCase(ctx, tx, &old, &next, e) })
	if err != nil {
		if happened, readErr := d.happened(ctx, id, e); !happened {
			d.Metrics.decided(what.do, "conflict")
			return old, d.undone(ctx, undoing{e.Audit, e.Trace, "case " + e.Action + " did not take place", id}, err, readErr)
		}
	}
	d.Metrics.decided(what.do, "done")
	return next, nil
}

// log writes the decision to the audit log, before it is made.
func (d *Desk) log(ctx context.Context, what deed, e Event, old, next *Case) (string, error) {
	basis := map[string]string{
		"role": string(what.who.Role), "from": string(e.From), "to": string(e.To), "version": strconv.FormatInt(old.Version, 10), "batch": old.Batch,
		"break": string(old.Break), "key": old.Key.String(), "gap": gapText(old.Gap),
	}
	for name, value := range map[string]string{"note": what.note, "owner": next.Owner, "resolution": string(next.Resolution)} {
		if value != "" {
			basis[name] = value
		}
	}
	for name, value := range what.basis {
		basis[name] = value
	}
	return d.entry(ctx, audit.Entry{Time: e.At, Trace: e.Trace, Actor: e.Actor, Action: "case " + e.Action, Subject: old.ID, SHA256: what.sha, Basis: basis})
}

// entry names an entry and waits until the log has it.
func (d *Desk) entry(ctx context.Context, e audit.Entry) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("name audit entry: %w", err)
	}
	e.ID = id.String()
	if _, err := d.Log.Append(ctx, e); err != nil {
		d.Metrics.refused()
		return "", fmt.Errorf("%s: nothing was done, since it could not be audited: %w", e.Action, err)
	}
	return e.ID, nil
}

// happened tells whether a decision took place although its commit gave an error.
func (d *Desk) happened(ctx context.Context, id string, e Event) (bool, error) {
	all, err := d.Events(context.WithoutCancel(ctx), id)
	if err != nil || int64(len(all)) < e.Seq {
		return false, err
	}
	return all[e.Seq-1].Audit == e.Audit, nil
}

// undoing is an entry of the audit log whose decision did not take place.
type undoing struct {
	entry, trace string
	says         string // what is told of it
	subject      string
}

// undone tells the audit log that what it was told did not take place, and the cause, and gives that. Where it could not be
// read what became of the decision (unknown), the log is told nothing: it may have taken place.
func (d *Desk) undone(ctx context.Context, u undoing, cause, unknown error) error {
	ctx = context.WithoutCancel(ctx) // who asked may have gone: that is one of the causes
	if unknown != nil {
		return errors.Join(cause, unknown)
	}
	err := d.DB.Tx(ctx, func(tx *store.Tx) error {
		return tx.Audit(ctx, store.Entry{ID: u.entry + "/undone", Time: d.Now(), Trace: u.trace, Actor: machine, Action: u.says, Subject: u.subject, Basis: cause.Error()})
	})
	return errors.Join(cause, err)
}
