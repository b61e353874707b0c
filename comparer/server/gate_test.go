package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/comparer/rollout"
)

func (r *run) Gate() Gate {
	return Describe(gate.Decision{Verdict: gate.Pass, Judged: 7}, time.Unix(100, 0), time.Unix(160, 0), nil, nil)
}

func (r *run) Act(_ context.Context, token string, act rollout.Act, wish Wish) error {
	r.acted = append(r.acted, fmt.Sprint(token, act, wish))
	return r.actErr
}

func TestActs(t *testing.T) {
	for name, c := range map[string]struct {
		method, body, media, authorization string
		err                                error
		status                             int
	}{
		"done":            {"POST", `{"reason": "tests"}`, "application/json", "Bearer secret", nil, 200},
		"unknown":         {"POST", `{"reason": "tests"}`, "application/json", "Bearer secret", rollout.ErrUnknown, 401},
		"forbidden":       {"POST", `{"reason": "tests"}`, "application/json", "Bearer secret", fmt.Errorf("no: %w", rollout.ErrForbidden), 403},
		"conflict":        {"POST", `{"reason": "tests"}`, "application/json", "Bearer secret", rollout.ErrConflict, 409},
		"none configured": {"POST", `{"reason": "tests"}`, "application/json", "Bearer secret", ErrNoRollout, 404},
		"broken":          {"POST", `{"reason": "tests"}`, "application/json", "Bearer secret", context.DeadlineExceeded, 500},
		"no token":        {"POST", `{"reason": "tests"}`, "application/json", "", nil, 401},
		"other scheme":    {"POST", `{"reason": "tests"}`, "application/json", "Basic secret", nil, 401},
		"a form":          {"POST", `{"reason": "tests"}`, "text/plain", "Bearer secret", nil, 400},
		"unknown field":   {"POST", `{"reasons": "tests"}`, "application/json", "Bearer secret", nil, 400},
		"too long":        {"POST", `{"reason": "` + strings.Repeat("x", maxWish) + `"}`, "application/json", "Bearer secret", nil, 400},
		"by GET":          {"GET", "", "", "Bearer secret", nil, 405},
	} {
		t.Run(name, func(t *testing.T) {
			r := &run{actErr: c.err}
			s := httptest.NewServer(Handler(r))
			defer s.Close()
			req, err := http.NewRequestWithContext(t.Context(), c.method, s.URL+"/api/v1/gate/hold", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", c.media)
			req.Header.Set("Authorization", c.authorization)
			res, err := s.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			reached := c.status == 200 || c.err != nil
			if res.StatusCode != c.status || (len(r.acted) == 1) != reached {
				t.Errorf("status %d, acted %q", res.StatusCode, r.acted)
			}
			if reached && r.acted[0] != "secrethold{tests }" {
				t.Errorf("acted %q", r.acted)
			}
		})
	}
}

// The shape is what rollout tools are configured to read: a change of it breaks them.
func TestTheShapeOfTheGate(t *testing.T) {
	s := httptest.NewServer(Handler(&run{}))
	defer s.Close()
	status, body := call(t, s, "GET", "/api/v1/gate")
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 {
		t.Fatal(status, err)
	}
	for path, want := range map[string]any{"ok": 1.0, "failed": 0.0, "hold": 0.0, "age_seconds": 60.0, "verdict": "PASS", "judged": 7.0} {
		if got[path] != want {
			t.Errorf("%s is %v, want %v", path, got[path], want)
		}
	}
}

func TestNoDecisionAndARollbackAreNoPass(t *testing.T) {
	now := time.Unix(100, 0)
	if g := Describe(gate.Decision{Verdict: gate.Pass}, time.Time{}, now, nil, nil); g.OK != 0 || g.Hold != 1 || g.AgeSeconds != -1 || g.Verdict != gate.Hold || g.Bound != 1 {
		t.Errorf("%+v", g)
	}
	back := &rollout.Status{Phase: rollout.Back}
	if g := Describe(gate.Decision{Verdict: gate.Pass}, now, now, nil, back); g.OK != 0 || g.Failed != 1 {
		t.Errorf("%+v", g)
	}
	if g := Describe(gate.Decision{Verdict: gate.Rollback}, now, now, nil, nil); g.Failed != 1 || g.Hold != 0 {
		t.Errorf("%+v", g)
	}
}
