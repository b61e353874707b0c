package egress

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/seed-3356bd69/touchstone/proxy/capture"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// Store holds what the guards of several sidecars know of the calls of a sample. A value is replaced only at the
// revision that Load gave (0 = there was none); conflict means that another guard was faster.
type Store interface {
	Load(ctx context.Context, key string) (data []byte, revision uint64, err error)
	Save(ctx context.Context, key string, data []byte, revision uint64) (conflict bool, err error)
}

// sharedBook keeps the calls of samples in a store, so that a candidate's call finds its recording at any guard, and at
// one that was started again.
//
//	stable call ──begin, end──► lane of its sample ──► store      never waited for; what does not arrive is told: lost
//	candidate's call ──claim──► place in the store ──► recording  waited for; without the store it is refused
//
// A call of the candidate takes its place in the store before anything is answered, so that two guards never give out
// the same recording twice. The stable call has its place from its begin on: one that is under way is waited for, and one
// that is on its way to the store is waited for a little. Should it not come, whoever lost it says so.
type sharedBook struct {
	limits  Limits
	store   Store
	sealer  sealer
	lost    func(sample string)
	metrics *metrics
	budget  *capture.Budget
	guard   string // makes ids of this guard its own
	number  atomic.Uint64
	lanes   []chan change

	mu     sync.Mutex
	closed bool
}

// change is one step of the stable run, on its way to the store.
type change struct {
	sample string
	due    time.Time
	apply  func(*page) error
	done   func()
	once   bool // a try that failed may not come later: the store could have been lost meanwhile
}

var (
	errLate     = errors.New("the verdict of the sample is out")
	errFull     = errors.New("the sample has too many calls")
	errForgot   = errors.New("the store lost the sample")
	errConflict = errors.New("other guards were faster every time")
)

const (
	laneCount  = 8
	maxTries   = 50                    // of one change, against other guards
	retryPause = 20 * time.Millisecond // between two looks at the store
)

func newSharedBook(limits Limits, deps Deps, m *metrics) *sharedBook {
	sealer, err := newSealer(deps.Secret)
	if err != nil {
		panic(err) // the key has a fixed length: only a broken build gets here
	}
	b := &sharedBook{
		limits: limits, store: deps.Store, sealer: sealer, lost: deps.Lost, metrics: m,
		budget: capture.NewBudget(limits.MaxCaptured), guard: uuid.NewString(),
	}
	for range laneCount {
		b.lanes = append(b.lanes, make(chan change, max(limits.Unshared/laneCount, 1)))
	}
	return b
}

// run works the lanes off until ctx ends and they are empty.
func (b *sharedBook) run(ctx context.Context) error {
	var lanes sync.WaitGroup
	for _, lane := range b.lanes {
		lanes.Go(func() {
			for c := range lane {
				b.bring(c)
			}
		})
	}
	<-ctx.Done()
	b.mu.Lock()
	b.closed = true
	for _, lane := range b.lanes {
		close(lane)
	}
	b.mu.Unlock()
	lanes.Wait()
	return nil
}

// send puts a change into the lane of its sample and never blocks.
func (b *sharedBook) send(sample string, c change) {
	h := fnv.New32a()
	h.Write([]byte(sample))
	c.sample, c.due = sample, time.Now().Add(b.limits.ShareWait)
	b.mu.Lock()
	sent := !b.closed
	if sent {
		select {
		case b.lanes[h.Sum32()%laneCount] <- c:
			b.metrics.waiting.Inc()
		default:
			sent = false
		}
	}
	b.mu.Unlock()
	if !sent {
		c.end()
		b.lose(sample)
	}
}

func (c change) end() {
	if c.done != nil {
		c.done()
	}
}

// bring takes a change to the store until it is there, or was due.
func (b *sharedBook) bring(c change) {
	defer c.end()
	defer b.metrics.waiting.Dec()
	ctx, cancel := context.WithDeadline(context.Background(), c.due)
	defer cancel()
	store := b.update
	if c.once {
		store = b.try
	}
	if _, err := store(ctx, c.sample, c.apply); err != nil {
		b.lose(c.sample)
	}
}

