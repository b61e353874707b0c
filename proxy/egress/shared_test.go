package egress

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// memory is a store that can be slow, full, away, and forgetful.
type memory struct {
	mu     sync.Mutex
	values map[string][]byte
	revs   map[string]uint64
	away   bool
	full   bool
	saves  int
}

var errStore = errors.New("the store does not work")

func (m *memory) Load(_ context.Context, key string) ([]byte, uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, 0, errStore
	}
	return m.values[key], m.revs[key], nil
}

func (m *memory) Save(_ context.Context, key string, data []byte, revision uint64) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.away || m.full:
		return false, errStore
	case m.revs[key] != revision:
		return true, nil
	}
	m.saves++
	m.values[key], m.revs[key] = bytes.Clone(data), revision+1
	return false, nil
}

func (m *memory) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

func (m *memory) forget() { m.set(func() { clear(m.values); clear(m.revs) }) }

// pod is one guard of several that stand before the same channel and share a store.
type pod struct {
	*rig
	stop func()
}

type pods struct {
	t     *testing.T
	store *memory
	first *rig
	mu    sync.Mutex
	lost  []string
}

func newPods(t *testing.T) *pods {
	return &pods{t: t, store: &memory{values: map[string][]byte{}, revs: map[string]uint64{}}}
}

func (p *pods) start(limits Limits) *pod {
	p.t.Helper()
	r := newRig(p.t, limits)
	if p.first == nil {
		p.first = r
	}
	r.channel = p.first.channel
	config := r.guard.primary.(*primarySide).config
	config.Channel = p.first.guard.primary.(*primarySide).config.Channel
	r.registry = prometheus.NewRegistry()
	r.guard = New(config, Deps{Signer: r.signer, Registry: r.registry, Now: r.now, Store: p.store, Secret: []byte("salt-salt-salt-salt"), Lost: p.loses})
	r.primary, r.shadow = httptest.NewServer(r.guard.Primary()), httptest.NewServer(r.guard.Shadow())
	p.t.Cleanup(r.primary.Close)
	p.t.Cleanup(r.shadow.Close)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.guard.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			p.t.Error(err)
		}
	})
	p.t.Cleanup(stop)
	return &pod{r, stop}
}

func (p *pods) loses(sample string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost = append(p.lost, sample)
}

func (p *pods) lostSamples() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.lost)
}

func quick() Limits {
	return Limits{ShareWait: 300 * time.Millisecond, Settle: 50 * time.Millisecond, Timeout: time.Second}
}

// saved waits until the store took so many changes: the last of a call comes after its answer.
func (p *pods) saved(n int) {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		p.store.mu.Lock()
		saves := p.store.saves
		p.store.mu.Unlock()
		if saves >= n {
			return
		}
	}
}

func (p *pod) fetched(t *testing.T, sample string) (primary, shadowed []shadow.Call) {
	t.Helper()
	primary, shadowed, err := p.guard.Fetch(t.Context(), sample)
	if err != nil {
		t.Fatal(err)
	}
	return primary, shadowed
}

func TestAnyGuardAnswersFromTheSharedRecordings(t *testing.T) {
	p := newPods(t)
	a, b := p.start(quick()), p.start(quick())
	a.guard.Open("s1")
	secret := request{method: "POST", uri: "/v3/refunds", body: `{"card":"4111111111111111","amount":{"refund":29}}`, header: map[string]string{"Authorization": "very secret"}}
	if status, _ := a.stable("s1", secret); status != 201 {
		t.Fatalf("stable got %d", status)
	}
	if status, body := b.candidate("s1", secret); status != 201 || body != `{"channel_no":1}` {
		t.Fatalf("the candidate got %d %s at the other guard", status, body)
	}
	for _, value := range p.store.values {
		if bytes.Contains(value, []byte("4111")) || bytes.Contains(value, []byte("secret")) {
			t.Error("the store holds a recording in plain text")
		}
	}
	primary, shadowed := a.fetched(t, "s1")
	if len(primary) != 1 || len(shadowed) != 1 || shadowed[0].Fate != shadow.CallReplayed || string(shadowed[0].Exchange.Response.Bytes) != `{"channel_no":1}` ||
		string(primary[0].Exchange.Request.Bytes) != secret.body {
		t.Fatalf("primary %+v\nshadow %+v", primary, shadowed)
	}
	if status, _ := b.candidate("s1", secret); status != 409 || b.refused(reasonGone) != 1 {
		t.Errorf("a call after the verdict got %d", status)
	}
	if _, _, err := a.guard.Fetch(t.Context(), "s1"); err == nil {
		t.Error("calls were given twice")
	}
	if p.first.channel.calls() != 1 || len(p.lostSamples()) != 0 {
		t.Errorf("the channel saw %d calls, lost %v", p.first.channel.calls(), p.lostSamples())
	}
}

