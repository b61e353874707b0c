package front

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/seed-3356bd69/touchstone/proxy/framing"
	"github.com/seed-3356bd69/touchstone/proxy/socket"
)

// conn is one client's connection while its requests are plain.
type conn struct {
	port    *Front
	client  net.Conn
	request Request
	answer  framing.Head
	relay   relay // of the request that is under way

	in      []byte // read and not used up
	out     []byte // head under construction
	room    []byte // what "in" lies in
	waiting atomic.Bool
	worked  atomic.Bool    // it brought a request
	armed   clock          // the client's read deadline
	writing clock          // the client's write deadline, where it is encrypted
	fast    *socket.Socket // nil = the client's connection is encrypted
}

const (
	firstRoom = 4 << 10
	preface   = "PRI * HTTP/2.0\r\n"
)

func newConn(p *Front, client net.Conn) *conn {
	return &conn{port: p, client: client, request: Request{Head: &framing.Head{}, Remote: client.RemoteAddr().String(), TLS: p.cfg.TLS != nil}, room: make([]byte, firstRoom), fast: socket.Of(client)}
}

// clock renews a deadline now and then instead of each time: setting one costs as much as half a system call.
type clock struct{ set time.Time }

// due tells whether a deadline that holds for span has to be set again. It is then good for at least three quarters of it.
func (c *clock) due(now time.Time, span time.Duration) bool {
	if now.Sub(c.set) < span/4 {
		return false
	}
	c.set = now
	return true
}

// serve passes plain requests on until the connection ends; handed = net/http has it now.
func (c *conn) serve() (handed bool) {
	if c.port.cfg.ByLibrary {
		return c.handUnread()
	}
	for {
		n, err := c.head()
		switch {
		case err != nil:
			c.refuse(err)
			return false
		case n == 0:
			return false
		case n == isHTTP2, c.request.Unusual, c.request.Chunked, c.request.Length > int64(c.port.cfg.Bounds.Body):
			c.handOver(n != isHTTP2)
			return true
		}
		whole, err := c.body(n)
		if err != nil {
			c.refuse(err)
			return false
		}
		c.port.metrics.plain.Inc()
		if !c.exchange(c.in[:whole], n) {
			return false
		}
		c.worked.Store(true)
		c.in = c.in[whole:]
		if c.port.closing.Load() && len(c.in) == 0 {
			return false
		}
	}
}

// handUnread hands the connection over as soon as it is known whether it speaks HTTP/2.
func (c *conn) handUnread() (handed bool) {
	for len(c.in) == 0 || c.beginsPreface() && len(c.in) < len(preface) {
		if err := c.read(len(c.in) == 0); err != nil {
			return false
		}
	}
	c.handOver(!c.beginsPreface())
	return true
}

// beginsPreface tells whether what was read can be the start of HTTP/2.
func (c *conn) beginsPreface() bool {
	return bytes.HasPrefix([]byte(preface), c.in[:min(len(c.in), len(preface))])
}

// handOver gives the connection to net/http, without deadlines of ours.
func (c *conn) handOver(guarded bool) {
	// A connection that is gone shows it at the next read.
	_ = c.client.SetDeadline(time.Time{})
	c.port.library.take(c.client, c.in, guarded)
}

// isHTTP2 is a length that no head has.
const isHTTP2 = -1

var errClosing = errors.New("the port is closing")

var errTooSlow = &framing.Error{Reason: reasonTooSlow, Text: "the request did not come in time", Status: http.StatusRequestTimeout}

// head reads up to the end of a head and gives its length; 0 = the client has nothing more to ask.
func (c *conn) head() (int, error) {
	for first := true; ; first = false {
		if len(c.in) > 0 {
			n, err := c.parse()
			if n != 0 || err != nil {
				return n, err
			}
		}
		if len(c.in) > c.port.cfg.Bounds.Head {
			return 0, framing.ErrTooLong
		}
		if err := c.read(first && len(c.in) == 0); err != nil {
			if len(c.in) > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
				return 0, errTooSlow
			}
			return 0, nil
		}
	}
}

func (c *conn) parse() (int, error) {
	if c.in[0] == preface[0] && c.beginsPreface() {
		if len(c.in) >= len(preface) {
			return isHTTP2, nil
		}
		return 0, nil
	}
	n, err := c.request.ParseRequest(c.in)
	if err == nil && n > c.port.cfg.Bounds.Head {
		return 0, framing.ErrTooLong
	}
	return n, err
}

