package casework

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// RepairKind is one of the three ways to compensate.
type RepairKind string

// The kinds.
const (
	RepairSupplement RepairKind = "supplement" // the books take over what the channel was asked and has
	RepairReversal   RepairKind = "reversal"   // the payment goes back, by the service that made it
	RepairTicket     RepairKind = "ticket"     // somebody does it by hand, elsewhere
)

// RepairKinds lists the kinds.
func RepairKinds() []RepairKind { return []RepairKind{RepairSupplement, RepairReversal, RepairTicket} }

// RepairState is where a repair stands.
type RepairState string

// The states of repairs.
const (
	RepairProposed RepairState = "proposed"
	RepairApproved RepairState = "approved"
	RepairRejected RepairState = "rejected"
	RepairApplying RepairState = "applying" // begun; only its target knows whether it is done
	RepairApplied  RepairState = "applied"
	RepairFailed   RepairState = "failed" // its precondition did not hold: nothing was changed
)

// ended tells whether nothing will happen any more.
func (s RepairState) ended() bool {
	return s == RepairRejected || s == RepairApplied || s == RepairFailed
}

// Move tells whether a repair may go to another state.
func (s RepairState) Move(to RepairState) error {
	allowed := map[RepairState][]RepairState{
		RepairProposed: {RepairApproved, RepairRejected},
		RepairApproved: {RepairApplying, RepairRejected},
		RepairApplying: {RepairApplied, RepairFailed},
	}
	if !slices.Contains(allowed[s], to) {
		return fmt.Errorf("%w: a repair that is %s cannot become %s", ErrMove, s, to)
	}
	return nil
}

// Row is the content of a row of the books, by column; a nil value is NULL.
type Row map[string]*string

// Proposal is what somebody wants to have changed.
type Proposal struct {
	Kind    RepairKind        `json:"kind"`
	Request string            `json:"request"`          // number of the request: the same one is the same repair
	Reason  string            `json:"reason"`           //
	Table   string            `json:"table,omitempty"`  // of the books
	Key     map[string]string `json:"key,omitempty"`    // columns that name the row
	Before  Row               `json:"before,omitempty"` // precondition: what the row must still say; none = there must be no row
	After   Row               `json:"after,omitempty"`  // what it shall say; none = it goes
	Call    map[string]string `json:"call,omitempty"`   // what the service is told that takes a payment back
}

// Repair is a proposed change with its precondition, its inverse and its idempotency key, which is its ID.
type Repair struct {
	ID       string      `json:"id"`
	Case     string      `json:"case"`
	Version  int64       `json:"version"`
	State    RepairState `json:"state"`
	Proposal Proposal    `json:"proposal"`
	Inverse  *Proposal   `json:"inverse,omitempty"` // what would undo it; none where only people can
	Answer   *Answer     `json:"answer,omitempty"`  // the channel's, when it was proposed
	Proposer string      `json:"proposer"`
	Approver string      `json:"approver,omitempty"`
	Made     time.Time   `json:"made"`
	Moved    time.Time   `json:"moved"`
	Outcome  string      `json:"outcome,omitempty"`
}

// repairID is the same for the same request about the same case. It is in the case's partition.
func repairID(caseID, request string) (string, error) {
	part, err := partIn(caseID)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s", len(caseID), caseID, request))
	return fmt.Sprintf("R%02d-%s", part, strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:10]))), nil
}

func (p *Proposal) check() error {
	if err := checkNote("reason", p.Reason); err != nil {
		return err
	}
	switch {
	case p.Request == "" || len(p.Request) > 64:
		return fmt.Errorf("request: %w: 1 to 64 characters that name this request (got %q)", ErrInput, p.Request)
	case !slices.Contains(RepairKinds(), p.Kind):
		return fmt.Errorf("kind: %w (got %q); try: %v", ErrInput, p.Kind, RepairKinds())
	case p.Kind == RepairSupplement:
		return p.checkRow()
	case p.Table != "" || p.Key != nil || p.Before != nil || p.After != nil:
		return fmt.Errorf("table: %w: only a supplement changes the books", ErrInput)
	case (p.Kind == RepairReversal) != (len(p.Call) > 0):
		return fmt.Errorf("call: %w: a reversal says what the service is told, and nothing else does", ErrInput)
	}
	return nil
}

func (p *Proposal) checkRow() error {
	switch {
	case p.Table == "" || len(p.Key) == 0:
		return fmt.Errorf("table: %w: table and key say which row of the books", ErrInput)
	case len(p.Before) == 0 && len(p.After) == 0:
		return fmt.Errorf("after: %w: says nothing to change", ErrInput)
	case len(p.Call) > 0:
		return fmt.Errorf("call: %w: goes with a reversal", ErrInput)
	}
	for column := range p.After {
		if _, known := p.Before[column]; len(p.Before) > 0 && !known {
			return fmt.Errorf("before: %w: lacks %q, which is to be changed: the precondition and the inverse need it", ErrInput, column)
		}
	}
	return nil
}

// inverse is what undoes a change of the books: the row as it was, if it is still as the change left it.
func (p *Proposal) inverse() *Proposal {
	if p.Kind != RepairSupplement {
		return nil
	}
	back := *p
	back.Request, back.Reason = p.Request+"/inverse", "undo "+p.Request
	back.Before, back.After = p.After, p.Before
	if len(p.Before) > 0 && len(p.After) > 0 { // columns that are only looked at are in both
		back.Before = Row{}
		for column, value := range p.Before {
			back.Before[column] = value
		}
		for column, value := range p.After {
			back.Before[column] = value
		}
	}
	return &back
}

// repairBody is the part of a repair that never changes.
type repairBody struct {
	Proposal Proposal `json:"proposal"`
	Answer   *Answer  `json:"answer,omitempty"`
}

func repairFields() []string {
	return []string{"case_id", "version", "state", "kind", "proposer", "approver", "made_us", "moved_us", "body", "outcome"}
}

func (r *Repair) row() ([]any, error) {
	part, err := partIn(r.ID)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(repairBody{r.Proposal, r.Answer})
	if err != nil {
		return nil, fmt.Errorf("encode repair %s: %w", r.ID, err)
	}
	return []any{part, r.ID, r.Case, r.Version, string(r.State), string(r.Proposal.Kind), r.Proposer, r.Approver, store.Moment(r.Made), store.Moment(r.Moved), body, r.Outcome}, nil
}

func scanRepair(row interface{ Scan(...any) error }) (r Repair, err error) {
	var made, moved int64
	var kind string
	var stored []byte
	if err := row.Scan(&r.ID, &r.Case, &r.Version, &r.State, &kind, &r.Proposer, &r.Approver, &made, &moved, &stored, &r.Outcome); err != nil {
		return r, err
	}
	var body repairBody
	if err := json.Unmarshal(stored, &body); err != nil {
		return r, fmt.Errorf("decode repair %s: %w", r.ID, err)
	}
	r.Made, r.Moved, r.Proposal, r.Answer = store.TimeOf(made), store.TimeOf(moved), body.Proposal, body.Answer
	r.Inverse = r.Proposal.inverse()
	return r, nil
}
