package wire

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

// Second is another server, which answers what a session routes to it. Its statement ids carry a mark of the port's own,
// and its status flags do not show: the client's transactions are the first server's.
type Second struct {
	Addr     string      // host:port
	TLS      *tls.Config // nil = plain text
	Account  Account
	Schema   string
	Settings []string // statements that follow the client's own settings, so that they hold whatever those are
}

const (
	secondMark  uint32 = 1 << 30 // in the ids of its prepared statements
	maxSettings        = 256     // of a client that the second server is told again
	maxOK              = 1 << 16
)

var (
	errSecond   = errors.New("the database of routed reads")
	errSettings = errors.New("the session has more settings than are repeated")
)

// second is one client's connection with the second server. The client's goroutine owns it.
type second struct {
	conn  net.Conn
	src   *source
	out   *sink
	round int // of the session's settings: a reset begins a new one
	told  int // how many of them it knows
}

// settings are what a client set on its connection, in order.
type settings struct {
	texts []string
	round int
	lost  bool // there were too many
}

// add takes a statement the first server agreed to.
func (s *settings) add(text string) {
	switch {
	case len(s.texts) > 0 && s.texts[len(s.texts)-1] == text:
	case len(s.texts) == maxSettings:
		s.lost = true
	default:
		s.texts = append(s.texts, text)
	}
}

// markSecond tells the session which commands belong to a statement of the second server.
func (c *conn) markSecond(cmd *Command) {
	if c.server.cfg.Second == nil {
		return
	}
	switch cmd.Code {
	case ComStmtExecute, ComStmtBulkExecute, ComStmtSendLong, ComStmtClose, ComStmtReset, ComStmtFetch:
		id, err := StatementID(cmd.Data)
		cmd.Second = err == nil && (id == LastPrepared && c.lastSecond || id != LastPrepared && id&secondMark != 0)
	}
}

// bySecond relays one command to the second server, and its whole answer back, in its turn among the first server's.
func (c *conn) bySecond(x *exchange, payload []byte, h header) error {
	if silent(x.cmd.Code) && c.second == nil {
		return c.skipSilent(h.length-len(payload), h)
	}
	if !c.awaitTurn(x) {
		return net.ErrClosed
	}
	if err := c.reach(); err != nil {
		c.server.cfg.Log.Warn("routed read failed", logPort, c.server.cfg.Port, logConn, c.id, logError, err)
		c.mu.Lock()
		x.refusal = &Refusal{Code: 1105, State: "HY000", Text: "touchstone: " + err.Error()}
		c.mu.Unlock()
		return c.skip(x, h.length-len(payload), h)
	}
	c.server.metrics.routed.Inc()
	if len(payload) >= 5 && x.cmd.Code != ComQuery && x.cmd.Code != ComStmtPrepare {
		if id := binary.LittleEndian.Uint32(payload[1:]); id != LastPrepared {
			binary.LittleEndian.PutUint32(payload[1:], id&^secondMark)
		}
	}
	if err := c.askSecond(payload, h); err != nil {
		return fmt.Errorf("%w: %w", errSecond, err)
	}
	if silent(x.cmd.Code) {
		return nil
	}
	if err := c.relaySecond(x); err != nil {
		return fmt.Errorf("%w: %w", errSecond, err)
	}
	return nil
}

func (c *conn) skipSilent(left int, h header) error {
	if err := c.client.move(io.Discard, left); err != nil {
		return err
	}
	_, err := c.client.moveRest(io.Discard, h)
	return err
}

// awaitTurn waits until every earlier command was answered; false = the connection was closed meanwhile.
func (c *conn) awaitTurn(x *exchange) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.closed && len(c.pending) > 0 && c.pending[0] != x {
		c.changed.Wait()
	}
	return !c.closed
}

// askSecond sends a command, of which payload was read already.
func (c *conn) askSecond(payload []byte, h header) error {
	head := h.bytes()
	if _, err := c.second.out.Write(append(head[:], payload...)); err != nil {
		return err
	}
	if err := c.client.move(c.second.out, h.length-len(payload)); err != nil {
		return err
	}
	if _, err := c.client.moveRest(c.second.out, h); err != nil {
		return err
	}
	return c.second.out.flush()
}

