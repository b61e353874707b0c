package server

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/comparer/rollout"
)

// Gate is the answer of GET /api/v1/gate. Its first fields are for tools that read one value by its path.
type Gate struct {
	OK         int `json:"ok"`          // 1: PASS
	Failed     int `json:"failed"`      // 1: ROLLBACK, or rolled back
	Hold       int `json:"hold"`        // 1: HOLD
	AgeSeconds int `json:"age_seconds"` // of the decision; -1 = there is none
	gate.Decision
	SelfTest []gate.Probe    `json:"self_test"`
	Rollout  *rollout.Status `json:"rollout,omitempty"` // nil: none is configured
}

// Describe makes the answer of a decision; the zero time means that nothing was decided yet.
func Describe(d gate.Decision, at, now time.Time, probes []gate.Probe, r *rollout.Status) Gate {
	if at.IsZero() {
		d = gate.Decision{Verdict: gate.Hold, Reasons: []string{"nothing was judged since the comparer began"}, Bound: 1, MaxBound: d.MaxBound, Budget: d.Budget}
	}
	out := Gate{Decision: d, AgeSeconds: -1, SelfTest: probes, Rollout: r}
	if !at.IsZero() {
		out.AgeSeconds = int(max(now.Sub(at), 0) / time.Second)
	}
	back := r != nil && r.Phase == rollout.Back
	out.OK, out.Failed = flag(d.Verdict == gate.Pass && !back), flag(d.Verdict == gate.Rollback || back)
	out.Hold = flag(out.OK+out.Failed == 0)
	return out
}

func flag(on bool) int {
	if on {
		return 1
	}
	return 0
}

// Wish is what a person asks for, in the body of POST /api/v1/gate/{act}.
type Wish struct {
	Reason string `json:"reason"`
	Policy string `json:"policy,omitempty"` // hash of the policy that an approval is about
}

// ErrNoRollout means that no rollout is configured.
var ErrNoRollout = errors.New("no rollout is configured")

const maxWish = 4 << 10

// act does what the person asks for whose token the request bears.
func act(w http.ResponseWriter, r *http.Request, run Run) {
	var wish Wish
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxWish))
	d.DisallowUnknownFields()
	if err := d.Decode(&wish); err != nil || media != "application/json" { // a page in somebody's browser cannot send that type
		write(w, http.StatusBadRequest, map[string]string{"error": "not a wish", "try": `curl -H 'Content-Type: application/json' -H "Authorization: Bearer $TOKEN" -d '{"reason": "…"}'`})
		return
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		w.Header().Set("WWW-Authenticate", "Bearer")
		write(w, http.StatusUnauthorized, map[string]string{"error": "no token", "try": "Authorization: Bearer TOKEN"})
		return
	}
	// What was begun is ended, whether the client waits or not.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), actBound)
	defer cancel()
	if err := run.Act(ctx, token, rollout.Act(r.PathValue("act")), wish); err != nil {
		write(w, statusOf(err), map[string]string{"error": err.Error()})
		return
	}
	write(w, http.StatusOK, run.Gate())
}

const actBound = 30 * time.Second

func statusOf(err error) int {
	switch {
	case errors.Is(err, rollout.ErrUnknown):
		return http.StatusUnauthorized
	case errors.Is(err, rollout.ErrForbidden):
		return http.StatusForbidden
	case errors.Is(err, rollout.ErrConflict):
		return http.StatusConflict
	case errors.Is(err, ErrNoRollout):
		return http.StatusNotFound
	}
	return http.StatusInternalServerError
}
