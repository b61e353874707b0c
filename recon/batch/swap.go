package batch

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// ErrLost means that another was faster: what should move is no longer in the state and version that it was read in.
var ErrLost = errors.New("another moved it meanwhile")

// ErrFenced means that another worker took the statement: what this one does about it counts no more.
var ErrFenced = errors.New("another worker took the statement")

// swap is one compare-and-swap of a state: from a state and a version to another state and the next version.
type swap struct {
	table    string
	id       string
	from, to string
	version  int64
	set      []string // further columns
	values   []any
}

// do moves the row, or gives ErrLost. The move itself must be legal already.
func (s swap) do(ctx context.Context, tx *store.Tx) error {
	var more strings.Builder
	for _, column := range s.set {
		more.WriteString(", " + column + " = ?")
	}
	args := append(append([]any{s.to}, s.values...), s.id, s.from, s.version)
	changed, err := tx.Exec(ctx, "UPDATE "+s.table+" SET state = ?, version = version + 1"+more.String()+" WHERE id = ? AND state = ? AND version = ?", args...)
	switch {
	case err != nil:
		return fmt.Errorf("move %s from %s to %s: %w", s.id, s.from, s.to, err)
	case changed == 0:
		return fmt.Errorf("move %s from %s (version %d) to %s: %w", s.id, s.from, s.version, s.to, ErrLost)
	}
	return nil
}
