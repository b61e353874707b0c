package front

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/seed-3356bd69/touchstone/proxy/framing"
	"github.com/seed-3356bd69/touchstone/proxy/upstream"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// Config describes a port. All bounds are needed.
type Config struct {
	Service   *upstream.Pool
	Handler   Handler
	TLS       *tls.Config // nil = plain text
	ByLibrary bool        // hand every connection to net/http: for tests that hold the two paths against each other
	Log       *slog.Logger
	Registry  prometheus.Registerer
	Bounds    Bounds
}

// Bounds limits what the port holds and how long it waits.
type Bounds struct {
	Connections int           // of clients at a time; further ones wait to be accepted
	Streams     int           // of one HTTP/2 connection at a time
	Head        int           // bytes of a head
	Body        int           // bytes of a body that is passed on in one piece; longer ones go through net/http
	HeadWait    time.Duration // from a request's first byte to the end of its head and of such a body
	Idle        time.Duration // of a client's connection between two requests
	AnswerWait  time.Duration // from the end of a request to the head of its answer
	Total       time.Duration // of a whole exchange, except streams
	Drain       time.Duration // for exchanges under way at the end
}

// Handler decides about requests. ServeHTTP gets what is not plain.
type Handler interface {
	http.Handler
	Plain(r *Request) Passage
}

// Request is a plain request, whole. It is good until its passage has ended.
type Request struct {
	*framing.Head
	Body   []byte
	Remote string // ip:port of the client
	TLS    bool
}

// Passage follows one plain request. Its methods are called one after the other, End exactly once and last.
type Passage interface {
	Passes(f framing.Field) bool           // whether a field of the request is passed on
	Fields(dst []byte) []byte              // further fields for the service, each as "Name: value\r\n"
	Answer(h *framing.Head) (endless bool) // the head of the answer; endless: no bound of time holds any more
	Piece(p []byte)                        // of the answer's body, without its frame
	Service() *upstream.Pool               // that answers it; nil = the port's
	End(failure shadow.Failure)            // FailNone: the client has the whole answer
}

// Front serves the connections of one port.
type Front struct {
	cfg     Config
	closing atomic.Bool
	slots   chan struct{}
	library *library
	metrics metrics

	mu    sync.Mutex
	open  map[*accepted]struct{}
	plain map[*conn]struct{} // those that net/http has not got
	empty *sync.Cond         // of open
}

type metrics struct {
	connections prometheus.Gauge
	refused     *prometheus.CounterVec
	requests    *prometheus.CounterVec
	plain       prometheus.Counter // of requests
	panics      prometheus.Counter
}

// Values of the label "path".
const (
	pathPlain   = "plain"
	pathLibrary = "library"
)

// New wires a port.
func New(cfg Config) *Front {
	f := promauto.With(cfg.Registry)
	p := &Front{cfg: cfg, slots: make(chan struct{}, cfg.Bounds.Connections), open: map[*accepted]struct{}{}, plain: map[*conn]struct{}{}}
	p.empty = sync.NewCond(&p.mu)
	p.metrics = metrics{
		connections: f.NewGauge(prometheus.GaugeOpts{Name: "touchstone_http_connections", Help: "Open connections of clients."}),
		refused: f.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_http_refused_total",
			Help: "Requests that were refused for their frame."}, []string{"reason"}),
		requests: f.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_http_path_total",
			Help: "Plain requests, and connections handed to net/http."}, []string{"path"}),
		panics: f.NewCounter(prometheus.CounterOpts{Name: "touchstone_http_panics_total", Help: "Panics on a client's connection that were contained."}),
	}
	p.metrics.plain = p.metrics.requests.WithLabelValues(pathPlain)
	p.library = newLibrary(p)
	return p
}

// Serve accepts until ctx ends, then lets exchanges finish for the drain time and closes what is left.
func (p *Front) Serve(ctx context.Context, ln net.Listener) error {
	go p.library.serve()
	stop := context.AfterFunc(ctx, func() { p.closing.Store(true); ln.Close() })
	defer stop()
	err := p.accept(ln)
	return errors.Join(err, p.drain())
}

func (p *Front) accept(ln net.Listener) error {
	for {
		p.slots <- struct{}{}
		inner, err := ln.Accept()
		if err != nil {
			<-p.slots
			var slow net.Error
			switch {
			case p.closing.Load():
				return nil
			case errors.As(err, &slow) && slow.Timeout(), isExhausted(err):
				time.Sleep(acceptPause)
				continue
			}
			return fmt.Errorf("accept on %s: %w", ln.Addr(), err)
		}
		go p.connection(p.enter(inner))
	}
}

