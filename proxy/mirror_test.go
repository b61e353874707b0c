package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

func TestCandidateThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"5xx":            {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "mismatch()"},
		"reset":          {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "mismatch()"},
		"reset half way": {halfAnswer, "mismatch()"},
		"hangs":          {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "inconclusive(timeout)"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config, _ *Deps) { c.Limits.ShadowTimeout = 200 * time.Millisecond })
			r.candidate.answers(c.answer)
			r.create("P1")
			r.verdicts(1)
			r.candidate.answers(nil)
			r.do("POST", "/payments/P1/refunds", `{}`)
			r.create("P2")
			got := r.verdicts(3)
			slices.Sort(got[1:])
			if want := []string{c.want, "inconclusive(tainted)", "match()"}; !slices.Equal(got, want) {
				t.Fatalf("got %v, want %v", got, want)
			}
			if n := len(r.candidate.asked()); n != 2 {
				t.Fatalf("candidate was asked %d times: a tainted order got a shadow run", n)
			}
		})
	}
}

func halfAnswer(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	fmt.Fprint(w, "half")
	http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func TestCandidateKilledWhileItRuns(t *testing.T) {
	r := newRig(t, nil)
	r.create("P1")
	r.expect("match()")
	r.candidate.CloseClientConnections()
	r.candidate.Close()
	r.create("P2")
	r.create("P3")
	r.expect("match()", "dropped(unreachable)", "dropped(unreachable)")
}

func TestStableThatFailsIsNotMirrored(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		status int
	}{
		"reset":    {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 502},
		"too slow": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 504},
		"half":     {halfAnswer, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c *Config, _ *Deps) { c.Limits.HeaderTimeout = 100 * time.Millisecond })
			r.stable.answers(c.answer)
			req, _ := http.NewRequest("POST", r.server.URL+"/payments", strings.NewReader("{}"))
			req.Header.Set("X-Order", "P1")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = io.ReadAll(res.Body); (c.status != 0 && res.StatusCode != c.status) || (c.status == 0 && err == nil) {
				t.Fatalf("client got %d, %v", res.StatusCode, err)
			}
			res.Body.Close()
			r.stable.answers(nil)
			r.do("POST", "/payments/P1/refunds", `{}`)
			r.expect("inconclusive(stable-failed)", "inconclusive(tainted)")
			if n := len(r.stable.asked()); n != 2 {
				t.Fatalf("stable was asked %d times: a request was retried", n)
			}
			if n := len(r.candidate.asked()); n != 0 {
				t.Fatalf("candidate was asked %d times", n)
			}
		})
	}
}

// gate lets a candidate's requests through one by one.
type gate struct{ open chan struct{} }

func (g gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case <-g.open:
	case <-r.Context().Done():
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprint(w, `{"ok":true,"bytes":2}`)
}

func TestFullQueueDropsAndTheClientDoesNotNotice(t *testing.T) {
	r := newRig(t, func(c *Config, _ *Deps) { c.Limits.QueueLength, c.Limits.Workers = 2, 1 })
	timed := func(n int) time.Duration {
		start := time.Now()
		for i := range n {
			r.do("POST", fmt.Sprintf("/any/x?order=W%d-%d", n, i), `{}`)
		}
		return time.Since(start)
	}
	quick := timed(20)
	r.verdicts(20)
	g := gate{make(chan struct{})}
	r.candidate.answers(g.ServeHTTP)
	slow := timed(21)
	if slow > 10*quick+time.Second {
		t.Errorf("with a stuck candidate the clients waited %v, before %v", slow, quick)
	}
	got := r.verdicts(20 + 21 - 3)[20:] // one runs, two wait
	for _, v := range got {
		if v != "dropped(queue-full)" {
			t.Fatalf("got %v", got)
		}
	}
	close(g.open)
	if last := r.verdicts(41)[38:]; !slices.Equal(last, []string{"match()", "match()", "match()"}) {
		t.Fatalf("got %v", last)
	}
}

