package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
	"github.com/seed-3356bd69/touchstone/recon"
)

// Timing bounds the calls of one adapter. Zero values take the defaults.
type Timing struct {
	Start    time.Duration // process start to description; default 15 s
	Call     time.Duration // Describe, DecodeEvent; default 10 s
	Query    time.Duration // Query; default 1 min
	Transfer time.Duration // Fetch and Decode as a whole; default 2 h
	Idle     time.Duration // Fetch and Decode without any progress of the adapter; default 1 min
	Restart  time.Duration // a Keeper's first pause before it starts an adapter again; each further one is twice as long; default 500 ms
	Pulse    time.Duration // between heartbeats, and how long each may take; two missed ones end the process; default 10 s
}

func (t Timing) withDefaults() Timing {
	set := func(d *time.Duration, value time.Duration) {
		if *d <= 0 {
			*d = value
		}
	}
	set(&t.Start, 15*time.Second)
	set(&t.Call, 10*time.Second)
	set(&t.Transfer, 2*time.Hour)
	set(&t.Query, time.Minute)
	set(&t.Idle, time.Minute)
	set(&t.Restart, 500*time.Millisecond)
	set(&t.Pulse, 10*time.Second)
	return t
}

// remote is the host's side of the wire: an Adapter over a connection.
type remote struct {
	*line
	name     string
	timing   Timing
	maxBytes int64
	metrics  *Metrics
	exited   func(wait time.Duration) string // how the process ended, or "" if it lives after the wait
	hung     atomic.Bool                     // the process was ended because its heart stopped
	desc     Description
}

// hostError is the host's own trouble during a call: it ends the call and is not held against the adapter.
type hostError struct{ err error }

func (e *hostError) Error() string { return e.err.Error() }
func (e *hostError) Unwrap() error { return e.err }

// failed turns the end of a call into the error the caller sees. caller is the caller's context, call the bounded one.
func (r *remote) failed(op Op, caller, call context.Context, err error) error {
	cause := context.Cause(call)
	if own, ok := errors.AsType[*hostError](cause); ok {
		return own.err
	}
	if errors.Is(caller.Err(), context.Canceled) {
		return fmt.Errorf("%s by adapter %s: %w", op, r.name, context.Cause(caller))
	}
	wait := time.Duration(0)
	switch {
	case cause != nil:
		err = cause
	case status.Code(err) == codes.DeadlineExceeded: // the adapter's clock was first
		err = ErrDeadline
	case status.Code(err) == codes.Unavailable: // the connection breaks before the process is reaped
		wait = reapTime
	}
	if state := r.exited(wait); state != "" {
		err = fmt.Errorf("process ended (%s): %w", state, err)
	}
	if r.hung.Load() {
		err = fmt.Errorf("%w: %w", ErrHung, err)
	}
	return r.broke(op, err)
}

// reapTime bounds the wait for the exit state of a process whose connection broke.
const reapTime = time.Second

// broke is a ProcessError, counted.
func (r *remote) broke(op Op, err error) *ProcessError {
	r.metrics.failed(r.name, op)
	return &ProcessError{Adapter: r.name, Op: op, Err: err}
}

// reported is the adapter's own failure, counted.
func (r *remote) reported(op Op, f *pb.Failure) *Error {
	r.metrics.failed(r.name, op)
	e := failureFromWire(f)
	e.Adapter, e.Op = r.name, op
	return e
}

// errDone ends a call's context after the call.
var errDone = errors.New("call is over")

// bounded derives the context of one call.
func bounded(ctx context.Context, limit time.Duration) (context.Context, context.CancelCauseFunc, context.CancelFunc) {
	timed, stop := context.WithTimeoutCause(ctx, limit, ErrDeadline)
	call, cancel := context.WithCancelCause(timed)
	return call, cancel, stop
}

// Describe asks the adapter who it is, and holds the answer to the contract.
func (r *remote) Describe(ctx context.Context) (Description, error) {
	defer r.metrics.timed(r.name, OpDescribe)()
	call, cancel, stop := bounded(ctx, r.timing.Call)
	defer stop()
	defer cancel(errDone)
	in, err := r.rpc.Describe(call, &pb.DescribeRequest{})
	if err != nil {
		return Description{}, r.failed(OpDescribe, ctx, call, err)
	}
	if in.Failure != nil {
		return Description{}, r.reported(OpDescribe, in.Failure)
	}
	d, err := descriptionFromWire(in)
	d.Contract = r.contract
	if err == nil {
		err = checkDescription(d)
	}
	if err != nil {
		return Description{}, r.broke(OpDescribe, err)
	}
	return d, nil
}

// checkDescription refuses what no consumer could use.
func checkDescription(d Description) error {
	if d.Name == "" || d.Version == "" || d.Channel == "" || len(d.Kinds) == 0 {
		return fmt.Errorf("%w: description lacks name, version, channel or kinds", ErrContract)
	}
	seen := map[string]bool{}
	for _, k := range d.Kinds {
		if k.Name == "" || seen[k.Name] {
			return fmt.Errorf("%w: statement kind %q is empty or named twice", ErrContract, k.Name)
		}
		seen[k.Name] = true
	}
	for _, k := range d.Queries {
		if _, err := recon.ParseKind(string(k)); err != nil {
			return fmt.Errorf("%w: queries: %w", ErrContract, err)
		}
	}
	for _, e := range d.Events {
		if e.Name == "" {
			return fmt.Errorf("%w: event without a name", ErrContract)
		}
	}
	for _, rule := range d.Requests {
		for _, v := range rule.Volatile {
			if err := checkVolatile(v); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkVolatile(v Volatile) error {
	switch v.Where {
	case PlaceHeader, PlaceQuery, PlaceJSON, PlaceForm, PlaceXML:
	default:
		return fmt.Errorf("%w: volatile value in %q", ErrContract, v.Where)
	}
	switch v.Role {
	case RoleNonce, RoleTimestamp, RoleSignature:
	default:
		return fmt.Errorf("%w: volatile value of role %q", ErrContract, v.Role)
	}
	if v.Name == "" {
		return fmt.Errorf("%w: volatile value without a name", ErrContract)
	}
	return nil
}

// offers tells whether the adapter described this kind.
func (r *remote) offers(kind string) error {
	for _, k := range r.desc.Kinds {
		if k.Name == kind {
			return nil
		}
	}
	return Fail(FailureUnsupported, "adapter %s has no statement kind %q", r.name, kind)
}

// ending turns the error that closes a stream into what it means.
func ending(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%w: stream ended without its end message", ErrContract)
	case status.Code(err) == codes.ResourceExhausted:
		return fmt.Errorf("%w: message over %d bytes: %w", ErrContract, MaxMessage, err)
	}
	return err
}
