// Package embeddb runs MySQL-compatible servers inside the demo, so that it needs nothing installed.
//
// In:    a schema name.
// Out:   a server on a loopback port whose transactions run one after the other.
// Never: anything but the demo: dolthub/go-mysql-server has no savepoints, forgets all when it stops and, used
// concurrently, loses acknowledged inserts. One global transaction lock is what makes it truthful enough to show.
package embeddb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	sqle "github.com/dolthub/go-mysql-server"
	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/server"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/vitess/go/mysql"
	"github.com/dolthub/vitess/go/sqltypes"
	querypb "github.com/dolthub/vitess/go/vt/proto/query"
	"github.com/sirupsen/logrus"
)

// lockWait bounds how long a statement waits for another connection's transaction.
const lockWait = 30 * time.Second

// Server is one embedded server.
type Server struct {
	Addr     string
	engine   *sqle.Engine
	provider *memory.DbProvider
	lock     *txLock
	clients  *clients
	inner    *server.Server
	done     chan error
}

// Start runs a server with one empty schema on a free loopback port.
func Start(schema string) (*Server, error) {
	logrus.SetOutput(io.Discard) // the library logs every failed statement of a client to the process's log
	db := memory.NewDatabase(schema)
	db.EnablePrimaryKeyIndexes()
	s := &Server{provider: memory.NewDBProvider(db), lock: &txLock{free: make(chan struct{}, 1)}}
	s.engine = sqle.NewDefault(s.provider)
	return s, s.listen("127.0.0.1:0")
}

func (s *Server) listen(addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for the embedded database: %w", err)
	}
	s.Addr, s.clients = ln.Addr().String(), &clients{Listener: ln, open: map[net.Conn]struct{}{}}
	config := server.Config{Protocol: "tcp", Listener: s.clients, Address: s.Addr}
	wrap := func(h mysql.Handler) (mysql.Handler, error) {
		return &serialised{Handler: h, lock: s.lock}, nil
	}
	inner, err := server.NewServerWithHandler(config, s.engine, sql.NewContext, memory.NewSessionBuilder(s.provider), nil, wrap)
	if err != nil {
		return errors.Join(fmt.Errorf("create the embedded database: %w", err), ln.Close())
	}
	done := make(chan error, 1)
	s.inner, s.done = inner, done
	go func() { done <- inner.Start() }()
	return nil
}

// Stop closes the listener; what the server held is gone with the process.
func (s *Server) Stop() error {
	if err := s.inner.Close(); err != nil {
		return fmt.Errorf("stop the embedded database: %w", err)
	}
	return <-s.done
}

// Break makes the server unreachable: its connections and its listener are closed. Mend opens it again on the same address.
func (s *Server) Break() error {
	err := s.Stop()
	s.clients.closeAll()
	return err
}

// Mend makes a broken server reachable again, with all it held.
func (s *Server) Mend() error { return s.listen(s.Addr) }

// clients is a listener that can close what it accepted.
type clients struct {
	net.Listener
	mu   sync.Mutex
	open map[net.Conn]struct{}
}

// Accept remembers the connection until it is closed.
func (c *clients) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[conn] = struct{}{}
	return client{conn, c}, nil
}

func (c *clients) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		_ = conn.Close() // it is to be broken
	}
}

type client struct {
	net.Conn
	of *clients
}

// Close forgets the connection.
func (c client) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c.Conn)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// txLock is held by the connection whose transaction runs.
type txLock struct {
	free  chan struct{} // holds a token while somebody has the lock
	mu    sync.Mutex
	owner *mysql.Conn
}

func (l *txLock) acquire(ctx context.Context, c *mysql.Conn) error {
	l.mu.Lock()
	mine := l.owner == c
	l.mu.Unlock()
	if mine {
		return nil
	}
	timer := time.NewTimer(lockWait)
	defer timer.Stop()
	select {
	case l.free <- struct{}{}:
		l.mu.Lock()
		l.owner = c
		l.mu.Unlock()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return errors.New("lock wait timeout exceeded: another transaction holds the embedded database")
	}
}

// release gives the lock back if c has it.
func (l *txLock) release(c *mysql.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.owner == c {
		l.owner = nil
		<-l.free
	}
}

// serialised runs statements under the lock, and keeps it while a transaction is open.
type serialised struct {
	mysql.Handler
	lock *txLock
}

func (s *serialised) run(ctx context.Context, c *mysql.Conn, do func() error) error {
	if err := s.lock.acquire(ctx, c); err != nil {
		return err
	}
	defer func() {
		if c.StatusFlags&mysql.ServerInTransaction == 0 {
			s.lock.release(c)
		}
	}()
	return do()
}

func (s *serialised) ComQuery(ctx context.Context, c *mysql.Conn, query string, callback mysql.ResultSpoolFn) error {
	return s.run(ctx, c, func() error { return s.Handler.ComQuery(ctx, c, query, callback) })
}

func (s *serialised) ComMultiQuery(ctx context.Context, c *mysql.Conn, query string, callback mysql.ResultSpoolFn) (rest string, err error) {
	err = s.run(ctx, c, func() error {
		rest, err = s.Handler.ComMultiQuery(ctx, c, query, callback)
		return err
	})
	return rest, err
}

func (s *serialised) ComPrepare(ctx context.Context, c *mysql.Conn, query string, prepare *mysql.PrepareData) (fields []*querypb.Field, err error) {
	err = s.run(ctx, c, func() error {
		fields, err = s.Handler.ComPrepare(ctx, c, query, prepare)
		return err
	})
	return fields, err
}

func (s *serialised) ComStmtExecute(ctx context.Context, c *mysql.Conn, prepare *mysql.PrepareData, callback func(*sqltypes.Result) error) error {
	return s.run(ctx, c, func() error { return s.Handler.ComStmtExecute(ctx, c, prepare, callback) })
}

func (s *serialised) ConnectionClosed(c *mysql.Conn) {
	s.Handler.ConnectionClosed(c)
	s.lock.release(c)
}
