package bus

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// sender puts windows of messages on the wire.
type sender struct {
	conn *nats.Conn
	js   jetstream.JetStream

	found bool   // the stream was there once: the comparer makes it
	again []pack // those from the start of the window that were not taken

	giveUp func() bool // asked while an answer is waited for; nil = never
	recent *recent     // is told which messages travel together; nil = nobody is
}

const askEvery = 50 * time.Millisecond // for giveUp

var errGivenUp = errors.New("the bus has not answered so far")

var errTooLarge = errors.New("event is too large for the bus")

// send gives one result for each message: nil means the bus has it on disk. It stops at the first message that could
// not be handed over, so a later one never overtakes it; for the same reason the first message of all goes alone until a
// stream has taken it. Messages travel in packs, because the bus syncs each of its messages to disk; a pack that was not
// taken is sent again as it was, so that the bus knows it again.
func (s *sender) send(ctx context.Context, window []message) []error {
	if !s.conn.IsConnected() {
		return []error{errNotConnected}
	}
	if len(s.again) == 0 {
		if !s.found {
			window = window[:min(1, len(window))]
		}
		s.again = s.packs(window)
	}
	packs := s.again
	for i := range packs {
		p := &packs[i]
		if p.tooLarge {
			p.err = errTooLarge
			continue
		}
		p.future, p.err = s.js.PublishMsgAsync(&nats.Msg{Subject: subject, Data: p.data}, jetstream.WithMsgID(p.id), jetstream.WithRetryAttempts(0))
		if p.err != nil {
			packs = packs[:i+1]
			break
		}
	}
	var results []error
	settled, givenUp := 0, false
	for i := range packs {
		p := &packs[i]
		switch {
		case p.err != nil:
		case givenUp: // were it known to be taken, those before it would count as refused
			p.err = errGivenUp
		default:
			p.err = s.await(ctx, p.future)
		}
		givenUp = givenUp || errors.Is(p.err, errGivenUp)
		s.found = s.found || p.err == nil
		for range p.count {
			results = append(results, p.err)
		}
		if p.err == nil || p.tooLarge {
			settled = i + 1
		}
	}
	s.again = s.again[settled:]
	return results
}

// pack is some messages that travel as one, a line each.
type pack struct {
	id       string // makes the bus store a repeated pack once
	data     []byte
	count    int
	tooLarge bool

	err    error // of the latest attempt
	future jetstream.PubAckFuture
}

const (
	packBytes      = 128 << 10
	unknownPayload = 1 << 20 // the least that a bus is set up for
)

func (s *sender) packs(window []message) []pack {
	limit := int(s.conn.MaxPayload())
	if limit == 0 {
		limit = unknownPayload // the bus was never there
	}
	packs := packed(window, limit-headroom, packBytes)
	if s.recent != nil {
		at := 0
		for _, p := range packs {
			s.recent.mark(window[at].place, p.count)
			at += p.count
		}
	}
	return packs
}

// packed makes packs of at most so many bytes; a message can be as long as the limit.
func packed(window []message, limit, bytes int) []pack {
	var out []pack
	var together []message
	size := 0
	flush := func() {
		if len(together) > 0 {
			out = append(out, join(together, size))
		}
		together, size = nil, 0
	}
	for _, m := range window {
		small, ok := shrink(m, limit)
		if !ok {
			flush()
			out = append(out, pack{count: 1, tooLarge: true})
			continue
		}
		if size+len(small.data) > min(bytes, limit) {
			flush()
		}
		together, size = append(together, small), size+len(small.data)+1
	}
	flush()
	return out
}

// join names a pack by its first event, its length and the sum of what it says: an event that is told again by a later run
// begins another pack, of which the bus must not say that it has it.
func join(messages []message, size int) pack {
	p := pack{id: messages[0].id, data: messages[0].data, count: len(messages)}
	if p.count == 1 {
		return p
	}
	p.data = make([]byte, 0, size)
	for _, m := range messages {
		p.data = append(append(p.data, m.data...), '\n')
	}
	p.id += fmt.Sprintf("+%d-%08x", p.count-1, crc32.Checksum(p.data, crc32.MakeTable(crc32.Castagnoli)))
	return p
}

// repeat sends one pack that an earlier attempt may have brought there.
func (s *sender) repeat(ctx context.Context, p pack) error {
	if !s.conn.IsConnected() {
		return errNotConnected
	}
	future, err := s.js.PublishMsgAsync(&nats.Msg{Subject: subject, Data: p.data}, jetstream.WithMsgID(p.id), jetstream.WithRetryAttempts(0))
	if err != nil {
		return err
	}
	err = s.await(ctx, future)
	s.found = s.found || err == nil
	return err
}

// await waits for the bus's answer, while the connection is there.
func (s *sender) await(ctx context.Context, f jetstream.PubAckFuture) error {
	ask := time.NewTicker(askEvery)
	defer ask.Stop()
	for {
		select {
		case <-f.Ok():
			return nil
		case err := <-f.Err():
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-ask.C:
			if s.giveUp != nil && (s.giveUp() || !s.conn.IsConnected()) {
				return errGivenUp
			}
		}
	}
}
