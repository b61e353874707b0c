package egress

import (
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// shadowSide answers the candidate's calls from the recordings. It holds nothing that could send a request.
type shadowSide struct {
	operation func(*http.Request) Operation
	calls     calls
	metrics   *metrics
	signer    *shadow.Signer
	now       func() time.Time
	maxBody   int64
	wait      time.Duration // for a stable call that has not ended
	fence     *atomic.Uint64
}

// ServeHTTP replays the stable run's call to an equal request, and refuses every other one.
func (h *shadowSide) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	tag, reason := h.identify(r)
	if reason != "" {
		h.count(shadow.CallRefused, reason)
		refuse(w, http.StatusForbidden, reason)
		return
	}
	op := h.operation(r)
	call := shadow.Call{Sample: tag.Sample, Operation: op.Name, Class: op.Class, Fate: shadow.CallRefused}
	var complete bool
	call.Exchange, complete = h.read(r)
	c := h.calls.claim(r.Context(), tag.Sample, op)
	call.Ordinal = c.ordinal
	recorded, reason := h.examine(r, op, &call, c, tag.Epoch < h.fence.Load(), complete)
	if reason != "" {
		call.Exchange.Status = http.StatusConflict
		h.refuse(w, r, c, call, reason)
		return
	}
	h.answer(w, r, c, call, recorded)
}

// refuse answers a call that goes nowhere. When the refusal cannot be noted, its place says that the guard gave up.
func (h *shadowSide) refuse(w http.ResponseWriter, r *http.Request, c claimed, call shadow.Call, reason string) {
	if err := h.calls.note(r.Context(), c, call); err != nil {
		reason = reasonAway
	}
	h.count(shadow.CallRefused, reason)
	refuse(w, http.StatusConflict, reason)
}

// identify gives the one genuine shadow tag of a call, or why there is none.
func (h *shadowSide) identify(r *http.Request) (tag shadow.Tag, reason string) {
	values := r.Header.Values(shadow.HeaderTag)
	if len(values) != 1 {
		return tag, reasonBadTag
	}
	tag, err := h.signer.Verify(values[0], h.now())
	switch {
	case err != nil:
		return tag, reasonBadTag
	case tag.Side != shadow.Shadow:
		return tag, reasonPrimaryOnShadow
	}
	return tag, ""
}

// read takes the request in, up to the capture limit; false = it broke off.
func (h *shadowSide) read(r *http.Request) (shadow.Exchange, bool) {
	x := shadow.Exchange{Side: shadow.Shadow, Method: r.Method, URI: r.URL.RequestURI(), RequestHeader: withoutTag(r.Header), Start: h.now()}
	body, err := io.ReadAll(io.LimitReader(r.Body, h.maxBody+1))
	x.Request = shadow.Body{Bytes: body, Size: int64(len(body))}
	if int64(len(body)) > h.maxBody {
		x.Request.Bytes, x.Request.Truncated = body[:h.maxBody], true
	}
	return x, err == nil
}

// examine gives the recorded exchange to answer with, or why the call is refused. A refusal that is the candidate's
// doing is in the call's mismatches; one that is the guard's own (gone, away, truncated, unfinished, fenced) leaves them
// empty.
func (h *shadowSide) examine(r *http.Request, op Operation, call *shadow.Call, c claimed, fenced, complete bool) (recorded shadow.Exchange, reason string) {
	switch {
	case fenced:
		return recorded, reasonFenced
	case c.found == foundAway:
		return recorded, reasonAway
	case c.found == foundGone:
		return recorded, reasonGone
	case !complete:
		return recorded, reasonBrokenBody
	case c.found == foundNothing:
		call.Mismatches = []shadow.Mismatch{{
			Place: shadow.InCall, Name: op.Name, Kind: shadow.KindExtra, Class: shadow.ClassPlain,
			Expected: "no call", Actual: clip(call.Exchange.Method + " " + call.Exchange.URI + " (" + strconv.Itoa(call.Ordinal) + ")"), Call: op.Class,
		}}
		return recorded, reasonExtra
	}
	recorded, ended := h.calls.await(r.Context(), c, h.wait)
	switch {
	case !ended:
		return recorded, reasonUnfinished
	case call.Exchange.Request.Truncated || recorded.Request.Truncated || recorded.Response.Truncated:
		return recorded, reasonTruncated
	}
	if call.Mismatches = differences(op, recorded, call.Exchange); len(call.Mismatches) > 0 {
		return recorded, reasonDiffers
	}
	return recorded, ""
}

// answer replays the recorded outcome, failures too: the candidate sees what the stable run saw. The replay is noted
// before it goes out, so that whoever judges the run knows of it.
func (h *shadowSide) answer(w http.ResponseWriter, r *http.Request, c claimed, call shadow.Call, recorded shadow.Exchange) {
	call.Fate = shadow.CallReplayed
	call.Exchange.Status, call.Exchange.ResponseHeader = recorded.Status, recorded.ResponseHeader
	call.Exchange.Response, call.Exchange.Failure = recorded.Response, recorded.Failure
	call.Exchange.Duration = h.now().Sub(call.Exchange.Start)
	if err := h.calls.note(r.Context(), c, call); err != nil {
		h.count(shadow.CallRefused, reasonAway)
		refuse(w, http.StatusConflict, reasonAway)
		return
	}
	h.count(shadow.CallReplayed, "")
	if recorded.Status == 0 {
		refuse(w, statusOf(recorded.Failure), string(recorded.Failure))
		return
	}
	for name, values := range recorded.ResponseHeader {
		w.Header()[name] = values
	}
	asSent(w.Header(), http.Header(recorded.ResponseHeader))
	w.WriteHeader(recorded.Status)
	// A candidate that leaves while it is answered shows in its own exchange.
	_, _ = w.Write(recorded.Response.Bytes)
	if recorded.Failure != shadow.FailNone {
		_ = http.NewResponseController(w).Flush() // what came before the break goes out, as it did
		panic(http.ErrAbortHandler)               // the channel broke off in the middle of its answer
	}
}

func statusOf(f shadow.Failure) int {
	if f == shadow.FailTimeout || f == shadow.FailClientGone {
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}

func (h *shadowSide) count(fate shadow.CallFate, reason string) {
	h.metrics.calls.WithLabelValues(string(shadow.Shadow), string(fate)).Inc()
	if reason != "" {
		h.metrics.refused.WithLabelValues(reason).Inc()
	}
}
