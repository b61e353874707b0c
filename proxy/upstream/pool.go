package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// Config describes a pool. A zero limit means the default that its comment names.
type Config struct {
	Target   Target
	Dial     time.Duration // of one connection, its TLS handshake with it; 2 s
	Idle     time.Duration // unused connections are closed after it; 30 s
	MaxIdle  int           // unused connections of one address; 256
	Resolver Resolver      // nil = the system's
	Now      func() time.Time
}

// Pool hands out connections to a service, each to one request at a time. It is safe for concurrent use.
type Pool struct {
	cfg    Config
	set    *set
	dialer net.Dialer
}

// ErrDial marks a failure before anything was sent.
var ErrDial = errors.New("dial")

// NewPool makes a pool; it looks nothing up before the first request.
func NewPool(cfg Config) *Pool {
	if cfg.Dial <= 0 {
		cfg.Dial = 2 * time.Second
	}
	if cfg.Idle <= 0 {
		cfg.Idle = 30 * time.Second
	}
	if cfg.MaxIdle <= 0 {
		cfg.MaxIdle = 256
	}
	if cfg.Resolver == nil {
		cfg.Resolver = net.DefaultResolver
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Pool{
		cfg: cfg, set: newSet(cfg),
		dialer: net.Dialer{Timeout: cfg.Dial, KeepAlive: 15 * time.Second},
	}
}

// Target gives the service.
func (p *Pool) Target() Target { return p.cfg.Target }

// Idle gives a connection that was used before and is alive; nil = there is none, or an address has to be found first.
func (p *Pool) Idle() *Conn {
	for {
		c := p.Kept()
		if c == nil || c.alive() {
			return c
		}
		c.Close()
	}
}

// Kept is Idle for Ask, which looks by itself whether the connection is alive.
func (p *Pool) Kept() *Conn {
	if !p.set.fixed {
		return nil
	}
	for {
		c := p.take(nil)
		if c == nil || c.fast != nil || c.alive() {
			return c
		}
		c.Close()
	}
}

// Get gives a connection, if possible one that was used before and is alive.
func (p *Pool) Get(ctx context.Context) (*Conn, error) {
	e, err := p.set.pick(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDial, err)
	}
	for {
		c := p.take(e)
		if c == nil {
			return p.open(ctx, e)
		}
		if c.alive() {
			return c, nil
		}
		c.Close()
	}
}

// Fresh gives a connection that nothing was sent on.
func (p *Pool) Fresh(ctx context.Context) (*Conn, error) {
	e, err := p.set.pick(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDial, err)
	}
	return p.open(ctx, e)
}

// Put takes a connection back on which an exchange has ended whole.
func (p *Pool) Put(c *Conn) {
	c.used, c.Reused = p.cfg.Now(), true
	p.set.mu.Lock()
	defer p.set.mu.Unlock()
	if e := c.endpoint; !e.gone && len(e.idle) < p.cfg.MaxIdle {
		e.idle = append(e.idle, c)
		return
	}
	c.Close()
}

// DialContext opens a connection for others to use; network and address do not matter, the target does.
func (p *Pool) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	c, err := p.Fresh(ctx)
	if err != nil {
		return nil, err
	}
	return c.Conn, nil
}

// CloseIdle closes the connections that are not in use.
func (p *Pool) CloseIdle() {
	p.set.mu.Lock()
	defer p.set.mu.Unlock()
	for _, e := range p.set.endpoints {
		closeAll(e.idle)
		e.idle = nil
	}
}

func closeAll(conns []*Conn) {
	for _, c := range conns {
		c.Close()
	}
}

// take gives the idle connection of an address that was used last, and closes those that were idle for too long; nil = of
// the only address there is.
func (p *Pool) take(e *endpoint) *Conn {
	p.set.mu.Lock()
	defer p.set.mu.Unlock()
	if e == nil && len(p.set.endpoints) == 1 {
		e = p.set.endpoints[0]
	}
	if e == nil || len(e.idle) == 0 {
		return nil
	}
	now, old := p.cfg.Now(), 0
	for old < len(e.idle) && now.Sub(e.idle[old].used) > p.cfg.Idle {
		e.idle[old].Close()
		old++
	}
	if e.idle = e.idle[old:]; len(e.idle) == 0 {
		e.idle = nil
		return nil
	}
	last := len(e.idle) - 1
	c := e.idle[last]
	e.idle = e.idle[:last]
	return c
}

// open dials an address, and others when it takes no connection.
func (p *Pool) open(ctx context.Context, e *endpoint) (*Conn, error) {
	tried := map[*endpoint]bool{}
	for {
		conn, err := p.dial(ctx, e)
		if err == nil {
			p.set.works(e)
			return newConn(conn, e), nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		p.set.failed(e)
		tried[e] = true
		next, pickErr := p.set.pick(ctx)
		if pickErr != nil || tried[next] {
			return nil, err
		}
		e = next
	}
}

func (p *Pool) dial(ctx context.Context, e *endpoint) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Dial)
	defer cancel()
	conn, err := p.dialer.DialContext(ctx, "tcp", e.addr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDial, err)
	}
	if p.cfg.Target.TLS == nil {
		return conn, nil
	}
	cfg := p.cfg.Target.TLS
	if cfg.ServerName == "" {
		cfg = cfg.Clone()
		cfg.ServerName = e.host
	}
	encrypted := tls.Client(conn, cfg)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, fmt.Errorf("%w: %w", ErrDial, err)
	}
	return encrypted, nil
}
