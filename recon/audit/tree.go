package audit

import (
	"context"
	"errors"
	"fmt"
	"os"

	flog "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"
)

// Errors of a log that is not what its witness saw.
var (
	ErrTruncated = errors.New("the log is shorter than its witness saw it: entries were taken away")
	ErrRebuilt   = errors.New("the log is another one than its witness saw: it was rebuilt with the same key")
)

// tree reads a log's files, without any right to write them.
type tree struct {
	files client.FileFetcher
	raw   []byte // the signed checkpoint
	head  flog.Checkpoint
}

// readTree reads the latest checkpoint of the log in a folder and checks its signature.
func readTree(ctx context.Context, dir string, verifier note.Verifier) (*tree, error) {
	t := &tree{files: client.FileFetcher{Root: dir}}
	raw, err := t.files.ReadCheckpoint(ctx)
	if err != nil {
		return nil, fmt.Errorf("read checkpoint: %w", err)
	}
	cp, err := parse(raw, verifier)
	if err != nil {
		return nil, fmt.Errorf("%w: no checkpoint of %s", err, verifier.Name())
	}
	t.raw, t.head = raw, *cp
	return t, nil
}

// entries gives the bytes of those entries that a bundle holds.
func (t *tree) entries(ctx context.Context, at layout.RangeInfo) ([][]byte, error) {
	raw, err := t.files.ReadEntryBundle(ctx, at.Index, at.Partial)
	if err != nil {
		return nil, err
	}
	var bundle api.EntryBundle
	if err := bundle.UnmarshalText(raw); err != nil {
		return nil, err
	}
	if want := int(at.First + at.N); len(bundle.Entries) < want {
		return bundle.Entries, fmt.Errorf("%d entries are missing", want-len(bundle.Entries))
	}
	return bundle.Entries[at.First : at.First+at.N], nil
}

// leaves gives the hashes that the tree has for the entries of a bundle.
func (t *tree) leaves(ctx context.Context, at layout.RangeInfo) ([][]byte, error) {
	raw, err := t.files.ReadTile(ctx, 0, at.Index, at.Partial)
	if err != nil {
		return nil, err
	}
	var tile api.HashTile
	if err := tile.UnmarshalText(raw); err != nil {
		return nil, err
	}
	return tile.Nodes[min(int(at.First), len(tile.Nodes)):], nil
}

// included proves that an entry's bytes are in the tree that the checkpoint signs.
func (t *tree) included(ctx context.Context, builder *client.ProofBuilder, index uint64, data []byte) error {
	path, err := builder.InclusionProof(ctx, index)
	if err != nil {
		return fmt.Errorf("build inclusion proof of entry %d: %w", index, err)
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, t.head.Size, rfc6962.DefaultHasher.HashLeaf(data), path, t.head.Hash); err != nil {
		return fmt.Errorf("entry %d is not what the checkpoint signs: %w", index, err)
	}
	return nil
}

// proveConsistency proves that the log in a folder is an earlier one, grown.
func proveConsistency(ctx context.Context, dir string, verifier note.Verifier, earlier flog.Checkpoint) error {
	t, err := readTree(ctx, dir, verifier)
	if errors.Is(err, os.ErrNotExist) {
		if earlier.Size == 0 {
			return nil
		}
		return fmt.Errorf("%w: it has no checkpoint, the witness saw %d entries", ErrTruncated, earlier.Size)
	}
	if err != nil {
		return err
	}
	if t.head.Size < earlier.Size {
		return fmt.Errorf("%w: it has %d entries, the witness saw %d", ErrTruncated, t.head.Size, earlier.Size)
	}
	var path [][]byte
	if earlier.Size > 0 && earlier.Size < t.head.Size {
		builder, err := client.NewProofBuilder(ctx, t.head.Size, t.files.ReadTile)
		if err != nil {
			return fmt.Errorf("build consistency proof: %w", err)
		}
		if path, err = builder.ConsistencyProof(ctx, earlier.Size, t.head.Size); err != nil {
			return fmt.Errorf("build consistency proof: %w", err)
		}
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, earlier.Size, t.head.Size, path, earlier.Hash, t.head.Hash); err != nil {
		return fmt.Errorf("%w: at %d entries: %w", ErrRebuilt, earlier.Size, err)
	}
	return nil
}
