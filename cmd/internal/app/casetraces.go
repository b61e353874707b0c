package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/comparer/evidence"
	"github.com/seed-3356bd69/touchstone/recon/casework/api"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// caseTraces asks the comparer, which has the evidence of every sampled request, for the traces of an order.
type caseTraces struct {
	comparer *url.URL
	page     string // of a trace, with {trace} in it; "" = none
	client   *http.Client
}

const (
	tracesTimeout = 2 * time.Second // a case is shown without them then
	tracesBytes   = 16 << 20        // of an order's evidence
)

// newCaseTraces gives nil where none are configured.
func newCaseTraces(cfg *config.CasesTraces) api.Traces {
	if cfg == nil {
		return nil
	}
	return &caseTraces{cfg.Comparer, cfg.URL, &http.Client{Timeout: tracesTimeout}}
}

func (t *caseTraces) Of(ctx context.Context, order string) ([]api.Trace, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.comparer.JoinPath("api/v1/orders", url.PathEscape(order)).String(), nil)
	if err != nil {
		return nil, fmt.Errorf("ask comparer for traces: %w", err)
	}
	res, err := t.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask comparer for traces: %w", err)
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusNotFound:
		return nil, nil // no sampled request made it
	case http.StatusOK:
	default:
		return nil, fmt.Errorf("ask comparer for traces: %s", res.Status)
	}
	var chain evidence.Chain
	if err := json.NewDecoder(io.LimitReader(res.Body, tracesBytes)).Decode(&chain); err != nil {
		return nil, fmt.Errorf("ask comparer for traces: %w", err)
	}
	return t.of(&chain), nil
}

func (t *caseTraces) of(chain *evidence.Chain) []api.Trace {
	var out []api.Trace
	for _, e := range chain.Events {
		if e.Kind != shadow.EventOpened || e.Evidence == nil || e.Evidence.TraceID == "" {
			continue
		}
		page := strings.ReplaceAll(t.page, "{trace}", url.PathEscape(e.Evidence.TraceID))
		out = append(out, api.Trace{Route: e.Evidence.Route, Time: e.Time, ID: e.Evidence.TraceID, URL: page})
	}
	return out
}
