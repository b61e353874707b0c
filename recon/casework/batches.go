package casework

import (
	"context"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Batches makes cases of what the daily operation finds.
type Batches struct{ Intake *Intake }

var _ batch.Cases = Batches{}

// Open makes a case for each finding that has none.
func (b Batches) Open(ctx context.Context, tx *store.Tx, of *batch.Batch, found []batch.Finding) error {
	_, err := b.Intake.Open(ctx, tx, versionOf(of), findings(found))
	return err
}

// Withdraw closes the cases of what an earlier version of the statement found and this one did not.
func (b Batches) Withdraw(ctx context.Context, tx *store.Tx, of *batch.Batch, gone []batch.Finding) error {
	_, err := b.Intake.Withdraw(ctx, tx, versionOf(of), findings(gone))
	return err
}

func versionOf(b *batch.Batch) Batch {
	id := b.Statement
	return Batch{ID: b.ID, Statement: id.String(), Channel: id.Channel, Account: id.Account, Kind: id.Kind, Day: id.Day, SHA256: b.File.SHA256, Archive: archived(b.File.SHA256)}
}

// archived is a raw file's place below the archive's folder.
func archived(sha256 string) string {
	if sha256 == "" {
		return ""
	}
	return sha256[:2] + "/" + sha256
}

func findings(found []batch.Finding) []Finding {
	out := make([]Finding, len(found))
	for i := range found {
		out[i].Difference = found[i].Difference
		out[i].Key, out[i].Occurrence, out[i].Break = found[i].Key, found[i].Occurrence, found[i].Break
	}
	return out
}
