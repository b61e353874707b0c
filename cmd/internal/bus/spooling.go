package bus

import (
	"context"
	"errors"
)

// empty delivers the oldest pack of the spool; false = the end has come and the bus is away.
func (p *Publisher) empty(ctx, drain context.Context, s *sender) bool {
	first, gone, ok := p.cfg.Spool.first()
	if gone > 0 {
		p.overflow(gone)
	}
	if !ok {
		return true
	}
	err := s.repeat(drain, first)
	if err == nil {
		p.metrics.published.Add(float64(first.count))
		p.cfg.Spool.drop()
		return true
	}
	p.metrics.retries.Inc()
	p.spool(s)
	if ctx.Err() != nil && !s.conn.IsConnected() {
		return false
	}
	pause(drain, retryPause)
	return true
}

// spool moves what is in memory to disk: first what may have been on its way, as it was, so that the bus knows it again.
func (p *Publisher) spool(s *sender) {
	if p.cfg.Spool == nil {
		return
	}
	for p.queue.length() > 0 {
		packs := s.again
		if s.again = nil; len(packs) == 0 {
			packs = s.packs(p.queue.window(windowCount, windowBytes))
		}
		for _, k := range packs {
			p.store(k)
			p.queue.drop(k.count)
		}
	}
}

func (p *Publisher) store(k pack) {
	if k.tooLarge {
		p.lose(lostTooLarge, k.count)
		return
	}
	err := p.cfg.Spool.put(k.id, k.data)
	if err == nil {
		return
	}
	if !errors.Is(err, errSpoolFull) {
		p.cfg.Logger.Error("events cannot be spooled", keyError, err)
	}
	p.overflow(k.count)
}

// overflow counts what the spool lost, and leaves a note of it there.
func (p *Publisher) overflow(n int) {
	p.lose(lostSpool, n)
	if err := p.cfg.Spool.note(p.cfg.Instance); err != nil {
		p.cfg.Logger.Error("the loss of events cannot be noted in the spool", keyError, err)
	}
}

// damage tells what of an earlier run is gone: it found no room in the spool, or cannot be read, and nobody knows how much.
func (p *Publisher) damage() {
	n := p.cfg.Spool.lost
	if p.cfg.Spool.damaged {
		n++
	}
	if n > 0 {
		p.overflow(n)
	}
}