func (b *sharedBook) lose(sample string) {
	b.metrics.lost.Inc()
	if b.lost != nil {
		b.lost(sample)
	}
}

// update changes the page of a sample and gives it as it was stored. A store that fails is tried again until ctx ends.
func (b *sharedBook) update(ctx context.Context, sample string, apply func(*page) error) (page, error) {
	for {
		p, err := b.try(ctx, sample, apply)
		if err == nil || isVerdict(err) || !pause(ctx, retryPause) {
			return p, err
		}
	}
}

// isVerdict tells whether a change was refused by what the page says, and not by the store.
func isVerdict(err error) bool {
	return errors.Is(err, errLate) || errors.Is(err, errFull) || errors.Is(err, errForgot)
}

// try is update up to the first failure of the store.
func (b *sharedBook) try(ctx context.Context, sample string, apply func(*page) error) (page, error) {
	for range maxTries {
		p, revision, err := b.load(ctx, sample)
		if err == nil {
			err = apply(&p)
		}
		if err != nil {
			return p, err
		}
		conflict, err := b.save(ctx, sample, p, revision)
		if err != nil || !conflict {
			return p, err
		}
	}
	return page{}, errConflict
}

func (b *sharedBook) load(ctx context.Context, sample string) (page, uint64, error) {
	data, revision, err := b.store.Load(ctx, sample)
	if err != nil {
		return page{}, 0, err
	}
	p, err := b.sealer.open(sample, data)
	return p, revision, err
}

func (b *sharedBook) save(ctx context.Context, sample string, p page, revision uint64) (conflict bool, err error) {
	data, err := b.sealer.seal(sample, p)
	if err != nil {
		return false, err
	}
	return b.store.Save(ctx, sample, data, revision)
}

func (b *sharedBook) newID() string { return fmt.Sprintf("%s-%d", b.guard, b.number.Add(1)) }

// begin takes the place of a stable call.
func (b *sharedBook) begin(sample string, op Operation) *recording {
	rec := &recording{
		call:     shadow.Call{Sample: sample, Operation: op.Name, Class: op.Class, Fate: shadow.CallForwarded},
		id:       b.newID(),
		request:  capture.NewBuffer(b.limits.MaxBody, b.budget),
		response: capture.NewBuffer(b.limits.MaxBody, b.budget),
	}
	call := rec.call
	b.send(sample, change{apply: func(p *page) error { return p.place(rec.id, call, b.limits.MaxCalls) }})
	return rec
}

// open begins the page of a sample. Only on a page that was opened a missing call is one that was not made.
func (b *sharedBook) open(sample string) {
	b.send(sample, change{once: true, apply: func(p *page) error {
		p.Opened = true
		return nil
	}})
}

// place adds a stable call that has only begun.
func (p *page) place(id string, call shadow.Call, bound int) error {
	switch {
	case p.Gone:
		return errLate
	case find(p.Primary, id) != nil: // an earlier try arrived after all
	case len(p.Primary) >= bound:
		p.Full = true
	default:
		call.Ordinal = next(p.Primary, call.Operation)
		p.Primary = append(p.Primary, entry{ID: id, Call: call})
	}
	return nil
}

// end makes a recording final.
func (b *sharedBook) end(rec *recording, x shadow.Exchange) {
	b.send(rec.call.Sample, change{
		done: func() { rec.request.Release(); rec.response.Release() },
		apply: func(p *page) error {
			switch e := find(p.Primary, rec.id); {
			case e != nil:
				e.Call.Exchange, e.Done = x, true
			case !p.Gone && !p.Full:
				return errForgot
			}
			return nil
		},
	})
}

// take only forgets the calls of a sample.
func (b *sharedBook) take(sample string) (primary, shadowed []shadow.Call) {
	b.send(sample, change{apply: func(p *page) error { *p = page{Gone: true}; return nil }})
	return nil, nil
}

