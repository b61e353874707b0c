package audit

import (
	"bytes"
	"context"
	"fmt"
	"io"

	flog "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

// maxProblems bounds what a report names: a log of which everything is gone needs no longer list.
const maxProblems = 100

// Report is what verification found.
type Report struct {
	Log       string   // the key's name
	Size      uint64   // entries that the checkpoint signs
	Root      []byte   // and their root
	Witnessed int      // checkpoints of the witness that were held against the log
	Latest    uint64   // entries of the latest of them
	Problems  []string // tampering or damage; none = the log is whole
	Remarks   []string // what limits the proof
}

// Whole tells whether nothing was found.
func (r *Report) Whole() bool { return len(r.Problems) == 0 }

func (r *Report) problem(format string, args ...any) {
	switch len(r.Problems) {
	case maxProblems:
		r.Problems = append(r.Problems, "and more")
	case maxProblems + 1:
	default:
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "audit log %s: %d entries, root %x\n", r.Log, r.Size, r.Root)
	if r.Witnessed > 0 {
		fmt.Fprintf(&b, "witness: %d checkpoints, the latest over %d entries\n", r.Witnessed, r.Latest)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "problem: %s\n", p)
	}
	for _, m := range r.Remarks {
		fmt.Fprintf(&b, "remark: %s\n", m)
	}
	if r.Whole() {
		fmt.Fprintln(&b, "verified: every entry is in the tree that the checkpoint signs")
	} else {
		fmt.Fprintln(&b, "NOT verified: the log was changed or damaged")
	}
	_, err := w.Write(b.Bytes())
	return err
}

// Verify reads a whole log and computes its tree anew: every entry against its leaf, the root against the signed
// checkpoint and, at each size that the witness (nil: none) saw, against the witness's, then all tiles. It needs the public
// key only, and may run beside the writer. The error is for what kept it from looking.
func Verify(ctx context.Context, dir string, verifier note.Verifier, witness *Folder) (*Report, error) {
	r := &Report{Log: verifier.Name()}
	var seen witnessed
	if witness == nil {
		r.Remarks = append(r.Remarks, "there is no witness: whoever holds the key could have built this log anew, and nothing here would show it; try: --witness FOLDER")
	} else {
		var err error
		if seen, err = witness.read(verifier); err != nil { // before the log's head, which only grows
			return nil, err
		}
	}
	t, err := readTree(ctx, dir, verifier)
	if err != nil {
		r.problem("%v", err)
		return r, nil
	}
	r.Size, r.Root = t.head.Size, t.head.Hash
	if witness != nil {
		r.describe(seen)
	}
	if err := r.scan(ctx, t, seen.checkpoints); err != nil {
		return nil, err
	}
	if r.Whole() {
		if err := fsck.New(verifier.Name(), verifier, frozen{t}, hashes, fsck.Opts{N: 2}).Check(ctx); err != nil {
			r.problem("tiles: %v", err)
		}
	}
	return r, ctx.Err()
}

func (r *Report) describe(seen witnessed) {
	r.Witnessed = len(seen.checkpoints)
	for _, cp := range seen.checkpoints {
		r.Latest = max(r.Latest, cp.Size)
	}
	if r.Witnessed == 0 {
		r.Remarks = append(r.Remarks, "the witness has no checkpoint of this log: nothing is proved by it yet")
	}
	if seen.unreadable > 0 {
		r.Remarks = append(r.Remarks, fmt.Sprintf("the witness has %d parts that are no checkpoint of this key", seen.unreadable))
	}
}

// scan computes the tree from the entries, from the first to the last.
func (r *Report) scan(ctx context.Context, t *tree, seen []flog.Checkpoint) error {
	roots := expect(seen)
	for size, claims := range roots {
		if size > t.head.Size {
			r.problem("%v: it has %d entries, the witness saw %d", ErrTruncated, t.head.Size, size)
		}
		if size == 0 {
			r.against(0, rfc6962.DefaultHasher.EmptyRoot(), claims)
		}
	}
	grown := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for at := range layout.Range(0, t.head.Size, t.head.Size) {
		if err := ctx.Err(); err != nil {
			return err
		}
		first := at.Index*layout.EntryBundleWidth + uint64(at.First)
		hashes := r.bundle(ctx, t, at, first)
		if hashes == nil {
			return nil // what follows cannot be computed without it
		}
		for i, h := range hashes {
			if err := grown.Append(h, nil); err != nil {
				return fmt.Errorf("compute tree: %w", err)
			}
			size := first + uint64(i) + 1
			claims, known := roots[size]
			if !known && size != t.head.Size {
				continue
			}
			root, err := grown.GetRootHash(nil)
			if err != nil {
				return fmt.Errorf("compute tree: %w", err)
			}
			r.against(size, root, claims)
			if size == t.head.Size && !bytes.Equal(root, t.head.Hash) {
				r.problem("the entries' root is %x, the checkpoint signs %x", root, t.head.Hash)
			}
		}
	}
	return nil
}

func expect(seen []flog.Checkpoint) map[uint64][][]byte {
	roots := map[uint64][][]byte{}
	for _, cp := range seen {
		roots[cp.Size] = append(roots[cp.Size], cp.Hash)
	}
	return roots
}

func (r *Report) against(size uint64, root []byte, claims [][]byte) {
	for _, claim := range claims {
		if !bytes.Equal(root, claim) {
			r.problem("%v: at %d entries", ErrRebuilt, size)
			return
		}
	}
}

// bundle holds the entries of one bundle against their leaves and gives their hashes, or nil when some are not there.
func (r *Report) bundle(ctx context.Context, t *tree, at layout.RangeInfo, first uint64) [][]byte {
	entries, err := t.entries(ctx, at)
	if err != nil {
		r.problem("entries %d to %d: %v", first+uint64(len(entries)), first+uint64(at.N)-1, err)
		return nil
	}
	leaves, err := t.leaves(ctx, at)
	if err != nil {
		r.problem("leaves of entries %d to %d: %v", first, first+uint64(at.N)-1, err)
	}
	out := make([][]byte, len(entries))
	for i, data := range entries {
		out[i] = rfc6962.DefaultHasher.HashLeaf(data)
		if i < len(leaves) && !bytes.Equal(out[i], leaves[i]) {
			r.problem("entry %d was changed: it is not what its leaf says", first+uint64(i))
		}
		if _, err := Decode(data); err != nil {
			r.problem("entry %d: %v", first+uint64(i), err)
		}
	}
	return out
}

// frozen is a log as its head was when verification began: the writer may add to it meanwhile.
type frozen struct{ *tree }

func (f frozen) ReadCheckpoint(context.Context) ([]byte, error) { return f.raw, nil }

func (f frozen) ReadTile(ctx context.Context, level, index uint64, partial uint8) ([]byte, error) {
	return f.files.ReadTile(ctx, level, index, partial)
}

func (f frozen) ReadEntryBundle(ctx context.Context, index uint64, partial uint8) ([]byte, error) {
	return f.files.ReadEntryBundle(ctx, index, partial)
}

// hashes gives the leaf hashes of a bundle.
func hashes(raw []byte) ([][]byte, error) {
	var bundle api.EntryBundle
	if err := bundle.UnmarshalText(raw); err != nil {
		return nil, err
	}
	out := make([][]byte, len(bundle.Entries))
	for i, data := range bundle.Entries {
		out[i] = rfc6962.DefaultHasher.HashLeaf(data)
	}
	return out, nil
}
