package batch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// ErrRetired means that a statement, or a later one of its line, was retired: what it is compared with when it is done again
// is no longer in the store.
var ErrRetired = errors.New("is retired and cannot be done again; try: touchstone recon retired")

// unretired asserts that a statement may be done again. It holds the row that whoever retires holds as well, so that of the
// two the later one sees the earlier one.
func unretired(ctx context.Context, tx *store.Tx, id ID) error {
	if _, err := tx.Exec(ctx, "UPDATE retention SET beat = beat + 1 WHERE id = 1"); err != nil {
		return fmt.Errorf("hold retention: %w", err)
	}
	line := strings.TrimSuffix(id.String(), id.Day)
	var last string
	err := tx.QueryRow(ctx, "SELECT id FROM statements WHERE id >= ? AND id < ? AND retired <> '' ORDER BY id DESC LIMIT 1", id.String(), line+":").Scan(&last)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("look for retired statements: %w", err)
	}
	return fmt.Errorf("%s: its line up to %s %w", id, strings.TrimPrefix(last, line), ErrRetired)
}

// unretiredAll asserts it of those statements among rows that are not known yet.
func unretiredAll(ctx context.Context, tx *store.Tx, rows store.Rows) error {
	for _, values := range rows.Values {
		text, _ := values[0].(string)
		id, err := ParseID(text)
		if err != nil {
			return err
		}
		switch _, err := readStatement(ctx, tx, id); {
		case errors.Is(err, ErrNoStatement):
			err = unretired(ctx, tx, id)
			if err != nil {
				return err
			}
		case err != nil:
			return err
		}
	}
	return nil
}
