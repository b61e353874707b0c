package rollout

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Stage is one rung of the ladder.
type Stage struct {
	Gray      shadow.Share  // of new orders that are proved on the candidate
	Serve     shadow.Share  // of requests that the candidate answers
	MinOrders int           // judged while the stage is in force
	Hold      time.Duration // it stays at least so long, while a comparer runs
	Bound     float64       // the mismatch rate that the evidence must exclude before the next stage
	Approval  bool          // a person has to approve the next stage
}

// Config describes a rollout.
type Config struct {
	Service   string
	Stable    string
	Candidate string
	Stages    []Stage
	People    []Person
	State     string // file
}

// Validate gives everything that is wrong with a ladder.
func (c Config) Validate() []error {
	var errs []error
	if len(c.Stages) == 0 {
		errs = append(errs, errors.New("there are no stages"))
	}
	approves := false
	for i, s := range c.Stages {
		if err := c.policy(1, s).Check(); err != nil {
			errs = append(errs, fmt.Errorf("stage %d: %w", i+1, err))
		}
		switch {
		case s.Gray == 0 && s.Serve == 0:
			errs = append(errs, fmt.Errorf("stage %d: asks for nothing", i+1))
		case i > 0 && (s.Gray < c.Stages[i-1].Gray || s.Serve < c.Stages[i-1].Serve):
			errs = append(errs, fmt.Errorf("stage %d: is below the one before it", i+1))
		}
		approves = approves || s.Approval
	}
	if approves && !c.anybody(Approver) {
		errs = append(errs, errors.New("a stage asks for an approval, and nobody is an approver"))
	}
	return errs
}

func (c Config) anybody(role Role) bool {
	for _, p := range c.People {
		if p.Has(role) {
			return true
		}
	}
	return false
}

func (c Config) policy(epoch uint64, s Stage) shadow.Policy {
	return shadow.Policy{Service: c.Service, Stable: c.Stable, Candidate: c.Candidate, Epoch: epoch, Gray: s.Gray, Serve: s.Serve}
}

// Role is what a person may do.
type Role string

// The roles.
const (
	Operator Role = "operator" // hold, roll back, clear
	Approver Role = "approver" // approve the next stage
)

// Person may act on a rollout. Token is the SHA-256 of the secret that proves who it is.
type Person struct {
	Name  string
	Roles []Role
	Token [sha256.Size]byte
}

// Has tells whether a person has a role.
func (p Person) Has(role Role) bool {
	for _, r := range p.Roles {
		if r == role {
			return true
		}
	}
	return false
}

// Errors of people's wishes.
var (
	ErrUnknown   = errors.New("the token is nobody's")
	ErrForbidden = errors.New("this person may not do that")
	ErrConflict  = errors.New("the rollout is not where this could be done")
)

// Authenticate finds who a token belongs to, in the same time for every token.
func (c Config) Authenticate(token string) (Person, error) {
	sum := sha256.Sum256([]byte(token))
	var found Person
	for _, p := range c.People {
		if subtle.ConstantTimeCompare(sum[:], p.Token[:]) == 1 {
			found = p
		}
	}
	if found.Name == "" || token == "" {
		return Person{}, ErrUnknown
	}
	return found, nil
}
