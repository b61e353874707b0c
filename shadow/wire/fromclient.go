package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// fromClient relays the client's packets: its login, then commands, and between them what an exchange asks for.
func (c *conn) fromClient() error {
	if err := c.login(); err != nil {
		return err
	}
	for {
		h, err := c.client.peekHeader()
		if err != nil {
			return err
		}
		switch command, err := c.expectCommand(h); {
		case err != nil:
			return err
		case command:
			if err := c.command(h); err != nil {
				return err
			}
		default:
			if err := c.client.move(c.toUp, headerSize+h.length); err != nil {
				return err
			}
		}
	}
}

// expectCommand tells whether the next packet is a command, or belongs to a running authentication or file transfer.
func (c *conn) expectCommand(h header) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.infile {
		c.infile = h.length > 0 || c.inPacket
		c.inPacket = h.length == maxPacket
		return false, nil
	}
	for c.authing && h.seq == 0 && !c.closed {
		c.changed.Wait()
	}
	switch {
	case c.closed:
		return false, net.ErrClosed
	case c.authing && c.own != nil:
		return false, fmt.Errorf("%w: packet %d during the login", errSequence, h.seq)
	case c.authing:
		return false, nil
	case h.seq != 0:
		return false, fmt.Errorf("%w: command with number %d", errSequence, h.seq)
	case h.length == 0:
		return false, errEmpty
	}
	return true, nil
}

// login forwards the handshake response, unless it asks for what was not offered or is refused.
func (c *conn) login() error {
	h, err := c.client.peekHeader()
	if err != nil {
		return err
	}
	if h.length > maxHandshake {
		return fmt.Errorf("%w: login of %d bytes", errHandshake, h.length)
	}
	payload, err := c.client.take(h, nil, h.length)
	if err != nil {
		return err
	}
	offered := c.caps
	if !c.encrypted {
		offered &^= capSSL // without a request of its own it would make the server read what follows otherwise
	}
	l, err := parseLogin(payload, offered)
	if err != nil {
		_, _ = c.toDown.Write(errPacket(h.seq+1, Refusal{Code: 1043, State: "08S01", Text: "touchstone: " + err.Error()}, true))
		_ = c.toDown.flush()
		return err
	}
	c.caps, c.opening = l.caps, payload[:sslRequestSize]
	if c.server.cfg.Login != nil {
		return c.ownLogin(h, payload, l)
	}
	if !c.admitLogin(l, h.seq) {
		return errClientGone
	}
	return writePacket(c.toUp, h.seq, payload)
}

// admitLogin shows a login to the session; seq is the number of its last packet. A refused one is answered.
func (c *conn) admitLogin(l login, seq byte) bool {
	cmd := &Command{Code: ComLogin, Schema: l.schema, Collation: l.collation, User: l.user, Thread: c.thread, Multi: l.caps&capMultiStatements != 0}
	x := &exchange{cmd: cmd, answer: newAnswer(ComLogin, c.caps), seq: seq}
	if c.admit(x) == nil {
		return true
	}
	c.settle(x, seq)
	return false
}

// admit shows a command to the session and queues it. A refused one is answered in its turn.
func (c *conn) admit(x *exchange) *Refusal {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.pending) >= maxPipeline && !c.closed {
		c.changed.Wait()
	}
	if c.closed {
		return &Refusal{Code: 1053, State: "08S01", Text: "touchstone: the connection is closing"}
	}
	x.refusal = c.ask(x.cmd)
	if silent(x.cmd.Code) {
		return x.refusal
	}
	if x.refusal == nil && (x.cmd.Code == ComLogin || x.cmd.Code == ComChangeUser) {
		c.authing = true
	}
	if x.refusal == nil && x.cmd.Setting {
		x.setting = string(x.cmd.Data)
	}
	if x.refusal == nil && x.cmd.Collect > 0 {
		x.answer.copied = &Collected{room: x.cmd.Collect}
		x.answer.result.Collected = x.answer.copied
	}
	if x.cmd.Code == ComStmtPrepare {
		c.lastSecond = x.cmd.Second
	}
	c.pending = append(c.pending, x)
	return x.refusal
}

// settle answers a refused command, now that it was read to its packet with the number seq, or leaves that for its turn.
func (c *conn) settle(x *exchange, seq byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	x.seq, x.settled = seq, true
	if len(c.pending) > 0 && c.pending[0] == x {
		c.answerRefused()
	}
}