// fetch gives the calls of a sample and forgets them.
func (b *sharedBook) fetch(ctx context.Context, sample string) (primary, shadowed []shadow.Call, err error) {
	ctx, cancel := context.WithTimeout(ctx, b.limits.ShareWait)
	defer cancel()
	found := false
	_, err = b.update(ctx, sample, func(p *page) error {
		switch {
		case p.Opened && !p.Full:
			found = true
			primary, shadowed = p.calls()
		case !found: // otherwise a try of ours arrived unheard
			return errForgot
		}
		*p = page{Gone: true}
		return nil
	})
	return primary, shadowed, err
}

// claim takes the place of a shadow call, and waits a little for the stable call it answers to.
func (b *sharedBook) claim(ctx context.Context, sample string, op Operation) claimed {
	ctx, cancel := context.WithTimeout(ctx, b.limits.ShareWait)
	defer cancel()
	c := claimed{id: b.newID(), sample: sample, op: op.Name}
	p, err := b.update(ctx, sample, func(p *page) error { return p.claim(c.id, op, b.limits.MaxCalls) })
	switch {
	case errors.Is(err, errLate):
		c.found = foundGone
		return c
	case errors.Is(err, errFull):
		b.lose(sample)
		c.found = foundGone
		return c
	case err != nil:
		b.lose(sample) // nobody else may know that the candidate's call was refused
		c.found = foundAway
		return c
	}
	c.ordinal = find(p.Shadowed, c.id).Call.Ordinal
	c.found = b.settle(ctx, p, c)
	return c
}

// claim adds a shadow call. Until it is noted it reads as one that the guard gave up.
func (p *page) claim(id string, op Operation, bound int) error {
	switch {
	case p.Gone:
		return errLate
	case find(p.Shadowed, id) != nil: // an earlier try arrived after all
	case len(p.Shadowed) >= bound:
		return errFull
	default:
		p.Shadowed = append(p.Shadowed, entry{ID: id, Call: shadow.Call{Operation: op.Name, Class: op.Class, Ordinal: next(p.Shadowed, op.Name), Fate: shadow.CallRefused}})
	}
	return nil
}

// settle looks for the stable call until it is there, or long enough.
func (b *sharedBook) settle(ctx context.Context, p page, c claimed) found {
	for end := time.Now().Add(b.limits.Settle); ; {
		switch {
		case p.Gone:
			return foundGone
		case p.Opened && p.counterpart(c.op, c.ordinal) != nil:
			return foundRecording
		case time.Now().After(end) && p.Opened && !p.Full:
			return foundNothing
		case time.Now().After(end):
			return foundGone
		}
		var err error
		if !pause(ctx, retryPause) {
			return foundAway
		}
		if p, _, err = b.load(ctx, c.sample); err != nil {
			return foundAway
		}
	}
}

// await looks for the end of the stable call.
func (b *sharedBook) await(ctx context.Context, c claimed, patience time.Duration) (shadow.Exchange, bool) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		p, _, err := b.load(ctx, c.sample)
		if e := p.counterpart(c.op, c.ordinal); err == nil && e != nil && e.Done {
			return e.Call.Exchange, true
		}
		if err == nil && p.Gone || !pause(ctx, retryPause) {
			return shadow.Exchange{}, false
		}
	}
}

// note makes a shadow call known to whoever judges the run.
func (b *sharedBook) note(ctx context.Context, c claimed, call shadow.Call) error {
	if c.ordinal == 0 {
		return nil // it has no place: the verdict is out, or the store away
	}
	call.Exchange.ResponseHeader, call.Exchange.Response = nil, shadow.Body{}
	ctx, cancel := context.WithTimeout(ctx, b.limits.ShareWait)
	defer cancel()
	_, err := b.update(ctx, c.sample, func(p *page) error {
		if e := find(p.Shadowed, c.id); e != nil {
			e.Call, e.Done = call, true
			return nil
		}
		return errLate
	})
	return err
}

// pause waits, or tells that ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
