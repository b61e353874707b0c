package shadow

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// Share is a part of a whole in parts per million: 10_000 is one percent.
type Share uint32

// Whole is all of it.
const Whole Share = 1_000_000

// Percent gives the share in percent.
func (s Share) Percent() float64 { return float64(s) / 10_000 }

func (s Share) String() string { return fmt.Sprintf("%g %%", s.Percent()) }

// Policy is what a rollout asks of every proxy. One is in force at a time; it is named by its hash.
//
// Gray says how many new orders are proved on the candidate; Serve, how many requests the candidate answers. A policy
// of a rollback asks for neither, and no tag that is older than its epoch is honoured.
type Policy struct {
	Service    string `json:"service"`     // that is cut over
	Stable     string `json:"stable"`      // release that answers
	Candidate  string `json:"candidate"`   // release under proof, as in Tag.Release
	Epoch      uint64 `json:"epoch"`       // grows with each policy; Tag.Epoch of what is tagged under it
	Gray       Share  `json:"gray"`        // of new orders
	Serve      Share  `json:"serve"`       // of requests
	RolledBack bool   `json:"rolled_back"` // until a person clears it
}

// Check says what is wrong with a policy that no proxy may be given.
func (p Policy) Check() error {
	switch {
	case p.Service == "" || p.Stable == "" || p.Candidate == "":
		return errors.New("policy: service, stable and candidate are needed")
	case p.Stable == p.Candidate:
		return fmt.Errorf("policy: stable and candidate are both %q", p.Stable)
	case p.Epoch == 0:
		return errors.New("policy: epoch is 0; try: begin with 1")
	case p.Gray > Whole || p.Serve > Whole:
		return fmt.Errorf("policy: gray %s and serve %s must be within 100 %%", p.Gray, p.Serve)
	case p.RolledBack && (p.Gray > 0 || p.Serve > 0):
		return fmt.Errorf("policy: rolled back, but gray %s and serve %s", p.Gray, p.Serve)
	}
	return nil
}

// Hash names the policy by its content: the first 16 bytes of SHA-256 over its JSON, in hexadecimal.
func (p Policy) Hash() string {
	text, _ := json.Marshal(p) // strings and numbers only
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