// relaySecond relays an answer as follow does for the first server.
func (c *conn) relaySecond(x *exchange) error {
	for {
		h, err := c.second.src.peekHeader()
		if err != nil {
			return err
		}
		first, err := c.second.src.peek(h, answerPrefix)
		if err != nil {
			return err
		}
		if h.length > answerPrefix {
			if first, err = c.second.src.peek(h, x.answer.prefix(first[0])); err != nil {
				return err
			}
		}
		parts, prepared := len(x.answer.result.Parts), x.answer.result.Prepared
		done, err := x.answer.packet(first, h.length)
		if err != nil {
			return err
		}
		if x.answer.infile {
			return fmt.Errorf("%w: asks for a file", errAnswer)
		}
		if done {
			c.complete(x)
		}
		ended := len(x.answer.result.Parts) > parts && x.answer.result.Parts[parts].Err == nil
		if err := c.downSecond(h, ended, x.answer.result.Prepared != prepared); err != nil {
			return err
		}
		if done {
			return c.pop(x)
		}
	}
}

// downSecond forwards one packet of the second server: the end of a result with the first server's flags, the answer to a
// prepare with a marked id, anything else as it is.
func (c *conn) downSecond(h header, ended, prepared bool) error {
	src := c.second.src
	if !ended && !prepared {
		if err := src.move(c.toDown, headerSize+h.length); err != nil {
			return err
		}
		_, err := src.moveRest(c.toDown, h)
		return err
	}
	if h.length > maxOK {
		return fmt.Errorf("%w: OK of %d bytes", errAnswer, h.length)
	}
	b, err := src.take(h, nil, h.length)
	if err != nil {
		return err
	}
	if prepared {
		binary.LittleEndian.PutUint32(b[1:], binary.LittleEndian.Uint32(b[1:])|secondMark)
	} else {
		c.mu.Lock()
		maskStatus(b, c.status)
		c.mu.Unlock()
	}
	return writePacket(c.toDown, h.seq, b)
}

// maskStatus gives an OK or EOF packet the transaction flags of another server.
func maskStatus(b []byte, status uint16) {
	at := 3
	if b[0] == markOK || len(b) != 5 {
		_, n := lenenc(b[1:])
		_, m := lenenc(b[1+n:])
		at = 1 + n + m
	}
	const shown = StatusInTrans | StatusAutocommit
	flags := binary.LittleEndian.Uint16(b[at:])
	binary.LittleEndian.PutUint16(b[at:], flags&^shown|status&shown)
}

// reach makes sure that the second server is there and knows the session's settings.
func (c *conn) reach() error {
	c.mu.Lock()
	texts, round, lost := slices.Clone(c.settings.texts), c.settings.round, c.settings.lost
	c.mu.Unlock()
	if lost {
		return errSettings
	}
	if c.second != nil && c.second.round != round {
		c.dropSecond()
	}
	fresh := c.second == nil
	if fresh {
		if err := c.dialSecond(); err != nil {
			c.dropSecond()
			return fmt.Errorf("%w: %w", errSecond, err)
		}
		c.second.round = round
	}
	if !fresh && c.second.told == len(texts) {
		return nil
	}
	for _, text := range append(texts[c.second.told:], c.server.cfg.Second.Settings...) {
		if err := c.second.exec(text, c.caps); err != nil {
			c.dropSecond()
			return fmt.Errorf("%w: set up session: %w", errSecond, err)
		}
	}
	c.second.told = len(texts)
	return nil
}

// exec runs a statement whose answer nobody is to see.
func (s *second) exec(text string, caps uint32) error {
	if err := writePacket(s.out, 0, append([]byte{ComQuery}, queryText(text, caps)...)); err != nil {
		return err
	}
	if err := s.out.flush(); err != nil {
		return err
	}
	a := newAnswer(ComQuery, caps)
	for {
		h, err := s.src.peekHeader()
		if err != nil {
			return err
		}
		b, err := s.src.take(h, nil, h.length)
		if err != nil {
			return err
		}
		done, err := a.packet(b, h.length)
		if err != nil {
			return err
		}
		if done {
			if e := a.result.Parts[len(a.result.Parts)-1].Err; e != nil {
				return e
			}
			return nil
		}
	}
}

// queryText is a statement as ComQuery carries it: with no query attributes, where there could be some.
func queryText(text string, caps uint32) []byte {
	if caps&capQueryAttributes != 0 {
		return append([]byte{0, 1}, text...)
	}
	return []byte(text)
}

