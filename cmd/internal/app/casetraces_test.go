package app

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/comparer/evidence"
	"github.com/seed-3356bd69/touchstone/shadow"
)

func TestTracesOfAnOrder(t *testing.T) {
	at := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	event := func(kind shadow.EventKind, trace string) shadow.Event {
		return shadow.Event{Kind: kind, Time: at, Evidence: &shadow.Evidence{Order: "P/1", Route: "pay", TraceID: trace}}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/orders/{order}", func(w http.ResponseWriter, r *http.Request) {
		switch r.PathValue("order") {
		case "P/1":
			_ = json.NewEncoder(w).Encode(evidence.Chain{Order: "P/1", Events: []shadow.Event{
				event(shadow.EventOpened, "4bf92f3577b34da6a3ce929d0e0e4736"), event(shadow.EventClosed, "4bf92f3577b34da6a3ce929d0e0e4736"), event(shadow.EventOpened, ""), {Kind: shadow.EventTally},
			}})
		case "garbage":
			_, _ = w.Write([]byte("<html>"))
		case "broken":
			w.WriteHeader(http.StatusInternalServerError)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	traces := newCaseTraces(&config.CasesTraces{Comparer: base, URL: "https://jaeger.internal/trace/{trace}"})
	got, err := traces.Of(t.Context(), "P/1")
	if err != nil || len(got) != 1 || got[0].Route != "pay" || !got[0].Time.Equal(at) || got[0].URL != "https://jaeger.internal/trace/4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := traces.Of(t.Context(), "unseen"); err != nil || len(got) != 0 {
		t.Errorf("an order nobody saw: %v, %v", got, err)
	}
	for _, order := range []string{"garbage", "broken"} {
		if got, err := traces.Of(t.Context(), order); err == nil {
			t.Errorf("%s: got %v", order, got)
		}
	}
	if newCaseTraces(nil) != nil {
		t.Error("traces that nobody configured")
	}
}
