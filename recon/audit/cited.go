package audit

import (
	"context"
	"fmt"

	"github.com/transparency-dev/tessera/api/layout"
	"golang.org/x/mod/sumdb/note"
)

// Cited hands on every archived file that an entry of a log cites, with the entry's id. It reads the whole log, and does not
// verify it.
func Cited(ctx context.Context, dir string, verifier note.Verifier, cite func(sha256, id string)) error {
	t, err := readTree(ctx, dir, verifier)
	if err != nil || t.head.Size == 0 {
		return err
	}
	for at := range layout.Range(0, t.head.Size, t.head.Size) {
		entries, err := t.entries(ctx, at)
		if err != nil {
			return fmt.Errorf("read audit log: bundle %d: %w; try: touchstone audit verify", at.Index, err)
		}
		for _, data := range entries {
			e, err := Decode(data)
			if err != nil {
				return fmt.Errorf("read audit log: %w; try: touchstone audit verify", err)
			}
			if e.Archive != "" {
				cite(e.SHA256, e.ID)
			}
		}
	}
	return nil
}
