package egress

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/seed-3356bd69/touchstone/proxy/capture"
	"github.com/seed-3356bd69/touchstone/proxy/lru"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// book holds the calls of samples until their verdict takes them. It is bounded in samples, in calls of a sample, in
// bytes and in age; a sample that had to go is remembered as gone, so that its calls are not mistaken for extra ones.
type book struct {
	limits Limits
	budget *capture.Budget
	now    func() time.Time
	onGone func() // a sample's recordings had to go before they were taken

	mu      sync.Mutex
	samples *lru.Cache[string, *sample]
	names   lru.Namer
	gone    *lru.Cache[lru.Name, struct{}]
}

type sample struct {
	born     time.Time
	primary  []*recording
	shadowed []shadow.Call
	counts   map[ordinalKey]int
	overflow bool // more calls than the bound: what is missing cannot be told from what is not there
}

type ordinalKey struct {
	side      shadow.Side
	operation string
}

// recording is one call of the stable run.
type recording struct {
	id                string // in a shared book
	call              shadow.Call
	request, response *capture.Buffer
	done              chan struct{} // closed when call is final
}

func newBook(limits Limits, now func() time.Time, onGone func()) *book {
	return &book{
		limits: limits, budget: capture.NewBudget(limits.MaxCaptured), now: now, onGone: onGone,
		samples: lru.New[string, *sample](limits.MaxSamples),
		names:   lru.NewNamer(),
		gone:    lru.New[lru.Name, struct{}](limits.MaxSamples),
	}
}

// open is for books that can be lost: this one ends with its process.
func (b *book) open(string) {}

// begin starts the recording of a stable call; nil = there is no room, or the sample's verdict is out.
func (b *book) begin(id string, op Operation) *recording {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.sample(id)
	if s == nil {
		return nil
	}
	if len(s.primary) >= b.limits.MaxCalls {
		s.overflow = true
		return nil
	}
	rec := &recording{
		call:     shadow.Call{Sample: id, Operation: op.Name, Class: op.Class, Ordinal: s.next(shadow.Primary, op.Name), Fate: shadow.CallForwarded},
		request:  capture.NewBuffer(b.limits.MaxBody, b.budget),
		response: capture.NewBuffer(b.limits.MaxBody, b.budget),
		done:     make(chan struct{}),
	}
	s.primary = append(s.primary, rec)
	return rec
}

// end makes a recording final.
func (b *book) end(rec *recording, x shadow.Exchange) {
	b.mu.Lock()
	defer b.mu.Unlock()
	rec.call.Exchange = x
	close(rec.done)
}

// claim counts a shadow call and finds the stable call it answers to.
func (b *book) claim(_ context.Context, id string, op Operation) claimed {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.sample(id)
	if s == nil {
		return claimed{found: foundGone}
	}
	c := claimed{ordinal: s.next(shadow.Shadow, op.Name)}
	at := slices.IndexFunc(s.primary, func(r *recording) bool { return r.call.Operation == op.Name && r.call.Ordinal == c.ordinal })
	switch {
	case at >= 0:
		c.rec = s.primary[at]
	case s.overflow:
		c.found = foundGone
	default:
		c.found = foundNothing
	}
	return c
}

// await waits for the stable call's end, which another goroutine makes known.
func (b *book) await(ctx context.Context, c claimed, patience time.Duration) (shadow.Exchange, bool) {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-c.rec.done:
		return c.rec.call.Exchange, true
	case <-ctx.Done():
	case <-late.C:
	}
	return shadow.Exchange{}, false
}

// note keeps a shadow call as evidence.
func (b *book) note(_ context.Context, _ claimed, call shadow.Call) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.sample(call.Sample); s != nil && len(s.shadowed) < b.limits.MaxCalls {
		s.shadowed = append(s.shadowed, call)
	}
	return nil
}

// fetch is take: what is in memory needs no waiting for.
func (b *book) fetch(_ context.Context, id string) (primary, shadowed []shadow.Call, err error) {
	primary, shadowed = b.take(id)
	return primary, shadowed, nil
}

// take gives the calls of a sample and forgets them; calls that come later find it gone.
func (b *book) take(id string) (primary, shadowed []shadow.Call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.samples.Get(id)
	b.forget(id, s)
	if !ok {
		return nil, nil
	}
	for _, rec := range s.primary {
		primary = append(primary, rec.call)
	}
	return primary, s.shadowed
}

// sample finds or makes the entry of a sample; nil = it is gone.
func (b *book) sample(id string) *sample {
	b.expire()
	if _, gone := b.gone.Get(b.names.Of(id)); gone {
		return nil
	}
	if s, ok := b.samples.Get(id); ok {
		return s
	}
	s := &sample{born: b.now(), counts: map[ordinalKey]int{}}
	if oldID, old, evicted := b.samples.Put(id, s); evicted {
		b.onGone()
		b.forget(oldID, old)
	}
	return s
}

// expire lets go of samples that nobody took in time.
func (b *book) expire() {
	for {
		id, s, ok := b.samples.Oldest()
		if !ok || b.now().Sub(s.born) <= b.limits.MaxAge {
			return
		}
		b.onGone()
		b.forget(id, s)
	}
}

func (b *book) forget(id string, s *sample) {
	b.samples.Remove(id)
	b.gone.Put(b.names.Of(id), struct{}{})
	if s == nil {
		return
	}
	for _, rec := range s.primary {
		rec.request.Release()
		rec.response.Release()
	}
}

func (s *sample) next(side shadow.Side, operation string) int {
	key := ordinalKey{side, operation}
	s.counts[key]++
	return s.counts[key]
}
