package proxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// bothBooks has the calls of both runs.
type bothBooks struct {
	noCalls
	stable, candidate []shadow.Call
}

func (b bothBooks) Fetch(context.Context, string) (primary, shadowed []shadow.Call, err error) {
	return b.stable, b.candidate, nil
}

func calls(side shadow.Side, operations ...string) (out []shadow.Call) {
	for i, name := range operations {
		out = append(out, shadow.Call{Operation: name, Class: shadow.CallMoney, Ordinal: i + 1, Exchange: shadow.Exchange{Side: side, Method: "POST", URI: "/" + name}})
	}
	return out
}

// The gate weighs calls by operation. Where all agree their bodies do not travel, and the operations must all the same.
func TestEvidenceNamesEachOperationOnce(t *testing.T) {
	for name, c := range map[string]struct {
		sample uint32 // of bodies
		bodies int    // calls that travel
	}{"without bodies": {0, 0}, "with bodies": {shadow.PerMillion, 7}} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(cfg *Config, d *Deps) {
				cfg.BodySample = c.sample
				d.Calls = bothBooks{stable: calls(shadow.Primary, "pay", "query", "pay"), candidate: calls(shadow.Shadow, "pay", "query", "pay", "cancel")}
			})
			r.create("P1")
			r.expect("match()")
			e := r.auditor.closed()[0]
			if !slices.Equal(e.Operations, []string{"pay", "query"}) { // and not what only the candidate calls
				t.Errorf("operations %q", e.Operations)
			}
			if len(e.Calls) != c.bodies || (e.Primary != nil) != (c.bodies > 0) {
				t.Errorf("%d calls travel with their bodies, want %d", len(e.Calls), c.bodies)
			}
		})
	}
}

// A run and its memory are used again for other samples as soon as its own is closed: nothing of it may show in the
// evidence of another one, nor change evidence that is out.
func TestEvidenceIsOfItsOwnSample(t *testing.T) {
	answer := func(side string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			order := r.Header.Get("X-Order")
			w.Header().Set("X-Answer", side+order)
			fmt.Fprintf(w, `{"side":%q,"order":%q}`, side, order)
		}
	}
	r := newRig(t, func(c *Config, _ *Deps) { c.ByLibrary, c.Limits.Workers = false, 8 })
	r.stable.answers(answer("stable"))
	r.candidate.answers(answer("candidate"))
	const clients, each = 8, 40
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			for i := range each {
				order := fmt.Sprintf("o-%d-%d", client, i)
				request, err := http.NewRequest("POST", r.server.URL+"/payments?of="+order, strings.NewReader(order+strings.Repeat(".", i)))
				if err != nil {
					t.Error(err)
					return
				}
				request.Header.Set("X-Order", order)
				res, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		})
	}
	all.Wait()
	r.verdicts(clients * each)
	r.stop()
	seen := map[string]bool{}
	for _, e := range r.auditor.closed() {
		seen[e.Order] = true
		if e.Verdict.Outcome != shadow.Mismatched || e.Primary == nil || e.Shadow == nil || e.Ran == nil || !e.Ran.Equal(e.Shadow.Start) {
			t.Fatalf("evidence of %s: %+v", e.Order, e)
		}
		for side, x := range map[string]*shadow.Exchange{"stable": e.Primary, "candidate": e.Shadow} {
			body := fmt.Sprintf(`{"side":%q,"order":%q}`, side, e.Order)
			if string(x.Response.Bytes) != body || x.ResponseHeader.Get("X-Answer") != side+e.Order || x.URI != "/payments?of="+e.Order ||
				strings.TrimRight(string(x.Request.Bytes), ".") != e.Order || x.RequestHeader.Get("X-Order") != e.Order {
				t.Errorf("%s of %s: %+v", side, e.Order, x)
			}
		}
	}
	if len(seen) != clients*each {
		t.Errorf("%d orders were compared, want %d", len(seen), clients*each)
	}
	r.auditor.audit(t, r.sidecar.Tally())
}
