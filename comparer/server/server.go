// Package server is the comparer's HTTP API.
//
// In:    GET /api/v1/ledger, /api/v1/findings, /api/v1/report, /api/v1/windows, /api/v1/orders/{order}, /api/v1/gate; POST /api/v1/judgements,
// and with a person's token /api/v1/gate/{hold,rollback,clear,approve}.
// Out:   JSON; an order's chain as text with ?format=text.
// Never: a change of state by GET or by nobody, or an error that reads like an empty answer.
package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/comparer/evidence"
	"github.com/seed-3356bd69/touchstone/comparer/nearline"
	"github.com/seed-3356bd69/touchstone/comparer/rollout"
)

// Run is one gray run, as the API needs it.
type Run interface {
	Counts() comparer.Counts
	Findings() []comparer.Cluster
	Judge(ctx context.Context) (comparer.Report, error)
	Report(ctx context.Context) (comparer.Report, error) // evidence.ErrNoReport before the first judgement
	Chain(ctx context.Context, order string) (evidence.Chain, error)
	Windows() (reports []nearline.Report, configured bool) // newest first
	Gate() Gate
	Act(ctx context.Context, token string, act rollout.Act, wish Wish) error // ErrNoRollout where there is none
}

// Handler serves the API of a run.
func Handler(run Run) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/ledger", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, run.Counts())
	})
	mux.HandleFunc("GET /api/v1/findings", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, map[string][]comparer.Cluster{"findings": run.Findings()})
	})
	mux.HandleFunc("POST /api/v1/judgements", func(w http.ResponseWriter, r *http.Request) {
		report, err := run.Judge(r.Context())
		answer(w, report, err)
	})
	mux.HandleFunc("GET /api/v1/report", func(w http.ResponseWriter, r *http.Request) {
		report, err := run.Report(r.Context())
		answer(w, report, err)
	})
	mux.HandleFunc("GET /api/v1/windows", func(w http.ResponseWriter, _ *http.Request) {
		reports, configured := run.Windows()
		if !configured {
			write(w, http.StatusNotFound, map[string]string{"error": "books are not compared near-line", "try": "near_line in the comparer's configuration"})
			return
		}
		write(w, http.StatusOK, reports)
	})
	mux.HandleFunc("GET /api/v1/gate", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, run.Gate())
	})
	mux.HandleFunc("POST /api/v1/gate/{act}", func(w http.ResponseWriter, r *http.Request) { act(w, r, run) })
	mux.HandleFunc("GET /api/v1/orders/{order}", func(w http.ResponseWriter, r *http.Request) {
		explain(w, r, run)
	})
	return mux
}

func explain(w http.ResponseWriter, r *http.Request, run Run) {
	chain, err := run.Chain(r.Context(), r.PathValue("order"))
	switch {
	case err != nil:
		answer(w, nil, err)
	case len(chain.Events) == 0 && len(chain.Bookings) == 0:
		write(w, http.StatusNotFound, map[string]string{"error": "nothing is stored about order " + chain.Order})
	case r.URL.Query().Get("format") != "text":
		write(w, http.StatusOK, chain)
	default:
		explainText(w, r, run, chain)
	}
}

func explainText(w http.ResponseWriter, r *http.Request, run Run, chain evidence.Chain) {
	report, err := run.Report(r.Context())
	known := &report
	switch {
	case errors.Is(err, evidence.ErrNoReport):
		known = nil
	case err != nil:
		answer(w, nil, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_ = evidence.Explain(w, chain, known) // a client that went away cannot be told
}

func answer(w http.ResponseWriter, body any, err error) {
	switch {
	case errors.Is(err, evidence.ErrNoReport):
		write(w, http.StatusNotFound, map[string]string{"error": err.Error(), "try": "POST /api/v1/judgements"})
	case err != nil:
		write(w, http.StatusInternalServerError, map[string]string{"error": err.Error()})
	default:
		write(w, http.StatusOK, body)
	}
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that went away cannot be told
}
