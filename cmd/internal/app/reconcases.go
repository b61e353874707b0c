package app

import (
	"context"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/casework"
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

func caseBatch(b *batch.Batch) casework.Batch {
	s := b.Statement
	return casework.Batch{ID: b.ID, Statement: s.String(), Channel: s.Channel, Account: s.Account, Kind: s.Kind, Day: s.Day, SHA256: b.File.SHA256, Archive: b.File.Archived()}
}

func caseFindings(all []batch.Finding) []casework.Finding {
	out := make([]casework.Finding, len(all))
	for i := range all {
		out[i] = casework.Finding{Difference: all[i].Difference}
	}
	return out
}
