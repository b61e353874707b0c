package plugins

import (
	"context"
	"net/http"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// EventKind is one kind of callback a channel sends.
type EventKind struct {
	Name string `json:"name"`
	Note string `json:"note,omitempty"`
}

// EventRequest is one callback as it came. The headers and the body are untouched: the signature is over them.
type EventRequest struct {
	Account  string // merchant account at the channel; "" accepts any
	Method   string // of the HTTP request
	Path     string // with its query
	Header   http.Header
	Body     []byte    // at most MaxEvent bytes
	Received time.Time // by the host's clock
	Settings Settings
}

// EventResult is what a callback says. The record is provisional: the day's file decides.
type EventResult struct {
	Kind   string       `json:"kind"`   // one of Description.Events
	Record recon.Record `json:"record"` // the host adds channel and adapter
	State  string       `json:"state"`  // in the channel's own words
	Reply  EventReply   `json:"reply"`  // what the channel wants to hear once the event is kept
}

// EventReply is the answer that tells the channel not to send the event again.
type EventReply struct {
	Status int    `json:"status"` // HTTP
	Type   string `json:"type"`   // Content-Type
	Body   string `json:"body"`
}

// NoEvents is embedded by adapters whose channel sends no callbacks.
type NoEvents struct{}

// DecodeEvent says that it cannot be done.
func (NoEvents) DecodeEvent(context.Context, EventRequest) (EventResult, error) {
	return EventResult{}, Fail(FailureUnsupported, "this channel sends no callbacks")
}