// The double charge whose two calls go to two guards is seen by both together.
func TestDoubleChargeOverTwoGuards(t *testing.T) {
	p := newPods(t)
	a, b := p.start(quick()), p.start(quick())
	for round := range 20 {
		sample := fmt.Sprint("s", round)
		a.guard.Open(sample)
		a.stable(sample, refund("29"))
		var wg sync.WaitGroup
		statuses := make([]int, 2)
		for i, guard := range []*pod{a, b} {
			wg.Go(func() { statuses[i], _ = guard.candidate(sample, refund("29")) })
		}
		wg.Wait()
		if slices.Sort(statuses); !slices.Equal(statuses, []int{201, 409}) {
			t.Fatalf("round %d: %v", round, statuses)
		}
		_, shadowed := b.fetched(t, sample)
		extra := slices.IndexFunc(shadowed, func(c shadow.Call) bool {
			return c.Ordinal == 2 && len(c.Mismatches) == 1 && c.Mismatches[0].Kind == shadow.KindExtra
		})
		if len(shadowed) != 2 || extra < 0 {
			t.Fatalf("round %d: %+v", round, shadowed)
		}
	}
	if n := p.first.channel.calls(); n != 20 {
		t.Errorf("the channel saw %d calls of 20", n)
	}
}

func TestGuardThatStartsAgainStillAnswers(t *testing.T) {
	p := newPods(t)
	a := p.start(quick())
	a.guard.Open("s1")
	a.stable("s1", refund("29"))
	p.saved(3) // opened, begun, ended
	a.stop()
	again := p.start(quick())
	if status, _ := again.candidate("s1", refund("29")); status != 201 {
		t.Errorf("the candidate got %d", status)
	}
	if status, _ := again.candidate("s2", refund("29")); status != 409 || again.refused(reasonGone) != 1 {
		t.Errorf("a sample that nobody opened got %d", status)
	}
	if p.first.channel.calls() != 1 {
		t.Error("the channel saw the candidate")
	}
}

func TestStoreThatFailsIsEvidenceAndNeverHoldsTheStableRunUp(t *testing.T) {
	for name, c := range map[string]struct {
		breaks func(*memory)
		reason string
	}{
		"away":           {func(m *memory) { m.set(func() { m.away = true }) }, reasonAway},
		"full":           {func(m *memory) { m.set(func() { m.full = true }) }, reasonAway},
		"lost its state": {(*memory).forget, reasonGone},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPods(t)
			a, b := p.start(quick()), p.start(quick())
			a.guard.Open("s1")
			a.stable("s1", refund("29"))
			p.saved(3) // opened, begun, ended
			c.breaks(p.store)
			begun := time.Now()
			if status, _ := a.stable("s1", refund("30")); status != 201 || time.Since(begun) > 250*time.Millisecond {
				t.Errorf("the stable call got %d after %s", status, time.Since(begun))
			}
			if status, _ := b.candidate("s1", refund("29")); status != 409 || b.refused(c.reason) != 1 {
				t.Errorf("the candidate got %d, refused %v", status, b.refused(c.reason))
			}
			if _, _, err := a.guard.Fetch(t.Context(), "s1"); err == nil {
				t.Error("the calls of a sample that is not whole were given as whole")
			}
			a.stop()
			b.stop()
			if c.reason == reasonAway && !slices.Contains(p.lostSamples(), "s1") {
				t.Error("nobody was told that recordings are lost")
			}
			if n := p.first.channel.calls(); n != 2 {
				t.Errorf("the channel saw %d calls of the stable release's 2", n)
			}
		})
	}
}

// A recording that comes into the store after the verdict was out is told, since the verdict did not know of it.
func TestLateRecordingIsTold(t *testing.T) {
	p := newPods(t)
	a := p.start(quick())
	a.guard.Open("s1")
	a.stable("s1", refund("29"))
	a.candidate("s1", refund("29"))
	a.fetched(t, "s1")
	a.stable("s1", refund("30"))
	a.stop()
	if !slices.Contains(p.lostSamples(), "s1") {
		t.Errorf("told: %v", p.lostSamples())
	}
}

func TestCallUnderWayAtAnotherGuardIsWaitedFor(t *testing.T) {
	p := newPods(t)
	a, b := p.start(quick()), p.start(quick())
	a.guard.Open("s1")
	slow := request{"GET", "/slow", "", nil}
	answered := make(chan int, 1)
	go func() { status, _ := a.stable("s1", slow); answered <- status }()
	replayed := make(chan int, 1)
	go func() {
		for p.first.channel.calls() == 0 {
			time.Sleep(time.Millisecond)
		}
		status, _ := b.candidate("s1", slow)
		replayed <- status
	}()
	time.Sleep(150 * time.Millisecond)
	close(p.first.channel.block)
	if stable, candidate := <-answered, <-replayed; stable != 201 || candidate != 201 || p.first.channel.calls() != 1 {
		t.Errorf("stable %d, candidate %d, the channel saw %d", stable, candidate, p.first.channel.calls())
	}
}

func TestLongRecordingsAreTruncatedAndRefused(t *testing.T) {
	s, err := newSealer([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	long := shadow.Body{Bytes: bytes.Repeat([]byte("x"), maxPage), Size: maxPage}
	data, err := s.seal("s1", page{Primary: []entry{{ID: "a", Call: shadow.Call{Exchange: shadow.Exchange{Response: long, Request: shadow.Body{Bytes: []byte("short")}}}}}})
	if err != nil || len(data) > maxPage {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	p, err := s.open("s1", data)
	if x := p.Primary[0].Call.Exchange; err != nil || !x.Response.Truncated || x.Request.Truncated || string(x.Request.Bytes) != "short" {
		t.Errorf("got %+v, %v", x, err)
	}
	if _, err := s.open("s2", data); err == nil {
		t.Error("a page was read as another sample's")
	}
}
