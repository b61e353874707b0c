package drivers

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"database/sql"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	mysqlserver "github.com/go-mysql-org/go-mysql/server"
	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

// sha2Server answers logins as MySQL 8 does, by an implementation that is not ours; it knows own with own-secret.
func sha2Server(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	conf := mysqlserver.NewServer("8.0.36", gomysql.DEFAULT_COLLATION_ID, gomysql.AUTH_CACHING_SHA2_PASSWORD, key, nil)
	users := mysqlserver.NewInMemoryAuthenticationHandler(gomysql.AUTH_CACHING_SHA2_PASSWORD)
	if err := users.AddUser("own", "own-secret"); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer raw.Close()
				c, err := conf.NewCustomizedConn(raw, users, mysqlserver.EmptyHandler{})
				for err == nil && !c.Closed() {
					err = c.HandleCommand()
				}
			})
		}
	})
	return l.Addr().String()
}

// idle is a session that wants nothing.
type idle struct{}

func (idle) Open(uint64) wire.Session              { return idle{} }
func (idle) OnCommand(*wire.Command) *wire.Refusal { return nil }
func (idle) OnResult(*wire.Command, *wire.Result)  {}
func (idle) OnSent()                               {}
func (idle) OnPanic()                              {}
func (idle) OnClose([]*wire.Command)               {}

func sha2Port(t *testing.T, login *wire.Login) func(user, password string) error {
	t.Helper()
	s := wire.New(wire.Config{Port: "test", Listen: "127.0.0.1:0", Upstream: sha2Server(t), Login: login, Sessions: idle{}, DrainTimeout: 100 * time.Millisecond,
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return func(user, password string) error {
		cfg := mysql.NewConfig()
		cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.Logger = user, password, "tcp", s.Addr(), &mysql.NopLogger{}
		c, err := mysql.NewConnector(cfg)
		if err != nil {
			return err
		}
		db := sql.OpenDB(c)
		defer db.Close()
		return db.PingContext(t.Context())
	}
}

// The first login of a user needs the whole password, sealed with the server's key; later ones only the short proof.
func TestCachingSHA2PassesThroughThePort(t *testing.T) {
	ping := sha2Port(t, nil)
	for range 3 {
		if err := ping("own", "own-secret"); err != nil {
			t.Fatal(err)
		}
	}
	var e *mysql.MySQLError
	if err := ping("own", "guessed"); !errors.As(err, &e) || e.Number != 1045 {
		t.Fatal(err)
	}
}

func TestPortShowsItsOwnAccountByCachingSHA2(t *testing.T) {
	ping := sha2Port(t, &wire.Login{Accept: wire.Account{User: "candidate", Password: "shown"}, Own: wire.Account{User: "own", Password: "own-secret"}})
	for range 3 {
		if err := ping("candidate", "shown"); err != nil {
			t.Fatal(err)
		}
	}
	var e *mysql.MySQLError
	if err := ping("candidate", "own-secret"); !errors.As(err, &e) || e.Number != 1045 {
		t.Fatal(err)
	}
	ping = sha2Port(t, &wire.Login{Accept: wire.Account{User: "candidate", Password: "shown"}, Own: wire.Account{User: "own", Password: "stale"}})
	if err := ping("candidate", "shown"); !errors.As(err, &e) || e.Number != 1045 {
		t.Fatal(err)
	}
}
