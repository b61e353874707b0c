package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/seed-3356bd69/touchstone/proxy/socket"
)

// Conn is a connection to a service, with what was read ahead of it.
type Conn struct {
	net.Conn
	Reused bool   // an exchange ended on it before
	Ended  bool   // the service has closed it, in order
	Buf    []byte // read and not used up; its owner's during an exchange

	room     []byte         // what Buf lies in
	fast     *socket.Socket // nil = the connection is encrypted
	asked    bool           // what came, or why nothing did, is for the next Fill
	came     int
	cameErr  error
	armed    time.Time       // the read deadline
	hooked   context.Context // that cuts the connection when it ends; nil = none does
	unhook   func() bool
	endpoint *endpoint
	carrier  *socket.Socket // nil = cannot be looked at
	used     time.Time
}

func newConn(inner net.Conn, e *endpoint) *Conn {
	return &Conn{Conn: inner, endpoint: e, carrier: socket.Beneath(inner), fast: socket.Of(inner)}
}

const room = 16 << 10

// Ask writes a request, and waits for what comes first where that is cheaper than to try: the next Fill tells of it. On a
// connection that was used before, and that the service has closed meanwhile, nothing is written. A write that has to wait
// for the service does so until the given time.
func (c *Conn) Ask(message []byte, until time.Time) (wrote int, err error) {
	if c.fast == nil || len(c.Buf) > 0 {
		if err := c.SetWriteDeadline(until); err != nil {
			return 0, err
		}
		return c.Write(message)
	}
	c.makeRoom()
	wrote, err, c.came, c.cameErr = c.fast.Ask(message, c.Buf[:cap(c.Buf)], c.Reused, until)
	c.asked = err == nil
	return wrote, err
}

// Asked tells whether the next Fill has something to tell without reading.
func (c *Conn) Asked() bool { return c.asked }

// ReadBy bounds the next read: it ends at the latest when look has passed and at until. It may end a good deal earlier,
// but not before half of that: setting a deadline costs as much as half a system call and is done now and then only.
func (c *Conn) ReadBy(now, until time.Time, look time.Duration) error {
	least, most := now.Add(look/2), now.Add(look)
	if until.Before(most) {
		least, most = until.Add(-until.Sub(now)/2), until
	}
	if !c.armed.Before(least) && !c.armed.After(most) {
		return nil
	}
	c.armed = most
	return c.SetReadDeadline(most)
}

// cutBy ends what is under way on the connection when ctx ends. It holds until another context takes its place.
func (c *Conn) cutBy(ctx context.Context) {
	if c.hooked == ctx {
		return
	}
	c.release()
	c.hooked = ctx
	c.unhook = context.AfterFunc(ctx, func() { _ = c.Conn.SetDeadline(time.Unix(1, 0)) }) // a closed connection shows it by itself
}

func (c *Conn) release() {
	if c.unhook != nil {
		c.unhook()
		c.hooked, c.unhook, c.armed = nil, nil, time.Time{}
	}
}

// Close closes the connection.
func (c *Conn) Close() error {
	c.release()
	return c.Conn.Close()
}

// Fill reads more into Buf. What was given out of Buf before is good until then.
func (c *Conn) Fill() (int, error) {
	var n int
	var err error
	if c.asked {
		n, err, c.asked = c.came, c.cameErr, false
	} else {
		c.makeRoom()
		n, err = c.Read(c.Buf[len(c.Buf):cap(c.Buf)])
	}
	c.Buf = c.Buf[:len(c.Buf)+n]
	if err != nil {
		c.Ended, c.armed = errors.Is(err, io.EOF), time.Time{} // another deadline may have cut in: it is set anew
	}
	return n, err
}

// makeRoom sees to it that there is room behind Buf.
func (c *Conn) makeRoom() {
	switch {
	case c.room == nil:
		c.room = make([]byte, room)
		c.Buf = c.room[:copy(c.room, c.Buf)]
	case len(c.Buf) == 0:
		c.Buf = c.room[:0]
	case len(c.Buf) < cap(c.Buf):
	case len(c.Buf) < len(c.room):
		c.Buf = c.room[:copy(c.room, c.Buf)]
	default:
		c.room = make([]byte, 2*len(c.room))
		c.Buf = c.room[:copy(c.room, c.Buf)]
	}
}

// alive tells whether an idle connection was neither closed nor written to by the service.
func (c *Conn) alive() bool { return c.carrier == nil || c.carrier.Idle() }
