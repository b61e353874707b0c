package wire

import (
	"crypto/rand"
	"fmt"
)

// ownLogin checks the client's proof and shows the server the port's own account. What the server says to that is for
// ownAnswer.
func (c *conn) ownLogin(h header, payload []byte, l login) error {
	seq, err := c.checkClient(h.seq, l)
	if err != nil {
		return err
	}
	c.own = &credentials{account: c.server.cfg.Login.Own, greeting: c.hello, encrypted: c.encrypted}
	response, err := c.own.response(payload, l.caps, l.schema)
	if err != nil {
		return err
	}
	if !c.admitLogin(l, seq) {
		return errClientGone
	}
	return writePacket(c.toUp, h.seq, response)
}

// checkClient tells whether the client knows the password it should, and gives the number of the last packet.
func (c *conn) checkClient(seq byte, l login) (byte, error) {
	accept, scramble := c.server.cfg.Login.Accept, c.hello.scramble
	if l.plugin != pluginNative && l.plugin != pluginSHA2 || len(l.proof) == 0 { // a client that wants another method than the greeting's shows nothing yet
		var err error
		if seq, scramble, err = c.switchMethod(seq, &l); err != nil {
			return seq, err
		}
	}
	if l.user != accept.User || !shows(l.proof, l.plugin, accept.Password, scramble) {
		_, _ = c.toDown.Write(errPacket(seq+1, Refusal{Code: 1045, State: "28000", Text: "touchstone: access denied: wrong user or password for this port"}, true))
		_ = c.toDown.flush()
		return seq, fmt.Errorf("%w: wrong user or password", errLogin)
	}
	if l.plugin == pluginSHA2 {
		seq++
		_ = writePacket(c.toDown, seq, []byte{markAuthMore, authFastOK}) // never fails
	}
	return seq, nil
}

// switchMethod asks a client for the method that every client knows.
func (c *conn) switchMethod(seq byte, l *login) (byte, []byte, error) {
	scramble := []byte(rand.Text()[:scrambleSize])
	ask := append(append([]byte{markEOF}, pluginNative...), 0)
	_ = writePacket(c.toDown, seq+1, append(append(ask, scramble...), 0)) // never fails
	_ = c.toDown.flush()
	h, err := c.client.peekHeader()
	if err != nil {
		return seq, nil, err
	}
	if h.seq != seq+2 || h.length > maxHandshake {
		return seq, nil, fmt.Errorf("%w: answer to a switch of method", errSequence)
	}
	l.plugin = pluginNative
	l.proof, err = c.client.take(h, nil, h.length)
	return h.seq, scramble, err
}

// ownAnswer takes one packet of the server's side of the login; the client sees only how it ended.
func (c *conn) ownAnswer(x *exchange, h header) error {
	if h.length > maxHandshake {
		return fmt.Errorf("%w: packet of %d bytes during the login", errHandshake, h.length)
	}
	b, err := c.up.take(h, nil, h.length)
	if err != nil {
		return err
	}
	step, err := c.own.packet(b)
	switch {
	case err != nil:
		_, _ = c.toDown.Write(errPacket(x.seq+1, Refusal{Code: 1045, State: "28000", Text: "touchstone: the database refused this port's own account"}, true))
		_ = c.toDown.flush()
		return err
	case step.send:
		if err := writePacket(c.toUp, h.seq+1, step.reply); err != nil {
			return err
		}
		return c.toUp.flush()
	case !step.done:
		return nil
	}
	if _, err := x.answer.packet(b, h.length); err != nil {
		return err
	}
	c.complete(x)
	_ = writePacket(c.toDown, x.seq+1, b) // never fails
	return c.pop(x)
}
