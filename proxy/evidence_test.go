package proxy

import (
	"context"
	"slices"
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
