package proxy

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/seed-3356bd69/touchstone/proxy/capture"
)

// newCopyRig is a sidecar whose callbacks of one route go to a worker as well.
func newCopyRig(t *testing.T, to string, change func(*Config)) *rig {
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	return newNotifyRig(t, func(c *Config, _ *Deps) {
		for i := range c.Routes {
			if c.Routes[i].Name == "notify" {
				c.Routes[i].CopyTo = u
			}
		}
		if change != nil {
			change(c)
		}
	})
}

func (r *rig) copies(t *testing.T, outcome string, want float64) {
	t.Helper()
	count := r.sidecar.metrics.notices.WithLabelValues(outcome)
	for deadline := time.Now().Add(10 * time.Second); testutil.ToFloat64(count) != want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%v copies are %s, want %v", testutil.ToFloat64(count), outcome, want)
		}
	}
}

// TestEveryCallbackIsCopied has callbacks of orders that nobody sampled, short ones and one that goes through net/http.
func TestEveryCallbackIsCopied(t *testing.T) {
	worker := newService(t)
	r := newCopyRig(t, worker.URL+"/events/wechat/m1/", nil)
	bodies := []string{`{"resource":{"ciphertext":"3Uos5+LT...=="}}` + "\n", "", strings.Repeat("long ", 30_000)}
	for i, body := range bodies {
		status, _, _ := r.do("POST", "/notify/P1?a=%2B", body, "Content-Type", "application/json", "Wechatpay-Signature", "CtcbzwtQ==", "X-Gray-Version", "forged")
		if status != http.StatusOK {
			t.Fatalf("callback %d: status %d", i, status)
		}
		r.copies(t, noticeSent, float64(i+1))
	}
	r.do("POST", "/payments/P1/refunds", "{}") // is no callback
	seen := worker.asked()
	if len(seen) != len(bodies) {
		t.Fatalf("%d copies", len(seen))
	}
	for i, got := range seen {
		if got.method != "POST" || got.uri != "/events/wechat/m1/notify/P1?a=%2B" || got.body != bodies[i] || got.header.Get("Wechatpay-Signature") != "CtcbzwtQ==" || got.header.Get("X-Gray-Version") != "" {
			t.Errorf("copy %d is %s %s with %d bytes, %v", i, got.method, got.uri, len(got.body), got.header)
		}
	}
}

// TestCopiesCostTheChannelNothing has a worker that is busy, that hangs, and that does not want the copy.
func TestCopiesCostTheChannelNothing(t *testing.T) {
	worker := newService(t)
	hanging := make(chan struct{})
	var end sync.Once
	t.Cleanup(func() { end.Do(func() { close(hanging) }) })
	r := newCopyRig(t, worker.URL, func(c *Config) { c.Limits.QueueLength = 4 })
	var came atomic.Int64
	worker.answers(func(w http.ResponseWriter, _ *http.Request) {
		if came.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	r.do("POST", "/notify/P1", "{}")
	r.copies(t, noticeSent, 1)
	worker.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	r.do("POST", "/notify/P2", "{}")
	r.copies(t, noticeRefused, 1)
	worker.answers(func(_ http.ResponseWriter, q *http.Request) {
		select {
		case <-hanging:
		case <-q.Context().Done():
		}
	})
	begin := time.Now()
	for n := range 20 {
		if status, _, _ := r.do("POST", fmt.Sprintf("/notify/H%d", n), "{}"); status != http.StatusOK {
			t.Fatalf("callback %d: status %d", n, status)
		}
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("20 callbacks took %s beside a worker that hangs", took)
	}
	r.copies(t, noticeLost, 20-4-noticeSenders)
	end.Do(func() { close(hanging) })
	r.copies(t, noticeSent, 1+4+noticeSenders)
}

// TestCopiesEndWithTheSidecar has copies wait when the sidecar ends: they are sent within the drain time, or counted.
func TestCopiesEndWithTheSidecar(t *testing.T) {
	counts := map[string]int{}
	var mu sync.Mutex
	n := newNotices(Limits{QueueLength: 8}, func(o string) { mu.Lock(); counts[o]++; mu.Unlock() })
	s := &Sidecar{budget: capture.NewBudget(1 << 20), config: Config{Limits: Limits{}.withDefaults()}}
	nobody := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	for range 5 {
		one := s.noticeOf(&Route{CopyTo: nobody}, &inbound{method: "POST", uri: "/n"})
		one.keeps(http.Header{})
		one.body.Keep([]byte("body"))
		one.length = 4
		n.offer(one)
	}
	ended := make(chan struct{})
	close(ended)
	ctx, cut := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cut()
	n.run(ctx, ended)
	if mu.Lock(); counts[noticeLost] != 5 || s.budget.Used() != 0 {
		t.Errorf("counted %v, %d bytes are held", counts, s.budget.Used())
	}
}
