package wire

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Keys of log lines.
const (
	logPort  = "port"
	logConn  = "connection"
	logError = "error"
)

// Config is one port.
type Config struct {
	Port           string        // name of the port in metrics and logs, for example "dual-write"
	Listen         string        // host:port
	Upstream       string        // host:port of the only server this port ever talks to
	FailClosed     bool          // unknown commands, and those whose watching code panicked, are refused instead of forwarded
	Login          *Login        // nil = the server answers logins
	Second         *Second       // nil = there is none
	TLS            *TLS          // nil = plain text only
	Capture        int           // bytes of a command that are looked at; 0 = 1 MiB; at most 8 MiB
	MaxConnections int           // 0 = 1000
	DialTimeout    time.Duration // 0 = 5 s
	LoginTimeout   time.Duration // from accept to the end of the login; 0 = 30 s
	DrainTimeout   time.Duration // how long open transactions may go on after Run's context ends; 0 = 10 s
	Sessions       Opener
	Log            *slog.Logger
	Metrics        prometheus.Registerer
}

func (c *Config) defaults() {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&c.DialTimeout, 5*time.Second)
	set(&c.LoginTimeout, 30*time.Second)
	set(&c.DrainTimeout, 10*time.Second)
	if c.Capture <= 0 {
		c.Capture = 1 << 20
	}
	c.Capture = min(c.Capture, 8<<20)
	if c.MaxConnections <= 0 {
		c.MaxConnections = 1000
	}
}

// Server relays every connection of one port to one server.
type Server struct {
	cfg      Config
	metrics  *metrics
	dialer   net.Dialer
	listener net.Listener
	next     atomic.Uint64

	mu    sync.Mutex
	conns map[*conn]struct{}
	wg    sync.WaitGroup
}

// New makes a server; it listens when Listen or Run is called.
func New(cfg Config) *Server {
	cfg.defaults()
	return &Server{
		cfg: cfg, metrics: newMetrics(cfg.Metrics, cfg.Port), conns: map[*conn]struct{}{},
		dialer: net.Dialer{Timeout: cfg.DialTimeout},
	}
}

// Listen opens the port, so that Addr is known before Run.
func (s *Server) Listen() error {
	l, err := net.Listen("tcp", s.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s port: %w", s.cfg.Port, err)
	}
	s.listener = l
	return nil
}

// Addr is the port's address after Listen.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run serves until ctx ends; then it takes no more connections, lets open transactions end for the drain time,
// closes what is left, and returns when nothing runs any more.
func (s *Server) Run(ctx context.Context) error {
	if s.listener == nil {
		if err := s.Listen(); err != nil {
			return err
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = s.listener.Close() })
	defer stop()
	err := s.accept(ctx)
	_ = s.listener.Close()
	s.drain()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *Server) accept(ctx context.Context) error {
	for {
		client, err := s.listener.Accept()
		var temporary interface{ Temporary() bool }
		switch {
		case err == nil:
		case ctx.Err() == nil && errors.As(err, &temporary) && temporary.Temporary():
			time.Sleep(10 * time.Millisecond) // out of file descriptors: those in use come back
			continue
		default:
			return fmt.Errorf("accept on %s port: %w", s.cfg.Port, err)
		}
		c := s.admit(client)
		if c == nil {
			continue
		}
		s.wg.Add(1)
		go func() {
			defer s.wg.Done()
			s.serve(ctx, c)
		}()
	}
}

// admit counts a connection in, or turns it away.
func (s *Server) admit(client net.Conn) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) >= s.cfg.MaxConnections {
		s.reject(client, rejectLimit, Refusal{Code: 1040, Text: "Too many connections"})
		return nil
	}
	c := newConn(s, client, s.next.Add(1))
	s.conns[c] = struct{}{}
	s.metrics.connections.Inc()
	return c
}

// reject answers in place of the greeting; a client that does not listen loses only the reason.
func (s *Server) reject(client net.Conn, reason string, r Refusal) {
	s.metrics.rejected.WithLabelValues(reason).Inc()
	_ = client.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	_, _ = client.Write(errPacket(0, r, false))
	_ = client.Close()
}

func (s *Server) serve(ctx context.Context, c *conn) {
	defer s.forget(c)
	upstream, err := s.dialer.DialContext(ctx, "tcp", s.cfg.Upstream)
	if err != nil {
		s.cfg.Log.Warn("upstream does not answer", logPort, s.cfg.Port, logError, err)
		s.reject(c.socket, rejectUpstream, Refusal{Code: 2003, Text: "touchstone: the database behind this port does not answer"})
		return
	}
	if err := c.run(ctx, upstream); err != nil {
		s.metrics.broken.Inc()
		s.cfg.Log.Warn("connection ended", logPort, s.cfg.Port, logConn, c.id, logError, err)
	}
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.metrics.connections.Dec()
}

// drain closes quiet connections at once and the others when they fall quiet or the time is over.
func (s *Server) drain() {
	deadline := time.Now().Add(s.cfg.DrainTimeout)
	for s.sweep(time.Now().After(deadline)) > 0 {
		time.Sleep(5 * time.Millisecond)
	}
	s.wg.Wait()
}

// sweep closes the connections that may be closed now and counts those that are left.
func (s *Server) sweep(all bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if all {
			c.close()
		} else {
			c.closeIfQuiet()
		}
	}
	return len(s.conns)
}
