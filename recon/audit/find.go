package audit

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"
)

// Found is an entry that is proved to be in the log.
type Found struct {
	Index uint64 `json:"index"`
	Entry Entry  `json:"entry"`
}

// Find gives every entry about a subject, oldest first, each proved to be in the tree that the latest checkpoint signs. It
// reads the whole log.
func Find(ctx context.Context, dir string, verifier note.Verifier, subject string) ([]Found, error) {
	t, err := readTree(ctx, dir, verifier)
	if err != nil || t.head.Size == 0 {
		return nil, err
	}
	builder, err := client.NewProofBuilder(ctx, t.head.Size, t.files.ReadTile)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	subject = strings.ToValidUTF8(subject, replacement) // as Encode has it
	needle, err := encode(subject)
	if err != nil {
		return nil, fmt.Errorf("read audit log: %w", err)
	}
	var found []Found
	for at := range layout.Range(0, t.head.Size, t.head.Size) {
		entries, err := t.entries(ctx, at)
		if err != nil {
			return nil, fmt.Errorf("read audit log: bundle %d: %w; try: touchstone audit verify", at.Index, err)
		}
		for i, data := range entries {
			if !bytes.Contains(data, needle) {
				continue
			}
			index := at.Index*layout.EntryBundleWidth + uint64(at.First) + uint64(i)
			e, err := Decode(data)
			if err != nil {
				return nil, fmt.Errorf("read audit log: entry %d: %w; try: touchstone audit verify", index, err)
			}
			if !e.About(subject) {
				continue
			}
			if err := t.included(ctx, builder, index, data); err != nil {
				return nil, fmt.Errorf("read audit log: %w; try: touchstone audit verify", err)
			}
			found = append(found, Found{index, e})
		}
	}
	return found, nil
}

// latest gives the ids of the last n entries that a checkpoint covers, or more.
func latest(ctx context.Context, dir string, verifier note.Verifier, n uint64) (map[string]bool, error) {
	ids := map[string]bool{}
	t, err := readTree(ctx, dir, verifier)
	if err != nil {
		return nil, err
	}
	from := t.head.Size - min(n, t.head.Size)
	for at := range layout.Range(from, t.head.Size-from, t.head.Size) {
		entries, err := t.entries(ctx, at)
		if err != nil {
			return nil, fmt.Errorf("read audit log: bundle %d: %w; try: touchstone audit verify", at.Index, err)
		}
		for _, data := range entries {
			e, err := Decode(data)
			if err != nil {
				return nil, fmt.Errorf("read audit log: %w; try: touchstone audit verify", err)
			}
			ids[e.ID] = true
		}
	}
	return ids, nil
}
