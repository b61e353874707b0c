package app

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/comparer/response"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// noisy is a stable release whose trace id is always another, and whose fee now and then.
func noisy(t *testing.T) (*config.Sidecar, *atomic.Int64) {
	t.Helper()
	asked := &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := asked.Add(1)
		if r.Method != http.MethodGet || r.Header.Get("X-Token") != "t" || r.Header.Get(shadow.HeaderTag) != "" {
			t.Errorf("asked %s with %v", r.Method, r.Header)
		}
		if strings.HasSuffix(r.URL.Path, "/gone") {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"order_id":"P1","amount":"%d.00","trace_id":"t%d","items":[{"seen":%d},{"seen":%d}],"steady":1}`, 29+n/4%2, n, n, n)
	}))
	t.Cleanup(server.Close)
	return &config.Sidecar{
		HTTP: config.HTTP{Stable: parse(t, server.URL), MaxBody: 1 << 20, Timeout: 5 * time.Second, Routes: []config.Route{
			{Name: "query", Method: "GET", Path: "/payments/{id}"}, {Name: "pay", Method: "POST", Path: "/payments"},
		}},
		Compare: config.Compare{Responses: []config.Response{{Route: "query", Noise: []config.Noise{{Path: "steady", Reason: "r", Owner: "o"}}}}},
	}, asked
}

func noiseRun(requests string) NoiseRun {
	return NoiseRun{File: "requests", Requests: strings.NewReader(requests), Header: http.Header{"X-Token": {"t"}}, Owner: "payments-team", Now: time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)}
}

func TestNoiseIsProposedFromStableAnswersAlone(t *testing.T) {
	cfg, asked := noisy(t)
	var out bytes.Buffer
	if err := ProposeNoise(t.Context(), cfg, noiseRun(strings.Repeat("GET /payments/P1?x=1\n/payments/P2\n", 5)+"# a remark\n/payments/gone\n"), &out); err != nil {
		t.Fatal(err)
	}
	const want = `# 11 read-only requests, each asked twice, 1 not answered; 2026-11-27
# never noise: amount of route query, class money, differed in 5 of 10 pairs: the stable release is not steady there
# declared and not seen to differ in 10 pairs: steady of route query
compare:
  responses:
    - route: query
      noise:
        - {"path":"items.*.seen","reason":"the stable release differs from itself","owner":"payments-team","evidence":"10 of 10 pairs of stable answers, touchstone noise, 2026-11-27"}
        - {"path":"trace_id","reason":"the stable release differs from itself","owner":"payments-team","evidence":"10 of 10 pairs of stable answers, touchstone noise, 2026-11-27"}
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	if asked.Load() != 22 {
		t.Errorf("asked %d times", asked.Load())
	}

	// What is proposed can be declared, and then hides exactly that.
	var proposed struct {
		Compare config.Compare `yaml:"compare"`
	}
	check, err := config.Parse("proposed.yaml", out.Bytes(), &proposed)
	if err != nil || check.Err() != nil {
		t.Fatal(err, check.Err())
	}
	policy, err := comparing(proposed.Compare, cfg.HTTP.Routes)
	if err != nil {
		t.Fatal(err)
	}
	c, errs := response.New(policy)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	answer := func(trace, amount string) shadow.Exchange {
		body := fmt.Sprintf(`{"amount":"%s","trace_id":"%s","items":[{"seen":"%s"}]}`, amount, trace, trace)
		return shadow.Exchange{Status: 200, ResponseHeader: shadow.Header{"Content-Type": {"application/json"}}, Response: shadow.Body{Bytes: []byte(body)}}
	}
	if v, _ := c.Compare(shadow.Pair{Route: "query", Primary: answer("a", "1"), Shadow: answer("b", "1")}); v.Outcome != shadow.Match {
		t.Errorf("got %+v", v)
	}
	if v, _ := c.Compare(shadow.Pair{Route: "query", Primary: answer("a", "1"), Shadow: answer("b", "2")}); len(v.Mismatches) != 1 {
		t.Errorf("got %+v", v)
	}
}

func TestOnlyReadOnlyRequestsOfRoutesAreAsked(t *testing.T) {
	cfg, asked := noisy(t)
	for requests, want := range map[string]string{
		"POST /payments":                        "requests:1:1: method: is not read-only",
		"GET /payments/P1\nDELETE /payments/P1": "requests:2:1: method",
		"GET /other":                            "requests:1:1: target: is of no route",
		"GET http://elsewhere/payments/P1":      "requests:1:1: target: is not a path",
		"GET payments":                          "requests:1:1: target",
		"\n# nothing\n":                         "holds no request",
	} {
		err := ProposeNoise(t.Context(), cfg, noiseRun(requests), &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", requests, err)
		}
	}
	if asked.Load() != 0 {
		t.Errorf("the stable release was asked %d times", asked.Load())
	}
	if err := ProposeNoise(t.Context(), cfg, noiseRun("/payments/gone"), &bytes.Buffer{}); err == nil {
		t.Error("no answer is no evidence")
	}
}
