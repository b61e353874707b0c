package wire

import (
	"fmt"
	"time"
)

// fromServer relays the server's packets and follows the answer of the oldest command.
func (c *conn) fromServer() error {
	for {
		h, err := c.up.peekHeader()
		if err != nil {
			return err
		}
		x := c.head()
		switch {
		case x == nil:
			err = c.unasked(h)
		case x.opaque:
			return c.downBlind()
		case x.cmd.Code == ComLogin && c.own != nil:
			err = c.ownAnswer(x, h)
		case c.up.whole(h):
			err = c.followBuffered(x)
		default:
			err = c.follow(x, h)
		}
		if err != nil {
			return err
		}
	}
}

// unasked forwards why the server is about to close; it has nothing else to say.
func (c *conn) unasked(h header) error {
	first, err := c.up.peek(h, answerPrefix)
	if err != nil {
		return err
	}
	if len(first) == 0 || first[0] != markErr {
		return errUnasked
	}
	return c.down(h)
}

// look peeks at as much of a packet as the answer it belongs to needs.
func (c *conn) look(x *exchange, h header) ([]byte, error) {
	first, err := c.up.peek(h, answerPrefix)
	if err != nil || h.length <= answerPrefix {
		return first, err
	}
	return c.up.peek(h, x.answer.prefix(first[0]))
}

// head is the exchange whose answer the server is giving; nil if it has been asked for nothing.
func (c *conn) head() *exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) == 0 || c.pending[0].refusal != nil || c.pending[0].cmd.Second {
		return nil
	}
	return c.pending[0]
}

// follow takes one packet of an answer. The session hears of the whole answer before the client has its last packet.
func (c *conn) follow(x *exchange, h header) error {
	first, err := c.look(x, h)
	if err != nil {
		return err
	}
	done, err := c.step(x, first, h)
	if err != nil {
		return err
	}
	if err := c.down(h); err != nil || !done {
		return err
	}
	return c.pop(x)
}

// followBuffered takes the packets of an answer that are there whole, and forwards them with one write.
func (c *conn) followBuffered(x *exchange) error {
	b, _ := c.up.r.Peek(c.up.r.Buffered())
	size, done := 0, false
	for !done && len(b)-size >= headerSize {
		h := parseHeader(b[size:])
		end := size + headerSize + h.length
		if h.length == maxPacket || end > len(b) {
			break
		}
		var err error
		if done, err = c.step(x, b[size+headerSize:end], h); err != nil {
			return err
		}
		if size = end; x.answer.infile {
			break // what follows comes after the client's file
		}
	}
	if _, err := c.toDown.Write(b[:size]); err != nil {
		return fmt.Errorf("forward packet: %w", err)
	}
	_, _ = c.up.r.Discard(size)
	if !done {
		return nil
	}
	return c.pop(x)
}

// step shows one packet to the answer it belongs to.
func (c *conn) step(x *exchange, first []byte, h header) (done bool, err error) {
	if done, err = x.answer.packet(first, h.length); err != nil {
		return false, fmt.Errorf("follow answer to command %#x: %w", x.cmd.Code, err)
	}
	if done {
		c.complete(x)
	} else if x.answer.infile {
		c.mu.Lock()
		c.infile = true
		c.mu.Unlock()
	}
	return done, nil
}

func (c *conn) complete(x *exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(x.answer.result.Parts); n > 0 && x.answer.result.Parts[n-1].Err == nil {
		c.agreed(x, x.answer.result.Parts[n-1].Status)
	}
	x.told = true
	c.guard(func() { c.session.OnResult(x.cmd, &x.answer.result) })
}

// agreed takes note of what a command of the first server changed. The caller holds the lock.
func (c *conn) agreed(x *exchange, status uint16) {
	if x.cmd.Second {
		return
	}
	c.status = status
	if x.setting != "" {
		c.settings.add(x.setting)
	}
	if x.cmd.Code == ComResetConnection {
		c.settings = settings{round: c.settings.round + 1}
	}
}

// pop takes the answered command from the queue, once its last packet is on the way to the client.
func (c *conn) pop(x *exchange) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = c.pending[1:]
	if x.cmd.Code == ComLogin || x.cmd.Code == ComChangeUser {
		c.authing = false
		if failed(x.answer.result) {
			return errClientGone
		}
		c.loggedIn = true
		_, _ = c.socket.SetReadDeadline(time.Time{}), c.up.conn.SetReadDeadline(time.Time{})
	}
	c.answerRefused()
	c.guard(c.session.OnSent)
	c.changed.Broadcast()
	if c.gone && len(c.pending) == 0 {
		return errClientGone
	}
	return nil
}

func failed(r Result) bool { return len(r.Parts) > 0 && r.Parts[len(r.Parts)-1].Err != nil }

// down forwards one packet with those that continue it.
func (c *conn) down(h header) error {
	if err := c.up.move(c.toDown, headerSize+h.length); err != nil {
		return err
	}
	_, err := c.up.moveRest(c.toDown, h)
	return err
}

func (c *conn) downBlind() error {
	for {
		if _, err := c.up.r.Peek(1); err != nil {
			return err
		}
		if err := c.up.move(c.toDown, c.up.r.Buffered()); err != nil {
			return err
		}
	}
}
