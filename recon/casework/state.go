package casework

import (
	"errors"
	"fmt"
	"slices"
)

// State is where a case stands.
type State string

// The states of cases.
const (
	StateOpen      State = "open"       // nobody has explained it
	StateInTransit State = "in-transit" // a later file is expected to settle it
	StateSupported State = "supported"  // explained and documented; what remains is to act or to wait
	StateDisputed  State = "disputed"   // taken up with the channel
	StateClosed    State = "closed"     // with a resolution
)

// States lists the states.
func States() []State {
	return []State{StateOpen, StateInTransit, StateSupported, StateDisputed, StateClosed}
}

// ErrMove means that a case or repair cannot go from one state to the other.
var ErrMove = errors.New("no such move")

// Move tells whether a case may go to another state.
func (s State) Move(to State) error {
	allowed := s != to && slices.Contains(States(), to)
	if s == StateClosed {
		allowed = to == StateOpen
	}
	if !allowed {
		return fmt.Errorf("%w: a case that is %s cannot become %s", ErrMove, s, to)
	}
	return nil
}

// Resolution says how a case was closed.
type Resolution string

// The resolutions. The first two are the program's own.
const (
	ResolvedSettled    Resolution = "settled-by-file" // a later file had the other side
	ResolvedWithdrawn  Resolution = "withdrawn"       // a new version of the statement no longer has the break
	ResolvedRepaired   Resolution = "repaired"        // a repair was applied
	ResolvedTicket     Resolution = "ticket"          // done by hand, elsewhere
	ResolvedNoBreak    Resolution = "not-a-break"     // explained
	ResolvedWrittenOff Resolution = "written-off"     // the gap stays, and is booked as a loss or gain
)

// HumanResolutions are those that a person can give.
func HumanResolutions() []Resolution {
	return []Resolution{ResolvedRepaired, ResolvedTicket, ResolvedNoBreak, ResolvedWrittenOff}
}