const acceptPause = 20 * time.Millisecond

// accepted is a client's connection, which takes a slot until it is closed.
type accepted struct {
	net.Conn
	once sync.Once
	left func()
}

// Close closes the connection.
func (a *accepted) Close() error {
	err := a.Conn.Close()
	a.once.Do(a.left)
	return err
}

// CloseWrite tells the client that nothing more comes.
func (a *accepted) CloseWrite() error { return framing.CloseWrite(a.Conn) }

// NetConn gives the connection itself.
func (a *accepted) NetConn() net.Conn { return a.Conn }

func (p *Front) enter(inner net.Conn) *accepted {
	a := &accepted{Conn: inner}
	a.left = func() {
		p.metrics.connections.Dec()
		p.mu.Lock()
		delete(p.open, a)
		p.empty.Broadcast()
		p.mu.Unlock()
		<-p.slots
	}
	p.metrics.connections.Inc()
	p.mu.Lock()
	p.open[a] = struct{}{}
	p.mu.Unlock()
	return a
}

// connection sees a client's connection to its end, or to its handing over.
func (p *Front) connection(inner net.Conn) {
	defer func() {
		if reason := recover(); reason != nil {
			p.metrics.panics.Inc()
			p.cfg.Log.Error("recovered a panic on a client's connection", keyReason, fmt.Sprintf("%T", reason))
			inner.Close()
		}
	}()
	client, h2, err := p.secure(inner)
	switch {
	case err != nil:
		p.metrics.refused.WithLabelValues(reasonTLS).Inc()
		inner.Close()
	case h2:
		p.library.take(client, nil, false)
	default:
		c := newConn(p, client)
		p.keep(c)
		defer p.forget(c)
		if handed := c.serve(); !handed {
			client.Close()
		}
	}
}

// Keys of log lines, and reasons of refusals that are not framing's.
const (
	keyReason     = "reason"
	reasonTLS     = "tls"
	reasonTooSlow = "too-slow"
)

// secure does the TLS handshake where there is to be one, and tells whether HTTP/2 was agreed upon.
func (p *Front) secure(inner net.Conn) (client net.Conn, h2 bool, err error) {
	if p.cfg.TLS == nil {
		return inner, false, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.Bounds.HeadWait)
	defer cancel()
	encrypted := tls.Server(inner, p.cfg.TLS)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return nil, false, err
	}
	return encrypted, encrypted.ConnectionState().NegotiatedProtocol == protoH2, nil
}

const protoH2 = "h2"

func (p *Front) keep(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plain[c] = struct{}{}
}

func (p *Front) forget(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.plain, c)
}

// unusedGrace is how long a connection without a request may still bring one while the port drains.
const unusedGrace = 500 * time.Millisecond

// drain waits for exchanges under way, and cuts what does not end in time.
func (p *Front) drain() error {
	var cut atomic.Bool
	p.stopWaiting((*conn).used)
	grace := time.AfterFunc(min(unusedGrace, p.cfg.Bounds.Drain/2), func() { p.stopWaiting(func(*conn) bool { return true }) })
	bound := time.AfterFunc(p.cfg.Bounds.Drain, func() { p.closeAll(&cut) })
	err := p.library.drain(p.cfg.Bounds.Drain)
	p.mu.Lock()
	for len(p.open) > 0 {
		p.empty.Wait()
	}
	p.mu.Unlock()
	grace.Stop()
	bound.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	if cut.Load() || err != nil {
		return errors.Join(errors.New("drain the clients' port: exchanges were cut off"), err)
	}
	return nil
}

// stopWaiting ends the connections on which no request is under way, those of them that are meant.
func (p *Front) stopWaiting(meant func(*conn) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.plain {
		if meant(c) {
			c.stopWaiting()
		}
	}
}

// closeAll closes every connection that is still open, and says before that whether there is one: whoever waits for the
// last of them to end looks at once.
func (p *Front) closeAll(cut *atomic.Bool) {
	p.mu.Lock()
	left := slices.Collect(maps.Keys(p.open))
	p.mu.Unlock()
	cut.Store(len(left) > 0)
	for _, a := range left {
		_ = a.Close() // it may have gone just now
	}
}
