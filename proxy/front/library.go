package front

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/seed-3356bd69/touchstone/proxy/framing"
)

// library is the net/http server of everything that is not plain.
type library struct {
	port   *Front
	server *http.Server
	handed chan net.Conn
	ended  chan struct{}
	close  sync.Once
}

func newLibrary(p *Front) *library {
	l := &library{port: p, handed: make(chan net.Conn), ended: make(chan struct{})}
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	l.server = &http.Server{
		Handler: http.HandlerFunc(l.serveHTTP), Protocols: protocols, MaxHeaderBytes: p.cfg.Bounds.Head, ReadHeaderTimeout: p.cfg.Bounds.HeadWait,
		IdleTimeout: p.cfg.Bounds.Idle, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: p.cfg.Bounds.Streams},
		ErrorLog: slog.NewLogLogger(p.cfg.Log.Handler(), slog.LevelDebug), TLSConfig: p.cfg.TLS,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	return l
}

type connKey struct{}

func (l *library) serve() {
	// It ends with http.ErrServerClosed only: nothing but drain closes the listener.
	_ = l.server.Serve(l)
}

// take hands a connection over, with what was read of it.
func (l *library) take(client net.Conn, unread []byte, guarded bool) {
	l.port.metrics.requests.WithLabelValues(pathLibrary).Inc()
	out := client
	switch {
	case guarded:
		out = framing.NewConn(client, unread, l.port.cfg.Bounds.Head, l.port.refused)
	case len(unread) > 0:
		out = &prefixed{Conn: client, unread: unread}
	}
	select {
	case l.handed <- out:
	case <-l.ended:
		client.Close()
	}
}

func (p *Front) refused(err error) {
	reason := "other"
	var why *framing.Error
	if errors.As(err, &why) {
		reason = why.Reason
	}
	p.metrics.refused.WithLabelValues(reason).Inc()
}

// Accept gives the next connection that was handed over.
func (l *library) Accept() (net.Conn, error) {
	select {
	case conn := <-l.handed:
		return conn, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

// Close takes nothing more.
func (l *library) Close() error {
	l.close.Do(func() { close(l.ended) })
	return nil
}

// Addr is asked for by net/http's log only.
func (l *library) Addr() net.Addr { return &net.TCPAddr{} }

// drain ends the server; a request that came in a handed connection before is finished.
func (l *library) drain(bound time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	err := l.server.Shutdown(ctx)
	return errors.Join(err, l.server.Close())
}

// serveHTTP lets a handler take over the connection: after an upgrade it is not HTTP/1.1 any more.
func (l *library) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if guard, ok := r.Context().Value(connKey{}).(*framing.Conn); ok {
		w = &hijackable{ResponseWriter: w, guard: guard}
	}
	l.port.cfg.Handler.ServeHTTP(w, r)
}

func isExhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ECONNABORTED)
}
