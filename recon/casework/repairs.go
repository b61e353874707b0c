package casework

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

func repairColumns() string { return "id, " + strings.Join(repairFields(), ", ") }

// Repair gives one repair.
func (d *Desk) Repair(ctx context.Context, id string) (Repair, error) {
	part, err := partIn(id)
	if err != nil {
		return Repair{}, err
	}
	r, err := scanRepair(d.DB.QueryRow(ctx, "SELECT "+repairColumns()+" FROM repairs WHERE part = ? AND id = ?", part, id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return r, fmt.Errorf("repair %s: %w", id, ErrNotFound)
	case err != nil:
		return r, fmt.Errorf("read repair %s: %w", id, err)
	}
	return r, nil
}

// Repairs gives the repairs of a case, oldest first.
func (d *Desk) Repairs(ctx context.Context, caseID string) ([]Repair, error) {
	return repairsOf(ctx, d.DB, caseID)
}

func repairsOf(ctx context.Context, from store.Reader, caseID string) ([]Repair, error) {
	part, err := partIn(caseID)
	if err != nil {
		return nil, err
	}
	rows, err := from.Query(ctx, "SELECT "+repairColumns()+" FROM repairs WHERE part = ? AND case_id = ? ORDER BY made_us, id", part, caseID)
	if err != nil {
		return nil, fmt.Errorf("read repairs of case %s: %w", caseID, err)
	}
	defer rows.Close()
	all := []Repair{}
	for rows.Next() {
		r, err := scanRepair(rows)
		if err != nil {
			return nil, fmt.Errorf("read repairs of case %s: %w", caseID, err)
		}
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read repairs of case %s: %w", caseID, err)
	}
	return all, nil
}

// Propose makes a repair of a case. The same request with the same content gives the repair that is there; with another
// content it is a conflict. The books take over only what the channel was asked and has.
func (d *Desk) Propose(ctx context.Context, who Actor, caseID string, p Proposal) (Repair, error) {
	if err := who.check(ActPropose); err != nil {
		return Repair{}, err
	}
	if err := p.check(); err != nil {
		return Repair{}, err
	}
	id, err := repairID(caseID, p.Request)
	if err != nil {
		return Repair{}, err
	}
	switch old, err := d.Repair(ctx, id); {
	case err == nil:
		return old, sameProposal(&old, &p, who)
	case !errors.Is(err, ErrNotFound):
		return Repair{}, err
	}
	c, err := d.Get(ctx, caseID)
	if err != nil {
		return Repair{}, err
	}
	if err := notClosed(&c); err != nil {
		return Repair{}, err
	}
	r := Repair{ID: id, Case: caseID, Version: 1, State: RepairProposed, Proposal: p, Inverse: p.inverse(), Proposer: who.Name, Made: d.Now(), Moved: d.Now()}
	if p.Kind == RepairSupplement {
		if r.Answer, err = d.ask(ctx, &c); err != nil {
			return Repair{}, err
		}
	}
	return d.propose(ctx, who, &c, r)
}

func sameProposal(old *Repair, p *Proposal, who Actor) error {
	if reflect.DeepEqual(canonical(&old.Proposal), canonical(p)) && old.Proposer == who.Name {
		return nil
	}
	return fmt.Errorf("request: %w: %s has this number with another content or from another person; try: a number of its own", ErrConflict, old.ID)
}

// canonical is a proposal as it looks when it was stored and read again.
func canonical(p *Proposal) string {
	text, err := json.Marshal(p)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// ask asks the channel and accepts only that it has the transaction, done.
func (d *Desk) ask(ctx context.Context, c *Case) (*Answer, error) {
	if d.Channels == nil {
		return nil, fmt.Errorf("kind: %w: no channel can be asked here, and the books take over nothing unasked; try: a ticket", ErrInput)
	}
	q := Question{Channel: c.Channel, Account: c.Account, Key: c.Key, Order: c.Order}
	for _, r := range c.Detail.Records {
		if r != nil && q.Time.IsZero() {
			q.Time = r.Time
		}
	}
	a, err := d.Channels.Query(ctx, q)
	switch {
	case err != nil:
		return nil, fmt.Errorf("ask channel %s about %s: %w", c.Channel, c.Key, err)
	case !a.Found || a.Status != recon.StatusSuccess:
		return nil, fmt.Errorf("%w: channel %s has %s as %q, not as success", ErrRefused, c.Channel, c.Key, a.Status)
	}
	return &a, nil
}

func (d *Desk) propose(ctx context.Context, who Actor, c *Case, r Repair) (Repair, error) {
	row, err := r.row()
	if err != nil {
		return r, err
	}
	entry, err := d.logRepair(ctx, who, ActPropose, &r, r.Proposal.Reason)
	if err != nil {
		return r, err
	}
	err = d.DB.Tx(ctx, func(tx *store.Tx) error {
		now, err := getCase(ctx, tx, c.ID)
		if err != nil {
			return err
		}
		if err := notClosed(&now); err != nil {
			return err
		}
		switch added, err := tx.Add(ctx, store.Rows{Table: "repairs", Key: []string{"part", "id"}, Columns: repairFields(), Values: [][]any{row}}); {
		case err != nil:
			return err
		case added == 0:
			return fmt.Errorf("repair %s: %w", r.ID, ErrConflict)
		}
		return d.tell(ctx, tx, &now, who, "propose", r.ID+": "+r.Proposal.Reason, entry)
	})
	if err := d.afterError(ctx, &r, undoing{entry, who.Trace, "repair propose did not take place", r.ID}, err); err != nil {
		return r, err
	}
	d.Metrics.repaired(r.Proposal.Kind, RepairProposed)
	return r, nil
}

// tell adds a line to a case's history about its repair.
func (d *Desk) tell(ctx context.Context, tx *store.Tx, c *Case, who Actor, action, note, entry string) error {
	next := *c
	e := Event{Seq: c.Version + 1, At: d.Now(), Actor: who.Name, Action: action, From: c.State, To: c.State, Note: note, Audit: entry, Trace: who.Trace}
	return swapCase(ctx, tx, c, &next, e)
}

// logRepair writes a decision about a repair to the audit log, before it is made.
func (d *Desk) logRepair(ctx context.Context, who Actor, do Action, r *Repair, why string) (string, error) {
	basis := map[string]string{"role": string(who.Role), "from": string(r.State), "proposer": r.Proposer, "proposal": canonical(&r.Proposal), "why": why}
	if r.Approver != "" {
		basis["approver"] = r.Approver
	}
	if r.Inverse != nil {
		basis["inverse"] = canonical(r.Inverse)
	}
	e := audit.Entry{Time: d.Now(), Trace: who.Trace, Actor: who.Name, Action: "repair " + string(do), Subject: r.ID, Also: []string{r.Case}, Basis: basis}
	if r.Answer != nil {
		basis["channel"] = fmt.Sprintf("%s %s %s", r.Answer.Status, r.Answer.Amount, r.Answer.ChannelTxn)
	}
	return d.entry(ctx, e)
}

// Approve lets a repair be applied: a second person does it.
func (d *Desk) Approve(ctx context.Context, who Actor, id, reason string) (Repair, error) {
	return d.decide(ctx, who, ActApprove, id, reason, RepairApproved)
}

// Reject ends a repair that nobody began to apply.
func (d *Desk) Reject(ctx context.Context, who Actor, id, reason string) (Repair, error) {
	return d.decide(ctx, who, ActReject, id, reason, RepairRejected)
}

func (d *Desk) decide(ctx context.Context, who Actor, do Action, id, reason string, to RepairState) (Repair, error) {
	if err := who.check(do); err != nil {
		return Repair{}, err
	}
	if err := checkNote("reason", reason); err != nil {
		return Repair{}, err
	}
	r, err := d.Repair(ctx, id)
	if err != nil {
		return r, err
	}
	if err := r.State.Move(to); err != nil {
		return r, err
	}
	if to == RepairApproved {
		r.Approver = who.Name
		if err := r.FourEyes(); err != nil {
			return r, err
		}
	}
	entry, err := d.logRepair(ctx, who, do, &r, reason)
	if err != nil {
		return r, err
	}
	return d.moveRepair(ctx, who, r, to, string(do), reason, entry)
}

// FourEyes holds that a repair's approver is somebody else than its proposer.
func (r *Repair) FourEyes() error {
	if r.Approver == "" || samePerson(r.Approver, r.Proposer) {
		return fmt.Errorf("%w: repair %s was proposed by %s; try: somebody else approves it", ErrFourEyes, r.ID, r.Proposer)
	}
	return nil
}

// moveRepair moves a repair and tells its case, in one transaction.
func (d *Desk) moveRepair(ctx context.Context, who Actor, r Repair, to RepairState, action, note, entry string) (Repair, error) {
	next := r
	next.State, next.Moved, next.Version = to, d.Now(), r.Version+1
	if r.State == RepairApplying {
		next.Outcome = note
	}
	err := d.DB.Tx(ctx, func(tx *store.Tx) error {
		if err := swapRepair(ctx, tx, &r, &next); err != nil {
			return err
		}
		c, err := getCase(ctx, tx, r.Case)
		if err != nil {
			return err
		}
		return d.tell(ctx, tx, &c, who, action, r.ID+": "+note, entry)
	})
	says := "repair " + action + " did not take place"
	if r.State == RepairApplying {
		says = "repair " + action + " was not noted" // its target did what it did
	}
	if err := d.afterError(ctx, &next, undoing{entry, who.Trace, says, r.ID}, err); err != nil {
		return r, err
	}
	d.Metrics.repaired(r.Proposal.Kind, to)
	return next, nil
}

// afterError finds out whether a transaction took place although it gave an error; the audit log is told where it did not.
func (d *Desk) afterError(ctx context.Context, want *Repair, u undoing, err error) error {
	if err == nil {
		return nil
	}
	there, readErr := false, error(nil)
	if !errors.Is(err, ErrConflict) {
		there, readErr = d.there(context.WithoutCancel(ctx), want)
	}
	if there {
		return nil
	}
	return d.undone(ctx, u, err, readErr)
}

// there tells whether a repair is as it should be by now. Only its own version can be there.
func (d *Desk) there(ctx context.Context, want *Repair) (bool, error) {
	got, err := d.Repair(ctx, want.ID)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && got.Version == want.Version && got.State == want.State && got.Moved.Equal(store.TimeOf(store.Moment(want.Moved))), err
}

func swapRepair(ctx context.Context, tx *store.Tx, old, next *Repair) error {
	row, err := next.row()
	if err != nil {
		return err
	}
	fields := repairFields()
	args := append(append([]any{}, row[2:]...), row[0], old.ID, string(old.State), old.Version)
	changed, err := tx.Exec(ctx, "UPDATE repairs SET "+strings.Join(fields, " = ?, ")+" = ? WHERE part = ? AND id = ? AND state = ? AND version = ?", args...)
	switch {
	case err != nil:
		return fmt.Errorf("move repair %s: %w", old.ID, err)
	case changed == 0:
		return fmt.Errorf("repair %s, %s, version %d: %w", old.ID, old.State, old.Version, ErrConflict)
	}
	return nil
}

// endRepairs ends the repairs of a case that nobody began to apply, and says why; held means that one was begun.
func endRepairs(ctx context.Context, tx *store.Tx, caseID string, now time.Time, why string) (held bool, err error) {
	all, err := repairsOf(ctx, tx, caseID)
	if err != nil {
		return false, err
	}
	for _, r := range all {
		held = held || r.State == RepairApplying
		if r.State.ended() || r.State == RepairApplying {
			continue
		}
		next := r
		next.State, next.Moved, next.Version, next.Outcome = RepairRejected, now, r.Version+1, why
		if err := swapRepair(ctx, tx, &r, &next); err != nil {
			return false, err
		}
		if err := tx.Audit(ctx, store.Entry{
			ID: fmt.Sprintf("%s/%d", r.ID, next.Version), Time: now, Actor: machine, Action: "repair reject", Subject: r.ID, Basis: next.Outcome + " (case " + caseID + ")",
		}); err != nil {
			return false, err
		}
	}
	return held, nil
}
