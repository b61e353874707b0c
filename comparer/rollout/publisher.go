package rollout

import (
	"context"
	"fmt"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Publisher puts policies into force. The same one may be published again.
type Publisher interface {
	Publish(ctx context.Context, p shadow.Policy) error
	Subscribers() []Subscriber
	InForce() (p shadow.Policy, highest uint64) // what it gave out last, and the highest epoch that it has taken; 0 = none yet
}

// Subscriber is a proxy that has to follow.
type Subscriber struct {
	Name    string `json:"name"`
	State   string `json:"state"` // in the publisher's words
	Settled bool   `json:"settled"`
	Epoch   uint64 `json:"epoch"`             // of the policy that it has in force, as far as is known
	Refused uint64 `json:"refused,omitempty"` // epoch of the policy that it refused last
	Reason  string `json:"reason,omitempty"`  // why
}

// unsettled names the subscribers that do not have a policy in force; "" = all have.
func unsettled(all []Subscriber, p shadow.Policy) string {
	text, n := "", 0
	for _, s := range all {
		if s.Settled && s.Epoch == p.Epoch {
			continue
		}
		if n++; n == 1 {
			text = fmt.Sprintf("%s (%s)", s.Name, s.State)
		}
	}
	if n > 1 {
		text += fmt.Sprintf(" and %d more", n-1)
	}
	return text
}

// refusal gives the first subscriber that refused a policy.
func refusal(all []Subscriber, p shadow.Policy) (Subscriber, bool) {
	for _, s := range all {
		if s.Refused == p.Epoch {
			return s, true
		}
	}
	return Subscriber{}, false
}