func TestOrdersRunBesideEachOtherButEachInItsOrder(t *testing.T) {
	r := newRig(t, func(c *Config, _ *Deps) { c.Limits.Workers = 8 })
	var running, most atomic.Int64
	var mu sync.Mutex
	inside := map[string]int{}
	r.candidate.answers(func(w http.ResponseWriter, req *http.Request) {
		order := req.URL.Query().Get("order")
		mu.Lock()
		inside[order]++
		if inside[order] > 1 {
			t.Errorf("two runs of order %s at once", order)
		}
		mu.Unlock()
		most.Store(max(most.Load(), running.Add(1)))
		time.Sleep(10 * time.Millisecond)
		running.Add(-1)
		mu.Lock()
		inside[order]--
		mu.Unlock()
		gate{closedChannel()}.ServeHTTP(w, req)
	})
	for i := range 8 {
		for _, order := range []string{"A", "B", "C"} {
			r.do("POST", fmt.Sprintf("/any/%d?order=%s", i, order), `{}`)
		}
	}
	r.verdicts(24)
	next := map[string]int{}
	for _, a := range r.candidate.asked() {
		order := a.uri[len(a.uri)-1:]
		if want := fmt.Sprintf("/any/%d?order=%s", next[order], order); a.uri != want {
			t.Fatalf("asked %s, want %s", a.uri, want)
		}
		next[order]++
	}
	if most.Load() < 2 {
		t.Error("different orders did not run beside each other")
	}
}

func closedChannel() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

func TestPredecessorThatTakesTooLong(t *testing.T) {
	r := newRig(t, func(c *Config, _ *Deps) { c.Limits.OrderWait = 50 * time.Millisecond })
	g := gate{make(chan struct{})}
	r.candidate.answers(g.ServeHTTP)
	r.do("POST", "/any/1?order=A", `{}`)
	r.do("POST", "/any/2?order=A", `{}`)
	r.do("POST", "/any/3?order=A", `{}`)
	time.Sleep(100 * time.Millisecond)
	close(g.open)
	r.expect("match()", "inconclusive(order)", "inconclusive(tainted)")
}

func TestTaintCountsFromItsSampleOn(t *testing.T) {
	r := newRig(t, func(c *Config, _ *Deps) { c.Limits.QueueLength, c.Limits.Workers = 1, 1 })
	g := gate{make(chan struct{})}
	r.candidate.answers(g.ServeHTTP)
	r.do("POST", "/any/0?order=other", `{}`)
	for len(r.candidate.asked()) == 0 {
		time.Sleep(time.Millisecond)
	}
	r.do("POST", "/any/1?order=A", `{}`) // waits
	r.do("POST", "/any/2?order=A", `{}`) // dropped, taints A
	r.expect("dropped(queue-full)")
	close(g.open)
	r.expect("dropped(queue-full)", "match()", "match()")
	r.do("POST", "/any/3?order=A", `{}`)
	r.expect("dropped(queue-full)", "match()", "match()", "inconclusive(tainted)")
}

func TestForgottenTaintEndsTheMembership(t *testing.T) {
	members := NewMembers(10)
	members.Add("A", "")
	book := newTaints(1, members)
	book.add("A", 5)
	book.add("A", 9)
	if book.covers("A", 5) || !book.covers("A", 6) {
		t.Fatal("the taint does not begin after its sample")
	}
	book.add("B", 6)
	if book.covers("A", 10) || members.Has("A") {
		t.Fatal("an order whose taint was forgotten is still a member")
	}
}

func TestBodiesOverTheLimit(t *testing.T) {
	r := newRig(t, func(c *Config, _ *Deps) { c.Limits.MaxBody = 10 })
	long := strings.Repeat("x", 11)
	r.do("POST", "/any/x?order=A", long)
	r.expect("dropped(body-too-large)")
	if got := r.stable.asked()[0].body; got != long {
		t.Fatalf("stable got %q", got)
	}
	var pair shadow.Pair
	r = newRig(t, func(c *Config, d *Deps) {
		c.Limits.MaxBody = 10
		d.Comparer = equalBodies{func(p shadow.Pair) { pair = p }}
	})
	r.do("POST", "/any/x?order=A", "x")
	r.verdicts(1)
	if !pair.Primary.Response.Truncated || pair.Primary.Response.Size != 21 || !pair.Shadow.Response.Truncated {
		t.Fatalf("compared %+v", pair)
	}
}

func TestMemoryIsGivenBack(t *testing.T) {
	r := newRig(t, func(c *Config, _ *Deps) { c.Limits.MaxCaptured = 250 })
	for i := range 10 {
		r.do("POST", fmt.Sprint("/any/x?order=", i), strings.Repeat("x", 70))
		r.verdicts(i + 1)
	}
	r.stop()
	if used := r.sidecar.budget.Used(); used != 0 {
		t.Fatalf("%d bytes are still held", used)
	}
	for _, v := range r.verdicts(10) {
		if v != "match()" {
			t.Fatalf("got %s: the budget was used up", v)
		}
	}
}

