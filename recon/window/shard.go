package window

import (
	"sync"

	"github.com/seed-3356bd69/touchstone/recon/digest"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// shard is a range of buckets of one window, or of one day, on both sides. It has no tables before its first event.
type shard struct {
	mu     sync.Mutex
	tables [sides]*digest.Table
	folded bool // into its day: later events go there too
	late   bool // something came after it was folded
}

// change takes the old entry away and adds the new one. Its caller holds the lock.
func (s *shard) change(p *pool, span digest.Span, side Side, old, now *entry.Entry) error {
	if s.tables[side] == nil {
		s.tables[side] = p.take(span)
	}
	t := s.tables[side]
	if old != nil {
		if err := t.Sub(old); err != nil {
			return err
		}
	}
	if now == nil {
		return nil
	}
	err := t.Add(now)
	if err != nil && old != nil {
		_ = t.Add(old) // it was there before, so it fits
	}
	return err
}

// pool makes tables and uses them again.
type pool struct {
	hasher   *entry.Hasher
	compared entry.Compared

	mu    sync.Mutex
	free  map[digest.Span][]*digest.Table
	made  int // tables that exist
	empty map[digest.Span]*digest.Table
}

func newPool(c Config) *pool {
	return &pool{hasher: c.Hasher, compared: c.Compared, free: map[digest.Span][]*digest.Table{}, empty: map[digest.Span]*digest.Table{}}
}

func (p *pool) take(span digest.Span) *digest.Table {
	p.mu.Lock()
	defer p.mu.Unlock()
	if free := p.free[span]; len(free) > 0 {
		t := free[len(free)-1]
		p.free[span] = free[:len(free)-1]
		return t
	}
	p.made++
	return digest.NewSpan(p.hasher, p.compared, span)
}

func (p *pool) give(t *digest.Table) {
	if t == nil {
		return
	}
	t.Reset()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free[t.Span()] = append(p.free[t.Span()], t)
}

// nothing is a table that stays empty.
func (p *pool) nothing(span digest.Span) *digest.Table {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.empty[span] == nil {
		p.empty[span] = digest.NewSpan(p.hasher, p.compared, span)
	}
	return p.empty[span]
}

func (p *pool) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.made
}
