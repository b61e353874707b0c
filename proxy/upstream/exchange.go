package upstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/proxy/framing"
)

// Errors of an exchange.
var (
	ErrAnswer = errors.New("the answer is not HTTP/1.1")
	errBroken = errors.New("the connection ended before the answer")
)

const maxAnswerHead = 64 << 10

// Exchange sends one whole request and reads the answer within the bound of ctx: its head is in answer until the next
// call, and each piece of its body is handed out, good until piece returns. Either may say that the rest is not wanted: the
// connection is then closed. Nothing is sent twice, unless the service closed
// a connection that was used before and has not seen a byte of the request.
func (p *Pool) Exchange(ctx context.Context, message []byte, answer *framing.Head, seen func(*framing.Head) bool, piece func([]byte) bool) error {
	c, err := p.Get(ctx)
	if err != nil {
		return err
	}
	for {
		bound, ok := ctx.Deadline()
		if !ok {
			bound = time.Time{}
		}
		if err = c.SetDeadline(bound); err != nil {
			break
		}
		n, wrote := c.Write(message)
		if wrote == nil || n > 0 || !c.Reused {
			err = nil // it may have answered before it closed
			break
		}
		c.Close()
		if c, err = p.Fresh(ctx); err != nil {
			return err
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) }) // a closed connection shows it by itself
	defer stop()
	whole := false
	if err == nil {
		whole, err = c.answer(string(message[:methodEnd(message)]), answer, seen, piece)
	}
	if err == nil && whole && stop() {
		p.Put(c)
		return nil
	}
	c.Close()
	return err
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
func (c *Conn) answer(method string, h *framing.Head, seen func(*framing.Head) bool, piece func([]byte) bool) (whole bool, err error) {
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
	kind := h.AnswerBody([]byte(method))
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

func (c *Conn) answerHead(h *framing.Head) (int, error) {
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

func (c *Conn) more() error {
	n, err := c.Fill()
	if n > 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", errBroken, err)
}