type callBook struct {
	calls []shadow.Call
	err   error // of Fetch
}

func (b callBook) Open(string) {}

func (b callBook) Take(string) (primary, shadowed []shadow.Call) { return nil, b.calls }

func (b callBook) Fetch(context.Context, string) (primary, shadowed []shadow.Call, err error) {
	return nil, b.calls, b.err
}

func TestCallsOutOfReachAreNotHeldAgainstTheCandidate(t *testing.T) {
	for name, c := range map[string]struct {
		book  callBook
		hangs bool
	}{
		"fetch fails":            {book: callBook{err: errors.New("away")}},
		"given up, then a reset": {book: callBook{calls: []shadow.Call{{Fate: shadow.CallRefused}}}, hangs: true},
		"given up, then a retry": {book: callBook{calls: []shadow.Call{{Fate: shadow.CallRefused}, {Fate: shadow.CallRefused, Mismatches: []shadow.Mismatch{{Kind: shadow.KindExtra}}}}}, hangs: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(_ *Config, d *Deps) { d.Calls = c.book })
			if c.hangs {
				r.candidate.answers(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
			}
			r.create("P1")
			r.expect("inconclusive(guard)")
		})
	}
}

func TestWhatTheGuardSawOutlivesATimeout(t *testing.T) {
	found := shadow.Mismatch{Place: shadow.InCall, Field: "amount", Class: shadow.ClassMoney, Kind: shadow.KindValue}
	r := newRig(t, func(c *Config, d *Deps) {
		c.Limits.ShadowTimeout = 100 * time.Millisecond
		d.Calls = callBook{calls: []shadow.Call{{Fate: shadow.CallRefused, Mismatches: []shadow.Mismatch{found},
			Exchange: shadow.Exchange{RequestHeader: shadow.Header{"Authorization": {"secret"}, "X-Other": {"1"}}}}}}
	})
	r.candidate.answers(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	r.create("P1")
	r.expect("mismatch()")
	e := r.auditor.closed()[0]
	if !slices.Contains(e.Verdict.Mismatches, found) || !e.Verdict.Taints() {
		t.Fatalf("got %+v", e.Verdict)
	}
	if h := e.Calls[0].Exchange.RequestHeader; h.Get("Authorization") != "" || h.Get("X-Other") != "1" {
		t.Fatalf("evidence carries %v", h)
	}
}

func TestBodiesTravelOnlyWhereThereIsSomethingToSee(t *testing.T) {
	r := newRig(t, func(c *Config, _ *Deps) { c.Limits.EvidenceBody = 5 })
	r.candidate.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "secret")
		fmt.Fprint(w, "something else")
	})
	r.do("POST", "/any/x?order=A", "{}", "Authorization", "secret", "Cookie", "secret", "X-Other", "1")
	r.expect("mismatch()")
	e := r.auditor.closed()[0]
	for _, x := range []*shadow.Exchange{e.Primary, e.Shadow} {
		for name, values := range map[string]shadow.Header{"request": x.RequestHeader, "response": x.ResponseHeader} {
			if text := fmt.Sprint(values); strings.Contains(text, "secret") || strings.Contains(text, "sig=") {
				t.Errorf("%s of the %s side: %s", name, x.Side, text)
			}
		}
	}
	if e.Primary.RequestHeader.Get("X-Other") != "1" || string(e.Shadow.Response.Bytes) != "somet" || !e.Shadow.Response.Truncated || e.Shadow.Response.Size != 14 {
		t.Errorf("evidence %+v", e.Shadow)
	}
	if got := r.candidate.asked()[0].header.Get("Authorization"); got != "secret" {
		t.Errorf("the candidate was asked with %q", got)
	}
	sampled := newRig(t, func(c *Config, _ *Deps) { c.BodySample = shadow.PerMillion })
	sampled.create("P1")
	sampled.expect("match()")
	if sampled.auditor.closed()[0].Primary == nil {
		t.Error("a sample of all matches carries no bodies")
	}
}

type panics struct{ Membership }

func (panics) Has(string) bool { panic("members") }

type panickingBook struct{ noCalls }

func (panickingBook) Open(string) { panic("calls") }

func (panickingBook) Fetch(context.Context, string) (primary, shadowed []shadow.Call, err error) {
	panic("calls")
}

