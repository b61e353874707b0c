package casework

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// ErrConflict means that another changed the case or repair meanwhile. Nothing was done.
var ErrConflict = errors.New("another changed it meanwhile; try: look at it again")

// swapCase replaces a case in the state and version that it was read in, and adds the line that says why.
func swapCase(ctx context.Context, tx *store.Tx, old, next *Case, e Event) error {
	next.Version = old.Version + 1
	e.Gap, e.Resolution = next.Gap, next.Resolution
	row, err := next.row()
	if err != nil {
		return err
	}
	fields, values := caseFields(), row[2:]
	args := append(append([]any{}, values...), row[0], old.ID, string(old.State), old.Version)
	changed, err := tx.Exec(ctx, "UPDATE cases SET "+strings.Join(fields, " = ?, ")+" = ? WHERE part = ? AND id = ? AND state = ? AND version = ?", args...)
	switch {
	case err != nil:
		return fmt.Errorf("change case %s: %w", old.ID, err)
	case changed == 0:
		return fmt.Errorf("case %s, %s, version %d: %w", old.ID, old.State, old.Version, ErrConflict)
	}
	part, _ := row[0].(int)
	return addEvent(ctx, tx, part, old.ID, e)
}
