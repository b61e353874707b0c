package casework

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Intake makes cases of what batches find and closes those that files settle. Its calls run inside of the batch's
// transaction, which may run again, and a batch may call again with what it called with before a crash.
type Intake struct {
	SLA SLA
	Now func() time.Time
}

// machine is who acts in a history where no person did.
const machine = "recon"

// Change counts what became of findings.
type Change struct {
	Opened    int `json:"opened"`
	Reopened  int `json:"reopened"` // withdrawn before, or decided on other facts
	Changed   int `json:"changed"`  // open, with other facts
	Unchanged int `json:"unchanged"`
	Closed    int `json:"closed"`
	Held      int `json:"held"` // to be closed, but a repair of it is under way
}

func (c *Change) add(o Change) {
	c.Opened, c.Reopened, c.Changed, c.Unchanged = c.Opened+o.Opened, c.Reopened+o.Reopened, c.Changed+o.Changed, c.Unchanged+o.Unchanged
	c.Closed, c.Held = c.Closed+o.Closed, c.Held+o.Held
}

// intakePage is how many findings are looked up at once.
const intakePage = 200

// Open makes a case for each finding that has none. One that was withdrawn is opened again; one that people decided on, or
// that a later file settled, stays closed, unless the facts are others now.
func (in *Intake) Open(ctx context.Context, tx *store.Tx, b Batch, found []Finding) (total Change, err error) {
	for len(found) > 0 {
		page := found[:min(len(found), intakePage)]
		change, err := in.openPage(ctx, tx, b, page)
		if err != nil {
			return total, fmt.Errorf("open cases of %s: %w", b.ID, err)
		}
		total.add(change)
		found = found[len(page):]
	}
	return total, nil
}

func (in *Intake) openPage(ctx context.Context, tx *store.Tx, b Batch, found []Finding) (change Change, err error) {
	fresh := make([]*Case, len(found))
	ids := make([]string, len(found))
	for i := range found {
		if fresh[i], err = newCase(b, &found[i], in.SLA, in.Now()); err != nil {
			return change, err
		}
		ids[i] = fresh[i].ID
	}
	known, err := byID(ctx, tx, ids)
	if err != nil {
		return change, err
	}
	add := additions{batch: b, now: in.Now()}
	for _, c := range fresh {
		old, there := known[c.ID]
		if !there {
			if err := add.open(c); err != nil {
				return change, err
			}
			known[c.ID] = *c // twice in one page is one case
			change.Opened++
			continue
		}
		what, err := in.again(ctx, tx, b, &old, c)
		if err != nil {
			return change, err
		}
		change.add(what)
	}
	return change, add.write(ctx, tx)
}

// additions are new cases, with their first lines of history and their audit entries.
type additions struct {
	batch         Batch
	now           time.Time
	cases, events [][]any
	entries       []store.Entry
}

func (a *additions) open(c *Case) error {
	row, err := c.row()
	if err != nil {
		return err
	}
	part, _ := row[0].(int)
	audit := c.ID + "/1"
	e := Event{Seq: 1, At: a.now, Actor: machine, Action: "open", To: c.State, Note: "found by " + a.batch.ID, Audit: audit, Gap: c.Gap}
	a.cases, a.events = append(a.cases, row), append(a.events, e.row(part, c.ID))
	a.entries = append(a.entries, store.Entry{
		ID: audit, Time: a.now, Actor: machine, Action: "case open", Subject: c.ID, SHA256: a.batch.SHA256, Archive: a.batch.Archive,
		Basis: fmt.Sprintf("%s %s#%d of %s, gap %s", c.Break, c.Key, c.Occurrence, a.batch.ID, gapText(c.Gap)),
	})
	return nil
}

func (a *additions) write(ctx context.Context, tx *store.Tx) error {
	events := eventRows()
	events.Values = a.events
	if _, err := tx.Add(ctx, store.Rows{Table: "cases", Key: []string{"part", "id"}, Columns: caseFields(), Values: a.cases}); err != nil {
		return err
	}
	if _, err := tx.Add(ctx, events); err != nil {
		return err
	}
	return tx.Audit(ctx, a.entries...)
}

func gapText(gap *recon.Money) string {
	if gap == nil {
		return "unknown"
	}
	return gap.String()
}

