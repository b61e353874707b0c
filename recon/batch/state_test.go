package batch_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon/batch"
)

func TestBatchesMoveOnlyForward(t *testing.T) {
	legal := [][2]batch.State{
		{batch.Pending, batch.Preparing}, {batch.Preparing, batch.Confirmed}, {batch.Preparing, batch.Aborted}, {batch.Confirmed, batch.Settled},
	}
	for _, from := range batch.States() {
		for _, to := range batch.States() {
			moves(t, from, to, slices.Contains(legal, [2]batch.State{from, to}), from.Move(to))
		}
	}
}

func TestOperationsMoveByTheirStates(t *testing.T) {
	legal := [][2]batch.OperationState{
		{batch.Init, batch.Scheduled}, {batch.Init, batch.Processing}, {batch.Scheduled, batch.Processing}, {batch.Processing, batch.Success},
		{batch.Processing, batch.Failed}, {batch.Processing, batch.Scheduled}, {batch.Success, batch.Compensated}, {batch.Failed, batch.Compensated},
	}
	for _, from := range batch.OperationStates() {
		for _, to := range batch.OperationStates() {
			moves(t, from, to, slices.Contains(legal, [2]batch.OperationState{from, to}), from.Move(to))
		}
	}
}

// moves wants an illegal move to name both states.
func moves[S ~string](t *testing.T, from, to S, legal bool, err error) {
	t.Helper()
	var refused *batch.MoveError
	switch {
	case legal && err != nil:
		t.Errorf("%s to %s is refused: %v", from, to, err)
	case !legal && !errors.As(err, &refused):
		t.Errorf("%s to %s is allowed", from, to)
	case !legal && (!strings.Contains(err.Error(), "from "+string(from)) || !strings.Contains(err.Error(), "to "+string(to))):
		t.Errorf("%s to %s: the error does not name both: %v", from, to, err)
	}
}

func TestStatementIDs(t *testing.T) {
	id := batch.ID{Channel: "wechat", Account: "m1", Kind: "trade", Day: "2026-11-23"}
	if got, err := batch.ParseID(id.String()); err != nil || got != id {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "a/b/c", "a/b/c/2026-11-31", "a/b/c/2026-11-23/x"} {
		if got, err := batch.ParseID(bad); err == nil {
			t.Errorf("%q is read as %v", bad, got)
		}
	}
}