// dialSecond connects and logs in, with the capabilities that the client and the first server agreed on.
func (c *conn) dialSecond() error {
	cfg := c.server.cfg.Second
	raw, err := c.server.dialer.Dial("tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	if !c.attachSecond(raw) {
		return net.ErrClosed
	}
	_ = raw.SetDeadline(time.Now().Add(c.server.cfg.LoginTimeout))
	s := &second{conn: raw, out: newSink(raw, false)}
	s.src = newSource(raw, c.toDown)
	c.second = s
	h, err := s.src.peekHeader()
	if err != nil {
		return err
	}
	if h.length > maxGreeting {
		return fmt.Errorf("%w: greeting of %d bytes", errHandshake, h.length)
	}
	hello, err := s.src.take(h, nil, h.length)
	if err != nil {
		return err
	}
	if len(hello) > 0 && hello[0] == markErr {
		_, err := (&credentials{}).packet(hello)
		return err
	}
	if err := c.agree(hello); err != nil {
		return err
	}
	g, err := readGreeting(hello)
	if err != nil {
		return err
	}
	seq := h.seq + 1
	if cfg.TLS != nil {
		if err := s.encrypt(cfg.TLS, c.headOf(capSSL), seq); err != nil {
			return err
		}
		seq++
	}
	if err := s.login(&credentials{cfg.Account, g, cfg.TLS != nil}, c.headOf(0), seq, c.caps, cfg.Schema); err != nil {
		return err
	}
	return raw.SetDeadline(time.Time{})
}

// agree makes sure that the second server speaks to the client as the first does.
func (c *conn) agree(hello []byte) error {
	theirs, err := maskGreeting(hello, c.server.cfg.Second.TLS != nil)
	if err != nil {
		return err
	}
	const login = capSSL | capConnectAttrs | capConnectWithDB | capPluginAuth | capAuthLenenc | capSecureConnection
	if missing := c.caps &^ theirs &^ login; missing != 0 {
		return fmt.Errorf("%w: lacks capabilities %#x that the client uses with the first server", errHandshake, missing)
	}
	if c.server.cfg.Second.TLS != nil && theirs&capSSL == 0 {
		return errTLS
	}
	return nil
}

// headOf is the beginning of a handshake response: the client's own, with other capabilities.
func (c *conn) headOf(extra uint32) []byte {
	head := slices.Clone(c.opening)
	binary.LittleEndian.PutUint32(head, c.caps&^capSSL|extra)
	return head
}

func (s *second) encrypt(cfg *tls.Config, request []byte, seq byte) error {
	if err := writePacket(s.out, seq, request); err != nil {
		return err
	}
	if err := s.out.flush(); err != nil {
		return err
	}
	up := tls.Client(s.conn, cfg)
	if err := up.Handshake(); err != nil {
		return fmt.Errorf("%w: %w", errTLS, err)
	}
	s.out = newSink(up, false)
	s.src = newSource(up, s.src.out)
	return nil
}

func (s *second) login(own *credentials, head []byte, seq byte, caps uint32, schema string) error {
	if own.encrypted {
		caps |= capSSL
	}
	response, err := own.response(head, caps, schema)
	if err != nil {
		return err
	}
	for {
		if err := writePacket(s.out, seq, response); err != nil {
			return err
		}
		if err := s.out.flush(); err != nil {
			return err
		}
		for send := false; !send; {
			h, err := s.src.peekHeader()
			if err != nil {
				return err
			}
			if h.length > maxHandshake {
				return fmt.Errorf("%w: packet of %d bytes", errHandshake, h.length)
			}
			b, err := s.src.take(h, nil, h.length)
			if err != nil {
				return err
			}
			step, err := own.packet(b)
			if err != nil || step.done {
				return err
			}
			send, response, seq = step.send, step.reply, h.seq+1
		}
	}
}

// attachSecond takes a connection to the second server, unless the client's was closed meanwhile.
func (c *conn) attachSecond(raw net.Conn) bool {
	c.sockets.Lock()
	defer c.sockets.Unlock()
	if c.hungUp {
		_ = raw.Close()
		return false
	}
	c.aside = raw
	return true
}

// dropSecond closes the connection to the second server; the next routed command opens another.
func (c *conn) dropSecond() {
	c.sockets.Lock()
	defer c.sockets.Unlock()
	if c.aside != nil {
		_ = c.aside.Close()
	}
	c.second, c.aside = nil, nil
}
