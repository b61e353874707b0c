package app

import (
	"context"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/rules"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// caseIntake hands findings of batches to casework.
type caseIntake struct{ intake *casework.Intake }

// Open makes cases of findings.
func (c caseIntake) Open(ctx context.Context, tx *store.Tx, b *batch.Batch, found []batch.Finding) error {
	_, err := c.intake.Open(ctx, tx, caseBatch(b), caseFindings(found))
	return err
}

// Withdraw closes cases of findings that are gone.
func (c caseIntake) Withdraw(ctx context.Context, tx *store.Tx, b *batch.Batch, gone []batch.Finding) error {
	_, err := c.intake.Withdraw(ctx, tx, caseBatch(b), caseFindings(gone))
	return err
}

// Settle closes cases of what a later day brought to an end.
func (c caseIntake) Settle(ctx context.Context, tx *store.Tx, b *batch.Batch, settled []batch.Settlement) error {
	_, err := c.intake.Settle(ctx, tx, caseBatch(b), caseSettled(b, settled))
	return err
}

// Unsettle opens cases again that an earlier version of a later day brought to an end.
func (c caseIntake) Unsettle(ctx context.Context, tx *store.Tx, b *batch.Batch, open []batch.Settlement) error {
	_, err := c.intake.Unsettle(ctx, tx, caseBatch(b), caseSettled(b, open))
	return err
}

func caseSettled(b *batch.Batch, settled []batch.Settlement) []casework.Settled {
	all := make([]casework.Settled, len(settled))
	for i := range settled {
		s := &settled[i]
		all[i] = casework.Settled{
			Statement: s.Statement(b.Statement).String(), Key: s.Key, Occurrence: s.Occurrence, Break: s.Break, Since: s.FoundSince(), Differs: s.Fate == rules.Broken,
		}
	}
	return all
}

// Book writes what rules tolerated into the journal.
func (c caseIntake) Book(ctx context.Context, tx *store.Tx, b *batch.Batch, all []batch.WriteOff) error {
	return c.intake.Book(ctx, tx, caseBatch(b), caseWriteOffs(all))
}

// Unbook takes out of the journal what an earlier version tolerated.
func (c caseIntake) Unbook(ctx context.Context, tx *store.Tx, b *batch.Batch, gone []batch.WriteOff) error {
	all := caseWriteOffs(gone)
	for i := range all {
		all[i].Sides = nil
	}
	return c.intake.Book(ctx, tx, caseBatch(b), all)
}

func caseWriteOffs(all []batch.WriteOff) []casework.WriteOff {
	out := make([]casework.WriteOff, len(all))
	for i, w := range all {
		one := casework.WriteOff{Entry: w.Entry}
		for _, l := range w.Lines {
			amount := l.Amount
			if !l.Debit {
				amount = amount.Neg()
			}
			one.Key, one.Why = l.Booking, "tolerance "+l.Tolerance
			one.Sides = append(one.Sides, casework.Side{Account: l.Account, Amount: amount})
		}
		out[i] = one
	}
	return out
}

func caseBatch(b *batch.Batch) casework.Batch {
	s := b.Statement
	return casework.Batch{ID: b.ID, Statement: s.String(), Channel: s.Channel, Account: s.Account, Kind: s.Kind, Day: s.Day, SHA256: b.File.SHA256, Archive: b.File.Archived()}
}

func caseFindings(all []batch.Finding) []casework.Finding {
	out := make([]casework.Finding, len(all))
	for i := range all {
		out[i] = casework.Finding{Difference: all[i].Difference, Since: all[i].Since, Why: all[i].Why, Expected: all[i].Expected}
	}
	return out
}