// again is a finding whose case is there.
func (in *Intake) again(ctx context.Context, tx *store.Tx, b Batch, old, c *Case) (Change, error) {
	same := old.facts == c.facts
	withdrawn := old.Resolution == ResolvedWithdrawn
	if same && old.Batch == b.ID && !withdrawn {
		return Change{Unchanged: 1}, nil
	}
	next := *old
	next.Batch, next.Break, next.Class, next.Gap, next.Order, next.Detail, next.facts = b.ID, c.Break, c.Class, c.Gap, c.Order, c.Detail, c.facts
	e := Event{Actor: machine, Action: "confirm", From: old.State, To: old.State, Note: "found again by " + b.ID}
	counted := Change{Unchanged: 1}
	held := false
	if !same { // what was approved was approved for other facts
		var err error
		if held, err = endRepairs(ctx, tx, old.ID, in.Now(), "its break has other facts now"); err != nil {
			return Change{}, err
		}
	}
	switch {
	case old.State == StateClosed && (withdrawn || !same):
		next.State, next.Resolution, next.Closed, next.Opened, next.Due = c.State, "", time.Time{}, c.Opened, c.Due
		e.Action, e.To, counted = "reopen", c.State, Change{Reopened: 1}
		if !same {
			e.Note += ", with other facts than were decided on"
		}
	case !same:
		next.Due = in.SLA.Due(old.Opened, old.Expected, c.Gap)
		e.Action, counted = "change", Change{Changed: 1}
		e.Note += fmt.Sprintf(", with other facts: gap %s, was %s", gapText(c.Gap), gapText(old.Gap))
	}
	if held {
		e.Note += underWay
	}
	return counted, in.save(ctx, tx, old, &next, e, b)
}

// underWay is what a case says whose repair nobody can end any more.
const underWay = "; a repair is under way: a person must look"

// Withdraw closes the cases of breaks that an earlier version of the statement had and this one has not. A case with a
// repair under way is left to people; repairs that were only proposed or approved end.
func (in *Intake) Withdraw(ctx context.Context, tx *store.Tx, b Batch, gone []Finding) (Change, error) {
	ids := make([]string, len(gone))
	for i := range gone {
		ids[i] = caseID(b.Statement, gone[i].Key, gone[i].Occurrence, gone[i].Break, gone[i].Since)
	}
	return in.closeAll(ctx, tx, b, ids, ResolvedWithdrawn, "no longer found, by "+b.ID)
}

func (in *Intake) closeAll(ctx context.Context, tx *store.Tx, b Batch, ids []string, as Resolution, note string) (total Change, err error) {
	for len(ids) > 0 {
		page := ids[:min(len(ids), intakePage)]
		known, err := byID(ctx, tx, page)
		if err != nil {
			return total, err
		}
		for _, id := range page {
			old, there := known[id]
			if !there || old.State == StateClosed {
				continue
			}
			change, err := in.closeOne(ctx, tx, b, &old, as, note)
			if err != nil {
				return total, fmt.Errorf("close case %s: %w", id, err)
			}
			delete(known, id) // twice is once
			total.add(change)
		}
		ids = ids[len(page):]
	}
	return total, nil
}

func (in *Intake) closeOne(ctx context.Context, tx *store.Tx, b Batch, old *Case, as Resolution, note string) (Change, error) {
	next := *old
	e := Event{Actor: machine, Action: "close", From: old.State, To: StateClosed, Note: note}
	held, err := endRepairs(ctx, tx, old.ID, in.Now(), "its break is no longer found")
	if err != nil {
		return Change{}, err
	}
	if held {
		e.Action, e.To, e.Note = "hold", old.State, note+underWay
		return Change{Held: 1}, in.save(ctx, tx, old, &next, e, b)
	}
	next.State, next.Resolution, next.Closed = StateClosed, as, in.Now()
	return Change{Closed: 1}, in.save(ctx, tx, old, &next, e, b)
}

// save writes what the program changed, with its line of history and its audit entry in the outbox.
func (in *Intake) save(ctx context.Context, tx *store.Tx, old, next *Case, e Event, b Batch) error {
	e.Seq, e.At = old.Version+1, in.Now()
	e.Audit = fmt.Sprintf("%s/%d", old.ID, e.Seq)
	if err := swapCase(ctx, tx, old, next, e); err != nil {
		return err
	}
	return tx.Audit(ctx, store.Entry{
		ID: e.Audit, Time: e.At, Actor: machine, Action: "case " + e.Action, Subject: old.ID, SHA256: b.SHA256, Archive: b.Archive,
		Basis: fmt.Sprintf("%s; %s to %s", e.Note, e.From, e.To),
	})
}