// read adds to "in". Before the first byte of a request the client may take its time.
func (c *conn) read(idle bool) error {
	c.makeRoom()
	now := time.Now()
	if idle {
		if c.armed.due(now, c.port.cfg.Bounds.Idle) {
			if err := c.client.SetReadDeadline(now.Add(c.port.cfg.Bounds.Idle)); err != nil {
				return err
			}
		}
		c.waiting.Store(true)
		defer c.waiting.Store(false)
		if c.port.closing.Load() {
			if c.used() {
				return errClosing
			}
			_ = c.client.SetReadDeadline(now.Add(unusedGrace)) // a connection that is gone shows it at once
		}
	} else if err := c.hurry(now); err != nil {
		return err
	}
	n, err := c.receive(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

func (c *conn) receive(room []byte) (int, error) {
	if c.fast != nil {
		return c.fast.Read(room)
	}
	return c.client.Read(room)
}

// hurry bounds the rest of a request that has begun.
func (c *conn) hurry(now time.Time) error {
	if c.armed.set.IsZero() {
		return nil
	}
	c.armed.set = time.Time{}
	return c.client.SetReadDeadline(now.Add(c.port.cfg.Bounds.HeadWait))
}

// makeRoom moves what was read to the start of the room, and doubles the room when it is full.
func (c *conn) makeRoom() {
	switch {
	case len(c.in) == 0:
		c.in = c.room[:0]
	case len(c.in) < cap(c.in):
	case len(c.in) <= len(c.room)/2:
		c.in = c.room[:copy(c.room, c.in)]
	default:
		c.room = make([]byte, 2*len(c.room))
		c.in = c.room[:copy(c.room, c.in)]
	}
}

// body reads the body of the request behind its head of n bytes, and gives the length of both.
func (c *conn) body(n int) (int, error) {
	whole := n
	if c.request.Length > 0 {
		whole += int(c.request.Length)
	}
	if len(c.in) >= whole {
		return whole, nil
	}
	for len(c.in) < whole {
		if err := c.read(false); err != nil {
			return 0, errTooSlow
		}
	}
	// The room may be another one now: the head is read again where it lies.
	_, err := c.request.ParseRequest(c.in)
	return whole, err
}

// used tells whether a connection brought a request already.
func (c *conn) used() bool { return c.worked.Load() }

// stopWaiting ends the wait for a next request.
func (c *conn) stopWaiting() {
	if c.waiting.Load() {
		_ = c.client.SetReadDeadline(time.Now()) // a connection that is gone shows it at once
	}
}

const lingering = 500 * time.Millisecond

// refuse answers a request that is not passed on, and closes. What the client still sends is read for a moment: a reset
// would take the answer from it.
func (c *conn) refuse(err error) {
	c.port.refused(err)
	why := &framing.Error{Status: http.StatusBadRequest, Text: "bad request"}
	errors.As(err, &why)
	c.out = append(c.out[:0], "HTTP/1.1 "...)
	c.out = strconv.AppendInt(c.out, int64(why.Status), 10)
	c.out = append(append(append(c.out, ' '), http.StatusText(why.Status)...), "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: "...)
	c.out = strconv.AppendInt(c.out, int64(len(why.Text)+1), 10)
	c.out = append(append(append(c.out, "\r\n\r\n"...), why.Text...), '\n')
	_ = c.client.SetDeadline(time.Now().Add(lingering)) // this and what follows is a courtesy to a client that may be gone
	if _, err := c.client.Write(c.out); err != nil {
		return
	}
	_ = framing.CloseWrite(c.client)
	_, _ = io.Copy(io.Discard, io.LimitReader(c.client, 1<<20))
}

func (c *conn) write(p []byte) error {
	now, total := time.Now(), c.port.cfg.Bounds.Total
	if c.fast != nil {
		_, err := c.fast.Write(p, now.Add(total))
		return err
	}
	if c.writing.due(now, total) {
		if err := c.client.SetWriteDeadline(now.Add(total)); err != nil {
			return err
		}
	}
	_, err := c.client.Write(p)
	return err
}

// background is the context of dialing: an exchange is bounded by its own clock.
func (c *conn) background() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), c.port.cfg.Bounds.Total)
}
