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
	names  []string
	checks []Check
}

// Add registers a check; checks run in the order of registration.
func (h *Health) Add(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.names, h.checks = append(h.names, name), append(h.checks, check)
}

// Report runs every check: whether all passed, and a line for each, "ok bus" or "failed bus: reason".
func (h *Health) Report(ctx context.Context) (bool, string) {
	h.mu.Lock()
	names, checks := h.names[:len(h.names):len(h.names)], h.checks[:len(h.checks):len(h.checks)]
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	ready, lines := true, strings.Builder{}
	for i, check := range checks {
		if err := check(ctx); err != nil {
			ready = false
			fmt.Fprintf(&lines, "failed %s: %v\n", names[i], err)
			continue
		}
		fmt.Fprintf(&lines, "ok %s\n", names[i])
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
