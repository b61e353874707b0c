package xds

// State is how far a subscriber has followed what is in force.
type State string

// The states of a subscriber.
const (
	Acked   State = "acked"   // it has all of it in force
	Pending State = "pending" // it is connected, and has not answered yet
	Nacked  State = "nacked"  // it refused
	Gone    State = "gone"    // it is not connected, or has been silent for too long
	Fenced  State = "fenced"  // gone or nacked after a rollback, and the guards refuse what it tagged before
)

// States lists them.
func States() []State { return []State{Acked, Pending, Nacked, Gone, Fenced} }

// Subscriber is a named proxy as the control plane sees it.
type Subscriber struct {
	Name    string `json:"name"`
	Kind    Kind   `json:"kind"`
	State   State  `json:"state"`
	Epoch   uint64 `json:"epoch"`             // of the policy that it acknowledged last; 0 = none
	Refused uint64 `json:"refused,omitempty"` // epoch of the policy that it refused last
	Reason  string `json:"reason,omitempty"`  // why it refused, in its own words
	Serves  bool   `json:"serves,omitempty"`  // the candidate may still answer clients through it: no fence holds that back
}
