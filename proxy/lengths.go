package proxy

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// lengths holds a route's shadow runs back while their answers prove nothing for their length: each costs a connection,
// and the candidate what it writes into it, on a machine that may be the clients' as well. What is held back is dropped
// as too large; now and then one run goes and looks.
type lengths struct {
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
	wary    atomic.Bool          // an answer was too long, and none has fitted since: the breaker is asked before each run, and told of it
	first   func(shadow.Verdict) // judges a run while nobody is wary
}

const (
	tooLongInARow = 5
	lengthLook    = time.Second
)

var errTooLong = errors.New("longer than what is compared")

func newLengths() *lengths {
	l := &lengths{breaker: gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: 1, Timeout: lengthLook,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= tooLongInARow },
	})}
	l.first = func(v shadow.Verdict) {
		if !tooLong(v) {
			return
		}
		l.wary.Store(true)
		if judged, ok := l.allow(); ok {
			judged(v)
		}
	}
	return l
}

// allow tells whether a run may go; the caller must then tell its verdict, once.
func (l *lengths) allow() (judged func(shadow.Verdict), ok bool) {
	if !l.wary.Load() { // nearly always: the breaker would cost a lock, two looks at the clock and two closures
		return l.first, true
	}
	told, err := l.breaker.Allow()
	if err != nil {
		return nil, false
	}
	return func(v shadow.Verdict) {
		if tooLong(v) {
			told(errTooLong)
			return
		}
		told(nil)
		if l.breaker.Counts().ConsecutiveFailures == 0 && l.breaker.State() == gobreaker.StateClosed {
			l.wary.Store(false)
		}
	}, true
}

func tooLong(v shadow.Verdict) bool {
	return v.Outcome == shadow.Inconclusive && v.Cause == shadow.CauseTruncated
}
