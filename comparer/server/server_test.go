package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/comparer/evidence"
	"github.com/seed-3356bd69/touchstone/comparer/nearline"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// run is a Run whose judgement can fail.
type run struct {
	judged   bool
	judgeErr error
	nearLine bool
	acted    []string
	actErr   error
}

func (r *run) Counts() comparer.Counts { return comparer.Counts{Sampled: 3} }

func (r *run) Findings() []comparer.Cluster {
	return []comparer.Cluster{{Signature: comparer.Signature{Route: "pay", Field: "items.*.price"}, Count: 2}}
}

func (r *run) Judge(context.Context) (comparer.Report, error) {
	r.judged = r.judgeErr == nil
	return comparer.Report{Verdict: "PASS"}, r.judgeErr
}

func (r *run) Report(context.Context) (comparer.Report, error) {
	if !r.judged {
		return comparer.Report{}, evidence.ErrNoReport
	}
	return comparer.Report{Verdict: "PASS"}, nil
}

func (r *run) Chain(_ context.Context, order string) (evidence.Chain, error) {
	if order != "P1" {
		return evidence.Chain{Order: order}, nil
	}
	e := shadow.Evidence{Sample: "s", Order: "P1", Route: "pay", Verdict: shadow.Verdict{Outcome: shadow.Match}}
	return evidence.Chain{Order: order, Events: []shadow.Event{{ID: "1", Kind: shadow.EventClosed, Evidence: &e}}}, nil
}

func (r *run) Windows() ([]nearline.Report, bool) {
	return []nearline.Report{{Outcome: nearline.Money}}, r.nearLine
}

func TestWindowsAreListedWhereTheyAreCompared(t *testing.T) {
	r := &run{}
	s := httptest.NewServer(Handler(r))
	defer s.Close()
	if status, body := call(t, s, "GET", "/api/v1/windows"); status != http.StatusNotFound || !strings.Contains(body, "near_line") {
		t.Errorf("%d %s", status, body)
	}
	r.nearLine = true
	if status, body := call(t, s, "GET", "/api/v1/windows"); status != http.StatusOK || !strings.Contains(body, `"outcome":"money"`) {
		t.Errorf("%d %s", status, body)
	}
}

func call(t *testing.T, s *httptest.Server, method, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestAPI(t *testing.T) {
	r := &run{}
	s := httptest.NewServer(Handler(r))
	defer s.Close()
	for _, c := range []struct {
		method, path string
		status       int
		part         string
	}{
		{"GET", "/api/v1/ledger", 200, `"sampled":3`},
		{"GET", "/api/v1/findings", 200, `"field":"items.*.price"`},
		{"GET", "/api/v1/report", 404, "no judgement"},
		{"GET", "/api/v1/orders/P1?format=text", 200, "no judgement is stored yet"},
		{"GET", "/api/v1/judgements", 405, ""},
		{"POST", "/api/v1/judgements", 200, `"verdict":"PASS"`},
		{"GET", "/api/v1/report", 200, `"verdict":"PASS"`},
		{"GET", "/api/v1/orders/P1", 200, `"order":"P1"`},
		{"GET", "/api/v1/orders/P1?format=text", 200, "verdict of the run: PASS"},
		{"GET", "/api/v1/orders/P2", 404, "nothing is stored"},
	} {
		status, body := call(t, s, c.method, c.path)
		if status != c.status || !strings.Contains(body, c.part) {
			t.Errorf("%s %s: %d %s, want %d %q", c.method, c.path, status, body, c.status, c.part)
		}
	}
	r.judgeErr = errors.New("primary is down")
	status, body := call(t, s, "POST", "/api/v1/judgements")
	var out map[string]string
	if err := json.Unmarshal([]byte(body), &out); err != nil || status != 500 || out["error"] != "primary is down" {
		t.Errorf("failed judgement: %d %s %v", status, body, err)
	}
}
