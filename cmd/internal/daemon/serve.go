package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)

// Serve answers on ln until ctx ends, then takes no new connections and lets requests finish for the drain time; after
// that their contexts end and their connections are closed. There is no timeout on whole requests: streams may be long.
func Serve(ctx context.Context, log *slog.Logger, ln net.Listener, handler http.Handler, drain time.Duration) error {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	unused := &unusedConns{open: map[net.Conn]bool{}}
	server := &http.Server{
		ConnState: unused.note,
		Handler:   handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return requests },
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	err := shutdown(ctx, server, unused, drain)
	cancel()
	<-served
	if err != nil {
		return fmt.Errorf("drain %s: %w", ln.Addr(), err)
	}
	return nil
}

func shutdown(ctx context.Context, server *http.Server, unused *unusedConns, drain time.Duration) error {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	grace := time.AfterFunc(min(unusedGrace, drain/2), unused.close)
	defer grace.Stop()
	err := server.Shutdown(bounded)
	return errors.Join(err, server.Close())
}

// unusedGrace is how long a connection that brought no request yet may still bring one while the server drains.
const unusedGrace = 500 * time.Millisecond

// unusedConns are the connections on which nothing was sent so far: clients' pools open them ahead. Shutdown itself
// would wait five seconds for each of them.
type unusedConns struct {
	mu   sync.Mutex
	open map[net.Conn]bool
}

func (u *unusedConns) note(conn net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if state == http.StateNew {
		u.open[conn] = true
	} else {
		delete(u.open, conn)
	}
}

func (u *unusedConns) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for conn := range u.open {
		_ = conn.Close() // it may be gone already
	}
}
