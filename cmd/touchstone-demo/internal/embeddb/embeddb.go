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
	Addr string // host:port

	inner *server.Server
	done  chan error
}

// Start runs a server with one empty schema on a free loopback port.
func Start(schema string) (*Server, error) {
	logrus.SetOutput(io.Discard) // the library logs every failed statement of a client to the process's log
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the embedded database: %w", err)
	}
	db := memory.NewDatabase(schema)
	db.EnablePrimaryKeyIndexes()
	provider := memory.NewDBProvider(db)
	config := server.Config{Protocol: "tcp", Listener: ln, Address: ln.Addr().String()}
	lock := &txLock{free: make(chan struct{}, 1)}
	wrap := func(h mysql.Handler) (mysql.Handler, error) {
		return &serialised{Handler: h, lock: lock}, nil
	}
	inner, err := server.NewServerWithHandler(config, sqle.NewDefault(provider), sql.NewContext, memory.NewSessionBuilder(provider), nil, wrap)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("create the embedded database: %w", err), ln.Close())
	}
	s := &Server{Addr: ln.Addr().String(), inner: inner, done: make(chan error, 1)}
	go func() { s.done <- inner.Start() }()
	return s, nil
}

// Stop closes the listener; what the server held is gone.
func (s *Server) Stop() error {
	if err := s.inner.Close(); err != nil {
		return fmt.Errorf("stop the embedded database: %w", err)
	}
	return <-s.done
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
