package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/seed-3356bd69/touchstone/comparer/evidence"
)

// Explain prints the whole chain of one order from the data folder of a comparer, which need not run.
func Explain(ctx context.Context, w io.Writer, folder, order string) (err error) {
	store, err := evidence.Open(ctx, filepath.Join(folder, EvidenceFile))
	if err != nil {
		return fmt.Errorf("%w; try: --data with the data folder of the comparer's configuration", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	chain, err := store.Chain(ctx, order)
	if err != nil {
		return err
	}
	report, err := store.Report(ctx)
	switch {
	case errors.Is(err, evidence.ErrNoReport):
		return evidence.Explain(w, chain, nil)
	case err != nil:
		return err
	}
	return evidence.Explain(w, chain, &report)
}
