package shadow

import (
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// EventKind says what an Event carries.
type EventKind string

// The kinds of events a sidecar tells the comparer.
const (
	EventOpened   EventKind = "opened"    // a request was sampled
	EventClosed   EventKind = "closed"    // its verdict is known
	EventWriteSet EventKind = "write-set" // a tagged transaction committed (or its end is unknown)
	EventApplied  EventKind = "applied"   // a write set arrived at the shadow, or did not
	EventTally    EventKind = "tally"     // what the sidecar itself counted so far
	EventRead     EventKind = "read"      // a tagged SELECT gives something else on the shadow
	EventTaint    EventKind = "taint"     // something about an order that no sample closes: an unkeyed or unreadable write
)

// Event is one message from a sidecar. Consumers are idempotent on ID; events of one sidecar arrive in order or not at all.
type Event struct {
	ID       string     `json:"id"`
	Kind     EventKind  `json:"kind"`
	Instance string     `json:"instance"` // the sidecar's run: new at each start
	Time     time.Time  `json:"time"`
	Evidence *Evidence  `json:"evidence,omitempty"`  // opened, closed
	WriteSet *WriteSet  `json:"write_set,omitempty"` // write-set
	Apply    *Apply     `json:"apply,omitempty"`     // applied
	Tally    *Tally     `json:"tally,omitempty"`     // tally
	Taint    *TaintNote `json:"taint,omitempty"`     // taint
	Read     *ReadNote  `json:"read,omitempty"`      // read
}

// Order gives the order an event is about; "" = of none, or of one that nobody knows.
func (e Event) Order() string {
	switch {
	case e.Evidence != nil:
		return e.Evidence.Order
	case e.WriteSet != nil:
		return e.WriteSet.Order
	case e.Apply != nil:
		return e.Apply.Order
	case e.Taint != nil:
		return e.Taint.Order
	case e.Read != nil:
		return e.Read.Order
	}
	return ""
}

// Evidence is the small line that exists for every sampled request.
type Evidence struct {
	Sample   string       `json:"sample"`
	Release  string       `json:"release"`
	Order    string       `json:"order"`
	Route    string       `json:"route"` // name from the policy
	Amount   *recon.Money `json:"amount,omitempty"`
	Creates  bool         `json:"creates,omitempty"`  // this request created the order
	Verdict  Verdict      `json:"verdict"`            // Pending in opened
	Bindings []Binding    `json:"bindings,omitempty"` // ids learned from this pair
	Primary  *Exchange    `json:"primary,omitempty"`  // bodies only where there is something to see, or a sample of them
	Shadow   *Exchange    `json:"shadow,omitempty"`
	Calls    []Call       `json:"calls,omitempty"`
	TraceID  string       `json:"trace_id,omitempty"`
	Ran      *time.Time   `json:"ran,omitempty"` // when its shadow run began

	Operations []string `json:"operations,omitempty"` // of the outgoing calls that its stable run made, each once
}

// Apply reports one write set's way to the shadow.
type Apply struct {
	WriteSet string     `json:"write_set"`
	Order    string     `json:"order"`
	State    ApplyState `json:"state"`
	Cause    string     `json:"cause,omitempty"`
}

// ReadNote says how the answer to an order's SELECT differs on the shadow.
type ReadNote struct {
	Order      string     `json:"order"`
	Text       string     `json:"text"` // SQL with literals replaced by ?
	Mismatches []Mismatch `json:"mismatches"`
}

// TaintNote taints an order outside any sample. Order "" means: an unknown one, so no order may be judged clean. With a
// sample it says that nothing found in that sample holds, and taints the sample's order.
type TaintNote struct {
	Order  string `json:"order"`
	Sample string `json:"sample,omitempty"`
	Cause  string `json:"cause"`
}

// Tally is the sidecar's own count; the ledger does not balance unless the events agree with it.
type Tally struct {
	Sampled   uint64 `json:"sampled"`    // opened so far
	Closed    uint64 `json:"closed"`     // closed so far
	WriteSets uint64 `json:"write_sets"` // told so far
	Lost      uint64 `json:"lost"`       // events that could not be delivered
	Final     bool   `json:"final"`      // the sidecar has drained and ends
	Alone     bool   `json:"alone"`      // it shares nothing with other sidecars, so there must be none
}
