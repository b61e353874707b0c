package plugins

import (
	"errors"
	"fmt"
)

// Op names a call, for errors and metric labels.
type Op string

// The calls of the contract, and the start of the process.
const (
	OpStart    Op = "start"
	OpDescribe Op = "describe"
	OpFetch    Op = "fetch"
	OpDecode   Op = "decode"
	OpQuery    Op = "query"
	OpEvent    Op = "event"
	OpPulse    Op = "heartbeat"
)

// FailureKind says what an adapter's own error asks of the caller.
type FailureKind string

// The kinds of failures an adapter reports.
const (
	FailureQuarantine  FailureKind = "quarantine"  // the file contradicts itself or its hash: keep it, do not reconcile it
	FailureConfig      FailureKind = "config"      // a setting or secret is missing or wrong: a person must act
	FailureRefused     FailureKind = "refused"     // the channel said no, and will say so again
	FailureUnavailable FailureKind = "unavailable" // the channel could not answer: try later
	FailureUnsupported FailureKind = "unsupported" // a statement kind, event or encoding the adapter does not know
	FailureForged      FailureKind = "forged"      // a message that does not carry the channel's signature: it never came
	FailureInternal    FailureKind = "internal"    // anything the adapter did not foresee
)

// knownFailure folds kinds this host does not know into FailureInternal.
func knownFailure(kind string) FailureKind {
	switch k := FailureKind(kind); k {
	case FailureQuarantine, FailureConfig, FailureRefused, FailureUnavailable, FailureUnsupported, FailureForged:
		return k
	}
	return FailureInternal
}

// Error is trouble that an adapter foresaw and reported as data. Authors set Kind, Message and Hint.
type Error struct {
	Adapter string // filled by the host
	Op      Op     // filled by the host
	Kind    FailureKind
	Message string
	Hint    string // the next thing to try, or ""
}

// Fail makes the error an adapter returns.
func Fail(kind FailureKind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Error prints "adapter wechat: decode: quarantine: …".
func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s", e.Kind, e.Message)
	if e.Adapter != "" {
		text = fmt.Sprintf("adapter %s: %s: %s", e.Adapter, e.Op, text)
	}
	if e.Hint != "" {
		text += "; try: " + e.Hint
	}
	return text
}

// KindOf gives the failure kind an adapter reported, or "" when err is something else.
func KindOf(err error) FailureKind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}

// ProcessError is trouble with the adapter's process or with what it sent: it crashed, hung, is not the pinned binary,
// is no adapter, or broke the contract. Nothing it emitted counts.
type ProcessError struct {
	Adapter string
	Op      Op
	Err     error
}

// Error prints "adapter wechat: decode: …".
func (e *ProcessError) Error() string {
	return fmt.Sprintf("adapter %s: %s: %v", e.Adapter, e.Op, e.Err)
}

// Unwrap gives the cause.
func (e *ProcessError) Unwrap() error { return e.Err }

// Causes inside a ProcessError.
var (
	ErrChecksum = errors.New("binary is not the pinned one")
	ErrUnpinned = errors.New("no SHA-256 is pinned for the binary")
	ErrStalled  = errors.New("no progress within the idle time")
	ErrHung     = errors.New("no answer to two heartbeats")
	ErrDeadline = errors.New("call took longer than its deadline")
	ErrContract = errors.New("adapter broke the contract")
)
