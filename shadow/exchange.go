package shadow

import "time"

// Header is an HTTP header with canonical names.
type Header map[string][]string

// Get gives the first value of a canonical name, or "".
func (h Header) Get(name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Body is what was captured of a message body.
type Body struct {
	Bytes     []byte `json:"bytes,omitempty"` // at most the capture limit
	Size      int64  `json:"size"`            // bytes that went by
	Truncated bool   `json:"truncated,omitempty"`
}

// Failure says how an exchange ended without a whole answer.
type Failure string

// The ways an exchange can fail.
const (
	FailNone        Failure = ""
	FailUnreachable Failure = "unreachable" // no connection: nothing was sent
	FailReset       Failure = "reset"       // the connection broke after something was sent
	FailTimeout     Failure = "timeout"
	FailClientGone  Failure = "client-gone" // the client went away before the answer was complete
)

// Exchange is one HTTP request with its response, as one side saw it.
type Exchange struct {
	Side           Side          `json:"side"`
	Method         string        `json:"method"`
	URI            string        `json:"uri"` // path and query
	RequestHeader  Header        `json:"request_header,omitempty"`
	Request        Body          `json:"request"`
	Status         int           `json:"status"` // 0 when Failure is set before a status came
	ResponseHeader Header        `json:"response_header,omitempty"`
	Response       Body          `json:"response"`
	Start          time.Time     `json:"start"`
	Duration       time.Duration `json:"duration"` // nanoseconds, to the last byte of the response
	Failure        Failure       `json:"failure,omitempty"`
}

// CallClass says what an outgoing channel call does.
type CallClass string

// The classes of outgoing calls.
const (
	CallMoney CallClass = "money" // moves money: pay, refund, transfer
	CallQuery CallClass = "query"
)

// CallFate is what the egress guard did with a call.
type CallFate string

// The fates of a call. Only the primary side is ever forwarded.
const (
	CallForwarded CallFate = "forwarded"
	CallReplayed  CallFate = "replayed"
	CallRefused   CallFate = "refused" // no recording, or the request differs from the recorded one
)

// Call is one outgoing channel call of one side's run, in the order the run made it.
type Call struct {
	Sample     string     `json:"sample"`
	Operation  string     `json:"operation"` // name from the policy, for example "refund"
	Class      CallClass  `json:"class"`
	Ordinal    int        `json:"ordinal"` // from 1, per (sample, side, operation)
	Fate       CallFate   `json:"fate"`
	Exchange   Exchange   `json:"exchange"`
	Mismatches []Mismatch `json:"mismatches,omitempty"` // found by the guard, on the shadow side's call
}

// GivenUp tells whether the guard refused a call without finding fault with it: its recording was gone, too long, out of
// reach, or of an epoch before the rollback.
func (c Call) GivenUp() bool { return c.Fate == CallRefused && len(c.Mismatches) == 0 }