// ask gives the session's refusal. Where the port fails closed, a panic or an unknown command is one too.
func (c *conn) ask(cmd *Command) *Refusal {
	var r *Refusal
	panicked := c.guard(func() { r = c.session.OnCommand(cmd) })
	isKnown := cmd.Code == ComLogin || known(cmd.Code)
	if !isKnown {
		c.server.metrics.unknown.Inc()
	}
	if r == nil && cmd.Code == ComChangeUser && c.server.cfg.Login != nil {
		r = &Refusal{Code: 1235, State: "42000", Text: "touchstone: this port has one user; try: a new connection"}
	}
	if r == nil && c.server.cfg.FailClosed && (panicked || !isKnown) {
		r = &Refusal{Code: 1235, State: "42000", Text: "touchstone: this command cannot be classified and is refused"}
	}
	return r
}

// answerRefused answers the refused commands at the head of the queue. The caller holds the lock. When nothing is due any
// more, what was answered leaves the buffer under the same lock, since a drain closes quiet connections.
func (c *conn) answerRefused() {
	for len(c.pending) > 0 && c.pending[0].settled {
		x := c.pending[0]
		c.guard(func() { c.session.OnResult(x.cmd, &Result{Refused: true}) })
		c.pending = c.pending[1:]
		_, _ = c.toDown.Write(errPacket(x.seq+1, *x.refusal, true)) // never fails
	}
	if len(c.pending) == 0 {
		_ = c.toDown.flush()
	}
	c.changed.Broadcast()
}

// command relays one command, of which at most the capture limit is held.
func (c *conn) command(h header) error {
	payload, err := c.client.take(h, c.buf, c.server.cfg.Capture)
	if err != nil {
		return err
	}
	if cap(payload) <= bufferSize {
		c.buf = payload[:0]
	}
	cmd := &Command{Code: payload[0], Data: payload[1:], Truncated: len(payload) < h.length || h.length == maxPacket}
	if cmd.Code == ComLogin {
		cmd.Code = unusedCode
	}
	c.readCommand(cmd)
	c.markSecond(cmd)
	x := &exchange{cmd: cmd, answer: newAnswer(cmd.Code, c.caps), opaque: !known(cmd.Code)}
	refusal := c.admit(x)
	cmd.Data = nil
	left := h.length - len(payload)
	if refusal != nil {
		return c.skip(x, left, h)
	}
	if cmd.Second {
		return c.bySecond(x, payload, h)
	}
	head := h.bytes()
	if _, err := c.toUp.Write(head[:]); err != nil {
		return fmt.Errorf("forward command: %w", err)
	}
	if _, err := c.toUp.Write(payload); err != nil {
		return fmt.Errorf("forward command: %w", err)
	}
	if x.opaque {
		return c.copyBlind()
	}
	if !cmd.Truncated {
		return nil
	}
	return c.stream(cmd, left, h)
}

// unusedCode replaces the code that the relay uses for logins, should a client send it.
const unusedCode byte = 0xef

func (c *conn) readCommand(cmd *Command) {
	switch cmd.Code {
	case ComQuery:
		if c.caps&capQueryAttributes != 0 {
			c.readAttributes(cmd)
		}
	case ComStmtExecute:
		cmd.Attributed = c.caps&capQueryAttributes != 0
	case ComInitDB:
		cmd.Schema = string(cmd.Data)
	case ComChangeUser:
		l, _ := parseChangeUser(cmd.Data, c.caps) // the server refuses what is malformed
		cmd.Schema, cmd.Collation, cmd.User = l.schema, l.collation, l.user
	}
}

func (c *conn) readAttributes(cmd *Command) {
	attributes, text, err := splitAttributes(cmd.Data)
	if err != nil {
		cmd.Malformed = true
		return
	}
	cmd.Attributes, cmd.Data = attributes, text
}

// skip reads away what is left of a refused command, and then has it answered.
func (c *conn) skip(x *exchange, left int, h header) error {
	if err := c.client.move(io.Discard, left); err != nil {
		return err
	}
	seq, err := c.client.moveRest(io.Discard, h)
	if err != nil {
		return err
	}
	c.settle(x, seq)
	return nil
}

// stream forwards what was not captured and remembers its end.
func (c *conn) stream(cmd *Command, left int, h header) error {
	end := &tail{}
	w := io.MultiWriter(c.toUp, end)
	if err := c.client.move(w, left); err != nil {
		return err
	}
	if _, err := c.client.moveRest(w, h); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	cmd.Tail = end.last()
	return nil
}

// copyBlind forwards everything to come without reading it.
func (c *conn) copyBlind() error {
	for {
		if _, err := c.client.r.Peek(1); err != nil {
			return err
		}
		if err := c.client.move(c.toUp, c.client.r.Buffered()); err != nil {
			return err
		}
	}
}

// StatementID reads the statement id at the start of the data of a statement command.
func StatementID(data []byte) (uint32, error) {
	if len(data) < 4 {
		return 0, errors.New("read statement id: command is too short")
	}
	return binary.LittleEndian.Uint32(data), nil
}