func TestPanicsOfTheShadowSideStayThere(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Deps)
		want   []string
	}{
		"comparer":                      {func(d *Deps) { d.Comparer = equalBodies{func(shadow.Pair) { panic("comparer") }} }, []string{"inconclusive(internal)", "inconclusive(tainted)"}},
		"comparer that decides nothing": {func(d *Deps) { d.Comparer = undecided{} }, []string{"inconclusive(internal)", "inconclusive(tainted)"}},
		"members":                       {func(d *Deps) { d.Members = panics{NewMembers(10)} }, []string{"match()"}},
		"calls":                         {func(d *Deps) { d.Calls = panickingBook{} }, []string{"inconclusive(internal)", "inconclusive(tainted)"}},
		"sample ids":                    {func(d *Deps) { d.NewSample = func() (string, error) { panic("ids") } }, nil},
		"no sample ids":                 {func(d *Deps) { d.NewSample = func() (string, error) { return "", io.EOF } }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(_ *Config, d *Deps) { c.change(d) })
			r.create("P1")
			r.verdicts(min(len(c.want), 1))
			status, _, _ := r.do("POST", "/payments/P1/refunds", `{}`)
			if status != 200 {
				t.Fatalf("client got %d", status)
			}
			r.expect(c.want...)
		})
	}
}

type undecided struct{}

func (undecided) Compare(shadow.Pair) (shadow.Verdict, []shadow.Binding) {
	return shadow.Verdict{}, nil
}

func TestPanicOfThePublisherReachesNoClient(t *testing.T) {
	r := newRig(t, nil)
	r.auditor.hook = func(shadow.Event) { panic("publisher") }
	if status, _, _ := r.do("POST", "/payments", `{}`, "X-Order", "P1"); status != 200 {
		t.Fatalf("client got %d", status)
	}
	r.expect("match()")
}

func TestShutdownDrainsTheQueue(t *testing.T) {
	r := newRig(t, func(c *Config, _ *Deps) { c.Limits.Workers = 1 })
	g := gate{make(chan struct{})}
	r.candidate.answers(g.ServeHTTP)
	for i := range 3 {
		r.do("POST", fmt.Sprint("/any/x?order=", i), `{}`)
	}
	time.AfterFunc(50*time.Millisecond, func() { close(g.open) })
	r.stop()
	r.expect("match()", "match()", "match()")
}

func TestShutdownDropsWhatDoesNotDrain(t *testing.T) {
	r := newRig(t, func(c *Config, _ *Deps) { c.Limits.Workers, c.Limits.DrainTimeout = 1, 50*time.Millisecond })
	r.candidate.answers(gate{make(chan struct{})}.ServeHTTP)
	for i := range 3 {
		r.do("POST", fmt.Sprint("/any/x?order=", i), `{}`)
	}
	for len(r.candidate.asked()) == 0 {
		time.Sleep(time.Millisecond)
	}
	r.stop()
	r.expect("dropped(shutdown)", "dropped(shutdown)", "dropped(shutdown)")
}

func TestRequestThatEndsAfterTheWorkers(t *testing.T) {
	r := newRig(t, nil)
	r.stop()
	late := httptest.NewServer(r.sidecar)
	defer late.Close()
	r.server.URL = late.URL
	r.create("P1")
	r.expect("dropped(shutdown)")
	r.auditor.audit(t, r.sidecar.Tally())
}

func TestRollbackReachesWhatWaits(t *testing.T) {
	t.Run("above the epoch in force", func(t *testing.T) { rollbackReachesWhatWaits(t, 8) })
	t.Run("at the epoch in force", func(t *testing.T) { rollbackReachesWhatWaits(t, 7) })
}

func rollbackReachesWhatWaits(t *testing.T, epoch uint64) {
	r := newRig(t, func(c *Config, _ *Deps) { c.Limits.Workers = 1 })
	g := gate{make(chan struct{})}
	r.candidate.answers(g.ServeHTTP)
	r.create("P1")
	for len(r.candidate.asked()) == 0 {
		time.Sleep(time.Millisecond)
	}
	r.create("P2") // waits for the only worker
	if err := r.sidecar.SetSlice(Slice{Release: "v2", Epoch: epoch, PerMillion: shadow.PerMillion, Halted: true}); err != nil {
		t.Fatal(err)
	}
	close(g.open)
	r.expect("match()", "dropped(rollback)")
	r.create("P3")
	if n := len(r.candidate.asked()); n != 1 || len(r.auditor.closed()) != 2 {
		t.Errorf("the candidate was asked %d times", n)
	}
}
