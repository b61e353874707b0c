package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// servingRig has a third service: the candidate where it answers clients.
func servingRig(t *testing.T, slice Slice) (*rig, *service) {
	t.Helper()
	serving := newService(t)
	serving.answers(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "candidate") })
	r := newRig(t, func(c *Config, _ *Deps) {
		c.Serving, _ = url.Parse(serving.URL)
		c.Slice = slice
	})
	return r, serving
}

func orderNo(i int) string { return fmt.Sprintf("order-%d", i) }

func TestCandidateServesItsShareOfOrders(t *testing.T) {
	const orders = 400
	r, serving := servingRig(t, Slice{Release: "v2", Epoch: 7, Serve: 250_000})
	by := map[string]string{}
	for i := range orders {
		_, answer, _ := r.do("POST", "/payments", `{}`, "X-Order", orderNo(i))
		by[orderNo(i)] = answer
	}
	for i := range orders {
		if _, answer, _ := r.do("POST", "/payments/"+orderNo(i)+"/refunds", `{}`); (answer == "candidate") != (by[orderNo(i)] == "candidate") {
			t.Fatalf("%s was created at %q and refunded at %q", orderNo(i), by[orderNo(i)], answer)
		}
	}
	served := len(serving.asked()) / 2
	if served < 57 || served > 143 { // five standard deviations about 100; the salt is fixed
		t.Errorf("%d of %d orders", served, orders)
	}
	if len(serving.asked())+len(r.stable.asked()) != 2*orders {
		t.Errorf("%d and %d requests", len(serving.asked()), len(r.stable.asked()))
	}
	for _, a := range serving.asked() {
		if a.header.Get(shadow.HeaderTag) != "" {
			t.Fatal("a served request is tagged")
		}
	}
	if n := testutil.ToFloat64(r.sidecar.metrics.requests.WithLabelValues("create", taggedServed)); int(n) != served {
		t.Errorf("%v creations counted as served, wanted %d", n, served)
	}
	r.do("GET", "/elsewhere", "")
	if n := len(serving.asked()); n != 2*served {
		t.Error("a request without an order went to the candidate")
	}

	if err := r.sidecar.SetSlice(Slice{Release: "v2", Epoch: 7, Serve: shadow.PerMillion}); err != nil {
		t.Fatal(err)
	}
	if _, answer, _ := r.do("GET", "/elsewhere", ""); answer != "candidate" {
		t.Errorf("with all of them served: %q", answer)
	}
	if err := r.sidecar.SetSlice(Slice{Release: "v2", Epoch: 8, Halted: true}); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if _, answer, _ := r.do("POST", "/payments", `{}`, "X-Order", orderNo(i)); answer == "candidate" {
			t.Fatal("served after the rollback")
		}
	}
}

// TestServedOrdersAreNotProved: what the candidate answers is held against nothing, and what was gray before is told.
func TestServedOrdersAreNotProved(t *testing.T) {
	r, serving := servingRig(t, Slice{Release: "v2", Epoch: 7, PerMillion: shadow.PerMillion})
	r.create("a")
	r.expect("match()")
	if err := r.sidecar.SetSlice(Slice{Release: "v2", Epoch: 7, PerMillion: shadow.PerMillion, Serve: shadow.PerMillion}); err != nil {
		t.Fatal(err)
	}
	r.do("POST", "/payments/a/refunds", `{}`)
	r.create("b")
	r.expect("match()", "inconclusive(served)")
	r.stop()
	if len(serving.asked()) != 2 || len(r.candidate.asked()) != 1 {
		t.Errorf("%d served, %d shadow runs", len(serving.asked()), len(r.candidate.asked()))
	}
}

// TestServedOrdersThatMayBeGrayElsewhereAreTold: another sidecar, or this one before a restart, may have begun to prove them.
func TestServedOrdersThatMayBeGrayElsewhereAreTold(t *testing.T) {
	r, serving := servingRig(t, Slice{Release: "v2", Epoch: 7, PerMillion: shadow.PerMillion, Serve: shadow.PerMillion})
	r.create("b") // served from its beginning: nobody proves it
	r.do("POST", "/payments/a/refunds", `{}`)
	r.expect("excluded(not-born-gray)")
	r.stop()
	if len(serving.asked()) != 2 || len(r.candidate.asked()) != 0 || serving.asked()[1].header.Get(shadow.HeaderTag) != "" {
		t.Errorf("%d served, %d shadow runs, %+v", len(serving.asked()), len(r.candidate.asked()), serving.asked())
	}
}

// TestServeAndGrayAreDrawnApart: the orders that are served are not the gray ones, or a growing share would leave no proof.
func TestServeAndGrayAreDrawnApart(t *testing.T) {
	const orders = 400
	r, _ := servingRig(t, Slice{Release: "v2", Epoch: 7, PerMillion: 500_000, Serve: 500_000})
	for i := range orders {
		r.create(orderNo(i))
	}
	r.stop()
	if n := len(r.auditor.closed()); n < 57 || n > 143 {
		t.Errorf("%d of %d orders are gray and not served, about 100 should be", n, orders)
	}
}

func TestServeNeedsInstances(t *testing.T) {
	r := newRig(t, nil)
	if err := r.sidecar.SetSlice(Slice{Release: "v2", Epoch: 7, Serve: 1}); !errors.Is(err, ErrServing) {
		t.Errorf("error %v", err)
	}
	if err := r.sidecar.SetSlice(Slice{Release: "v2", Epoch: 7, Serve: shadow.PerMillion + 1}); err == nil || !strings.Contains(err.Error(), "serve must be at most") {
		t.Errorf("error %v", err)
	}
}

func TestTagsCarryTheEpochOfThePolicy(t *testing.T) {
	r := newRig(t, nil)
	r.create("a")
	if err := r.sidecar.SetSlice(Slice{Release: "v2", Epoch: 7, Policy: 9, PerMillion: shadow.PerMillion}); err != nil {
		t.Fatal(err)
	}
	r.do("POST", "/payments/a/refunds", `{}`) // still a member: no rollback came between
	r.expect("match()", "match()")
	for i, want := range []uint64{7, 9} {
		tag, err := r.signer.Verify(r.stable.asked()[i].header.Get(shadow.HeaderTag), r.deps.Now())
		if err != nil || tag.Epoch != want {
			t.Errorf("request %d: epoch %d, %v; wanted %d", i, tag.Epoch, err, want)
		}
	}
}
