package proxy

import (
	"errors"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// lengths holds a route's shadow runs back while their answers prove nothing for their length: each costs a connection,
// and the candidate what it writes into it, on a machine that may be the clients' as well. What is held back is dropped
// as too large; now and then one run goes and looks.
type lengths struct {
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
}

const (
	tooLongInARow = 5
	lengthLook    = time.Second
)

var errTooLong = errors.New("longer than what is compared")

func newLengths() *lengths {
	return &lengths{gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests: 1, Timeout: lengthLook,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= tooLongInARow },
	})}
}

// allow tells whether a run may go; the caller must then tell its verdict, once.
func (l *lengths) allow() (judged func(shadow.Verdict), ok bool) {
	told, err := l.breaker.Allow()
	if err != nil {
		return nil, false
	}
	return func(v shadow.Verdict) {
		if v.Outcome == shadow.Inconclusive && v.Cause == shadow.CauseTruncated {
			told(errTooLong)
			return
		}
		told(nil)
	}, true
}
