package batch

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/scan"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Progress is how far the work on a statement is.
type Progress struct {
	Stage   string `json:"stage"`   // for people: "fetch", "scan bill.csv", "join", "rules", "cases"
	Percent int    `json:"percent"` // of the stage; -1 = nobody knows
}

// String prints "join 80 %".
func (p Progress) String() string {
	if p.Percent < 0 {
		return p.Stage
	}
	return fmt.Sprintf("%s %d %%", p.Stage, p.Percent)
}

// meter knows how far one claim is. It may be asked at any time.
type meter struct {
	mu    sync.Mutex
	stage string
	done  func() int64 // nil: nobody knows
	all   int64
}

// enter begins a stage. done is asked from another goroutine, for as long as the claim lasts.
func (m *meter) enter(stage string, all int64, done func() int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stage, m.all, m.done = stage, all, done
}

func (m *meter) now() Progress {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done == nil || m.all <= 0 {
		return Progress{m.stage, -1}
	}
	return Progress{m.stage, int(min(100, m.done()*100/m.all))}
}

// follow takes over what the engine tells about its sides.
func (m *meter) follow(sides ...*scan.Side) func(match.Progress) {
	return func(p match.Progress) {
		if p.Side == "" {
			m.enter("join", p.All, func() int64 { return p.Done })
			return
		}
		if p.All > 0 {
			m.enter(fmt.Sprintf("scan %s, %d of %d parts", p.Side, p.Done, p.All), p.All, func() int64 { return p.Done })
			return
		}
		for _, s := range sides {
			if s.Name() == p.Side {
				before := s.Read() // of earlier scans
				m.enter("scan "+p.Side, s.Size(), func() int64 { return s.Read() - before })
			}
		}
	}
}

const (
	showEvery  = 100 * time.Millisecond
	storeEvery = 10 // of those
)

// watched does something and tells meanwhile how far it is: to who watches this runner, and to everybody in the store.
func (c *claim) watched(ctx context.Context, do func(context.Context) error) error {
	watching, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go c.r.tell(watching, c.s.ID, c.s.Fence, &c.meter, ended)
	defer func() { stop(); <-ended }()
	return do(ctx)
}

// tell ends with its context.
func (r *Runner) tell(ctx context.Context, id ID, fence int64, m *meter, ended chan<- struct{}) {
	defer close(ended)
	tick := time.NewTicker(showEvery)
	defer tick.Stop()
	var stored Progress
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		p := m.now()
		if r.Progress != nil && p.Stage != "" {
			r.Progress(id, p)
		}
		if n%storeEvery != 0 || p == stored {
			continue
		}
		if r.storeProgress(ctx, id, fence, p) == nil { // a figure for people: the work itself meets what is wrong with the store
			stored = p
		}
	}
}

// storeProgress writes how far a batch is, unless another worker has it or it is over.
func (r *Runner) storeProgress(ctx context.Context, id ID, fence int64, p Progress) error {
	return r.DB.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE statements SET stage = ?, percent = ? WHERE id = ? AND fence = ? AND phase = ?", clip(p.Stage), p.Percent, id.String(), fence, Running); err != nil {
			return fmt.Errorf("store progress of %s: %w", id, err)
		}
		return nil
	})
}
