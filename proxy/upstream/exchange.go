package upstream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/seed-3356bd69/touchstone/proxy/framing"
)

// Errors of an exchange.
var (
	ErrAnswer = errors.New("the answer is not HTTP/1.1")
	errBroken = errors.New("the connection ended before the answer")
)

const maxAnswerHead = 64 << 10

// Exchange sends one whole request and reads the answer until the given time, or until ctx ends: its head is in answer
// until the next call, and each piece of its body is handed out, good until piece returns. Either may say that the rest is
// not wanted: the connection is then closed. Nothing is sent twice, unless the service closed a connection that was used
// before and has not seen a byte of the request.
//
// Connections remember the ctx that may cut them: many exchanges under one cost less than each under its own.
func (p *Pool) Exchange(ctx context.Context, until time.Time, message []byte, answer *framing.Head, seen func(*framing.Head) bool, piece func([]byte) bool) error {
	c, err := p.send(ctx, until, message)
	if err != nil {
		return err
	}
	x := exchange{Conn: c, ctx: ctx, until: until}
	whole, err := x.answer(message[:methodEnd(message)], answer, seen, piece)
	if err == nil && whole && ctx.Err() == nil {
		p.Put(c)
		return nil
	}
	c.Close()
	return err
}

// send gets a connection and writes a request.
func (p *Pool) send(ctx context.Context, until time.Time, message []byte) (*Conn, error) {
	c := p.Kept()
	for fresh := false; ; fresh = true {
		if c == nil {
			var err error
			if c, err = p.connect(ctx, until, fresh); err != nil {
				return nil, err
			}
		}
		n, err := c.transmit(ctx, time.Now(), until, message)
		switch {
		case err == nil, n > 0, !c.Reused && ctx.Err() == nil:
			return c, nil // it may have answered before it closed
		case !c.Reused:
			c.Close()
			return nil, err
		}
		c.Close()
		c = nil
	}
}

// connect gets a connection within the bound of an exchange.
func (p *Pool) connect(ctx context.Context, until time.Time, fresh bool) (*Conn, error) {
	dial, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if fresh {
		return p.Fresh(dial)
	}
	return p.Get(dial)
}

func (c *Conn) transmit(ctx context.Context, now, until time.Time, message []byte) (int, error) {
	c.cutBy(ctx)
	if err := c.ReadBy(now, until, until.Sub(now)); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil { // its end came before the deadline was set
		return 0, err
	}
	return c.Ask(message, until)
}

// exchange is a connection on which an answer is waited for.
type exchange struct {
	*Conn
	ctx   context.Context
	until time.Time
}

func methodEnd(message []byte) int {
	for i, b := range message {
		if b == ' ' {
			return i
		}
	}
	return 0
}

// answer reads one answer; whole = the connection is good for another exchange.
func (c *exchange) answer(method []byte, h *framing.Head, seen func(*framing.Head) bool, piece func([]byte) bool) (whole bool, err error) {
	for {
		n, err := c.answerHead(h)
		if err != nil {
			return false, err
		}
		c.Buf = c.Buf[n:]
		if h.Status >= 200 {
			break
		}
		if h.Status == 101 {
			return false, ErrAnswer
		}
	}
	wanted := seen(h)
	each := func(p []byte) { wanted = wanted && piece(p) }
	kind := h.AnswerBody(method)
	keep := kind != framing.BodyClose && !h.Close
	for b := h.Payload(kind); ; {
		n, err := b.Follow(c.Buf, each)
		if err != nil {
			return false, fmt.Errorf("%w: %w", ErrAnswer, err)
		}
		if c.Buf = c.Buf[n:]; b.Done() {
			return keep && len(c.Buf) == 0, nil
		}
		if !wanted {
			return false, nil
		}
		if err := c.more(); err != nil {
			if kind == framing.BodyClose && c.Ended {
				return false, nil
			}
			return false, err
		}
	}
}

func (c *exchange) answerHead(h *framing.Head) (int, error) {
	for {
		if len(c.Buf) > 0 {
			n, err := h.ParseAnswer(c.Buf)
			if err != nil {
				return 0, fmt.Errorf("%w: %w", ErrAnswer, err)
			}
			if n > 0 {
				return n, nil
			}
		}
		if len(c.Buf) > maxAnswerHead {
			return 0, fmt.Errorf("%w: %w", ErrAnswer, framing.ErrTooLong)
		}
		if err := c.more(); err != nil {
			return 0, err
		}
	}
}

// more reads more of the answer. A deadline that comes early is set anew.
func (c *exchange) more() error {
	for {
		n, err := c.Fill()
		if n > 0 {
			return nil
		}
		now := time.Now()
		if !errors.Is(err, os.ErrDeadlineExceeded) || !now.Before(c.until) || c.ctx.Err() != nil {
			return fmt.Errorf("%w: %w", errBroken, err)
		}
		if err := c.ReadBy(now, c.until, c.until.Sub(now)); err != nil {
			return fmt.Errorf("%w: %w", errBroken, err)
		}
		if c.ctx.Err() != nil { // its end came before the deadline was set
			return fmt.Errorf("%w: %w", errBroken, c.ctx.Err())
		}
	}
}
