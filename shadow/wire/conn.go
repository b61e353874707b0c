package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	maxPipeline = 1024            // commands of one connection without an answer
	lastAnswers = 5 * time.Second // how long answers are awaited after the client left
)

var (
	errSequence   = errors.New("packet out of sequence")
	errCommand    = errors.New("malformed command")
	errEmpty      = errors.New("empty command packet")
	errUnasked    = errors.New("server sent a packet nobody asked for")
	errClientGone = errors.New("client closed the connection")
)

// exchange is a command on its way, with the answer as far as it came.
type exchange struct {
	cmd     *Command
	answer  *answer
	seq     byte     // of its last packet
	opaque  bool     // from here on the connection is copied without being read
	told    bool     // the session has its result
	refusal *Refusal // answered by the relay
	settled bool     // a refused command was read whole and can be answered
	setting string   // the text of a command that sets something in the session
}

// conn is one client's connection with its server's. Two goroutines run it: one for each direction.
type conn struct {
	server *Server
	id     uint64
	client *source // reads from the client
	up     *source // reads from the server
	toUp   *sink
	toDown *sink
	socket net.Conn // the client's

	sockets    sync.Mutex // guards the two below; taken last, never held while anything waits
	upstream   net.Conn
	aside      net.Conn // to the second server
	hungUp     bool
	buf        []byte // the client side's, for captured commands
	lastSecond bool   // the statement prepared last stands on the second server
	encrypted  bool   // both legs
	thread     uint32
	caps       uint32 // written by the server side before the login, then by the login, then fixed
	session    Session
	hello      greeting     // of the server, where the port answers logins itself
	own        *credentials // set before the login is on its way to the server
	opening    []byte       // of the client's handshake response
	second     *second      // the client side's; nil = there is no connection

	mu       sync.Mutex // guards what is below, and serialises the session's calls
	changed  *sync.Cond
	pending  []*exchange
	authing  bool // packets of the client belong to an authentication exchange
	infile   bool // packets of the client are a file's content
	inPacket bool // and the next one continues a packet of the greatest length
	loggedIn bool
	status   uint16 // of the first server's last answer
	settings settings
	gone     bool // the client has left; only the answers still due are awaited
	closed   bool
}

func newConn(s *Server, client net.Conn, id uint64) *conn {
	c := &conn{server: s, id: id}
	c.changed = sync.NewCond(&c.mu)
	c.socket, c.toDown = client, newSink(client, true)
	return c
}

// run relays until one side closes. Only a violation of the protocol is an error.
func (c *conn) run(ctx context.Context, upstream net.Conn) error {
	c.toUp = newSink(upstream, false)
	c.client, c.up = newSource(c.socket, c.toUp), newSource(upstream, c.toDown)
	if !c.attach(upstream) {
		return nil
	}
	c.session = c.server.cfg.Sessions.Open(c.id)
	deadline := time.Now().Add(c.server.cfg.LoginTimeout)
	_, _ = c.socket.SetReadDeadline(deadline), upstream.SetReadDeadline(deadline)
	err := c.greet()
	if err == nil {
		err = c.secure(ctx)
	}
	if err != nil {
		c.close()
		return violation(err)
	}
	var fromClient error
	done := make(chan struct{})
	go func() {
		defer close(done)
		fromClient = c.fromClient()
		c.leave()
	}()
	fromServer := c.fromServer()
	_ = c.socket.SetWriteDeadline(time.Now().Add(lastAnswers))
	_ = c.toDown.flush()
	c.close()
	<-done
	c.finish()
	return violation(errors.Join(fromClient, fromServer))
}

// violation keeps the errors that are neither side's plain end.
func violation(err error) error {
	for _, known := range []error{errTruncated, errSequence, errEmpty, errUnasked, errHandshake, errAnswer, errTLS, errLogin, errSecond} {
		if errors.Is(err, known) {
			return err
		}
	}
	return nil
}

// attach takes the connection to the server, unless the connection was closed meanwhile.
func (c *conn) attach(upstream net.Conn) bool {
	c.sockets.Lock()
	defer c.sockets.Unlock()
	if c.hungUp {
		_ = upstream.Close()
		return false
	}
	c.upstream = upstream
	return true
}

// hangUp closes both sockets; whoever waits on them wakes up.
func (c *conn) hangUp() {
	c.sockets.Lock()
	defer c.sockets.Unlock()
	c.hungUp = true
	_ = c.socket.Close()
	if c.upstream != nil {
		_ = c.upstream.Close()
	}
	if c.aside != nil {
		_ = c.aside.Close()
	}
}

// close ends both directions. The sockets go first: who holds the lock may be waiting for one of them.
func (c *conn) close() {
	c.hangUp()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.changed.Broadcast()
}

// leave ends the client's direction. Answers still due are read, so that a COMMIT's end is known.
func (c *conn) leave() {
	c.mu.Lock()
	waiting := len(c.pending) > 0 && c.loggedIn && !c.closed
	c.gone = true
	c.mu.Unlock()
	if half, ok := c.up.conn.(interface{ CloseWrite() error }); ok && waiting {
		_ = c.toUp.flush()
		_ = half.CloseWrite()
		_ = c.up.conn.SetReadDeadline(time.Now().Add(lastAnswers))
		return
	}
	_ = c.toUp.flush()
	c.close()
}

// closeIfQuiet closes the connection if that cuts nothing off.
func (c *conn) closeIfQuiet() {
	if !c.mu.TryLock() {
		return // busy, so not quiet
	}
	defer c.mu.Unlock()
	if len(c.pending) == 0 && c.status&StatusInTrans == 0 {
		c.closed = true
		c.changed.Broadcast()
		c.hangUp()
	}
}

func (c *conn) finish() {
	var left []*Command
	for _, x := range c.pending {
		if x.refusal == nil && !x.told {
			left = append(left, x.cmd)
		}
	}
	c.guard(func() { c.session.OnClose(left) })
}

// guard contains panics of the session.
func (c *conn) guard(call func()) (panicked bool) {
	defer func() {
		if recover() == nil {
			return
		}
		panicked = true
		c.server.metrics.panics.Inc()
		defer func() { _ = recover() }() // a session whose OnPanic panics too has told all it can
		c.session.OnPanic()
	}()
	call()
	return false
}

// greet forwards the server's greeting without what cannot be followed.
func (c *conn) greet() error {
	h, err := c.up.peekHeader()
	if err != nil {
		return err
	}
	if h.length > maxGreeting {
		return fmt.Errorf("%w: greeting of %d bytes", errHandshake, h.length)
	}
	payload, err := c.up.take(h, nil, h.length)
	if err != nil {
		return err
	}
	if len(payload) == 0 || payload[0] != markErr {
		if c.caps, err = maskGreeting(payload, c.server.cfg.TLS != nil); err != nil {
			return err
		}
		c.thread = threadID(payload)
		if c.server.cfg.Login != nil {
			if c.hello, err = readGreeting(payload); err != nil {
				return err
			}
		}
		if r := c.checkTLS(); r != nil {
			_, _ = c.toDown.Write(errPacket(h.seq, *r, false))
			_ = c.toDown.flush()
			return fmt.Errorf("%w: the database offers none", errTLS)
		}
	}
	head := h.bytes()
	if _, err := c.toDown.Write(append(head[:], payload...)); err != nil {
		return err
	}
	if err := c.toDown.flush(); err != nil || payload[0] == markErr {
		return io.EOF
	}
	return nil
}
