package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// kept is a comparison whose parts are kept in a folder until its end; without one it keeps nothing.
type kept struct {
	parts *match.Parts
	log   io.Writer
}

// openKept takes the folder for this run alone.
func openKept(r *Request) (*kept, error) {
	if r.Resume == "" {
		return &kept{}, nil
	}
	if err := resumable(r); err != nil {
		return nil, err
	}
	parts, err := match.OpenParts(r.Resume)
	if err != nil {
		return nil, fmt.Errorf("--resume: %w", err)
	}
	if err := parts.Alone(); err != nil {
		return nil, errors.Join(fmt.Errorf("--resume: %w", err), parts.Close())
	}
	return &kept{parts, r.Log}, nil
}

// resumable refuses what would not be the same when it is begun again.
func resumable(r *Request) error {
	switch {
	case slices.Contains(r.Sources, "-"):
		return errors.New("--resume: what comes on standard input cannot be read again; try: a file")
	case r.PushDown || r.Recheck > 0:
		return errors.New("--resume: not with --pushdown or --recheck, whose tables go on changing; try: without them")
	case r.Plan != match.PlanAuto:
		return errors.New("--resume: has a plan of its own; try: without --plan")
	}
	return nil
}

func (k *kept) reconcile(ctx context.Context, cfg match.Config, sides []*scan.Side) (*match.Result, error) {
	if k.parts == nil {
		return match.Reconcile(ctx, cfg, sides...)
	}
	before := k.parts.Planned()
	if err := k.parts.Begin(ctx, cfg, sides...); err != nil {
		return nil, fmt.Errorf("--resume: %w", err)
	}
	k.tell(before)
	return k.parts.Run(ctx)
}

// tell says whether the run goes on or begins anew. before is when the plan was made that was found, if there was one.
func (k *kept) tell(before time.Time) {
	if k.log == nil || before.IsZero() {
		return
	}
	if !k.parts.Planned().Equal(before) {
		fmt.Fprintln(k.log, "begins anew: what is kept is of other sources or arguments")
		return
	}
	there, all := k.parts.There()
	fmt.Fprintf(k.log, "goes on: %d of %d parts are there, begun %s\n", there, all, before.Local().Format(time.DateTime))
}

// clear empties the folder once everything is written.
func (k *kept) clear() error {
	if k.parts == nil {
		return nil
	}
	return k.parts.Clear()
}

func (k *kept) close() error {
	if k.parts == nil {
		return nil
	}
	return k.parts.Close()
}
