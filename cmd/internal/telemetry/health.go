package telemetry

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

const checkTimeout = 2 * time.Second // for all checks together

// Check tells whether a component can do its work now.
type Check func(ctx context.Context) error

// Health is the named checks of a process. The zero value has none and is ready.
type Health struct {
	mu     sync.Mutex
	checks []namedCheck
}

type namedCheck struct {
	name  string
	check Check
	vital bool
}

// Add registers a check; checks run in the order of registration.
func (h *Health) Add(name string, check Check) { h.add(namedCheck{name, check, true}) }

// Tell registers a check of something that the process does its work for others without: it is reported, and does not
// take the process out of service.
func (h *Health) Tell(name string, check Check) { h.add(namedCheck{name, check, false}) }

func (h *Health) add(c namedCheck) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.checks = append(h.checks, c)
}

// Report runs every check: whether all vital ones passed, and a line for each, "ok bus", "failed bus: reason", or
// "without bus: reason" for one that is not vital.
func (h *Health) Report(ctx context.Context) (bool, string) {
	h.mu.Lock()
	checks := h.checks[:len(h.checks):len(h.checks)]
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	ready, lines := true, strings.Builder{}
	for _, c := range checks {
		switch err := c.check(ctx); {
		case err == nil:
			fmt.Fprintf(&lines, "ok %s\n", c.name)
		case c.vital:
			ready = false
			fmt.Fprintf(&lines, "failed %s: %v\n", c.name, err)
		default:
			fmt.Fprintf(&lines, "without %s: %v\n", c.name, err)
		}
	}
	return ready, lines.String()
}

func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ready, lines := h.Report(r.Context())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if !ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	fmt.Fprint(w, lines)
}
