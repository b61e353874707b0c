package batch

import (
	"fmt"
	"slices"
)

// State is where a batch or a payment stands.
type State string

// The states of batches and payments:
//
//	PENDING ──► PREPARING ──► CONFIRMED ──► SETTLED
//	                └───────► ABORTED
const (
	Pending   State = "PENDING"
	Preparing State = "PREPARING"
	Confirmed State = "CONFIRMED"
	Settled   State = "SETTLED"
	Aborted   State = "ABORTED"
)

// States lists them.
func States() []State { return []State{Pending, Preparing, Confirmed, Settled, Aborted} }

// next gives the states that may follow.
func (s State) next() []State {
	switch s {
	case Pending:
		return []State{Preparing}
	case Preparing:
		return []State{Confirmed, Aborted}
	case Confirmed:
		return []State{Settled}
	}
	return nil
}

// Move tells whether a batch or a payment may go from s to the other state. The error is a *MoveError.
func (s State) Move(to State) error {
	if slices.Contains(s.next(), to) {
		return nil
	}
	return &MoveError{string(s), string(to), text(s.next())}
}

// OperationState is where an operation stands: a reversal, a deferred settlement, a split.
type OperationState string

// The states of operations. What a channel never heard of goes back to be sent again, with its own request number; what was
// done may be undone by another operation and is compensated then.
//
//	INIT ──► SCHEDULED ──► PROCESSING ──► SUCCESS ──► COMPENSATED
//	  └──────────────────────▲   │ ▲  └──► FAILED ──────▲
//	                             ▼ │
//	                          SCHEDULED
const (
	Init        OperationState = "INIT"
	Scheduled   OperationState = "SCHEDULED"
	Processing  OperationState = "PROCESSING"
	Success     OperationState = "SUCCESS"
	Failed      OperationState = "FAILED"
	Compensated OperationState = "COMPENSATED"
)

// OperationStates lists them.
func OperationStates() []OperationState {
	return []OperationState{Init, Scheduled, Processing, Success, Failed, Compensated}
}

func (s OperationState) next() []OperationState {
	switch s {
	case Init:
		return []OperationState{Scheduled, Processing}
	case Scheduled:
		return []OperationState{Processing}
	case Processing:
		return []OperationState{Success, Failed, Scheduled}
	case Success, Failed:
		return []OperationState{Compensated}
	}
	return nil
}

// Move tells whether an operation may go from s to the other state. The error is a *MoveError.
func (s OperationState) Move(to OperationState) error {
	if slices.Contains(s.next(), to) {
		return nil
	}
	return &MoveError{string(s), string(to), text(s.next())}
}

// MoveError is a move that the states do not allow.
type MoveError struct {
	From, To string
	May      []string // where it could go instead
}

func (e *MoveError) Error() string {
	if len(e.May) == 0 {
		return fmt.Sprintf("no way from %s to %s: %s is an end", e.From, e.To, e.From)
	}
	return fmt.Sprintf("no way from %s to %s; try: one of %v", e.From, e.To, e.May)
}

func text[S ~string](all []S) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = string(s)
	}
	return out
}
