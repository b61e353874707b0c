package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Role decides what a user of the embedded bus may do.
type Role string

// The roles. Evidence promotes releases, so a sidecar can add to it and can neither read nor remove it. What sidecars
// share is theirs to read and to write. A worker has the work queue, and nothing else.
const (
	RoleSidecar  Role = "sidecar"
	RoleComparer Role = "comparer"
	RoleWorker   Role = "worker"
)

// User is a login of the embedded bus.
type User struct {
	Name     string
	Password string
	Role     Role
}

// EmbeddedConfig describes a bus inside this process.
type EmbeddedConfig struct {
	Listen   string // host:port; port 0 lets the system choose
	StoreDir string
	Users    []User
	Logger   *slog.Logger
}

// Server is a bus inside this process. Every event it acknowledged is on disk.
type Server struct{ nats *server.Server }

const (
	maxPayload = 8 << 20   // bytes of one message
	maxStore   = 4 << 30   // bytes on disk
	maxMemory  = 256 << 20 // bytes of streams in memory: the recordings
)

// Embedded starts a bus and returns when it takes connections, or when ctx ends.
func Embedded(ctx context.Context, cfg EmbeddedConfig) (*Server, error) {
	options, err := options(cfg)
	if err != nil {
		return nil, err
	}
	ns, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("set up embedded bus: %w", err)
	}
	log := serverLog{cfg.Logger, make(chan string, 1)}
	ns.SetLoggerV2(log, false, false, false)
	ns.Start()
	s := &Server{ns}
	if err := s.awaitReady(ctx, log.fatal); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) awaitReady(ctx context.Context, fatal <-chan string) error {
	const step = 20 * time.Millisecond
	for !s.nats.ReadyForConnections(step) || !s.nats.JetStreamEnabled() {
		select {
		case why := <-fatal:
			return fmt.Errorf("start embedded bus: %s", why)
		case <-ctx.Done():
			return fmt.Errorf("start embedded bus: %w", ctx.Err())
		default:
		}
	}
	return nil
}

// URL is where clients connect.
func (s *Server) URL() string { return "nats://" + s.nats.Addr().String() }

// Healthy tells whether the bus takes connections.
func (s *Server) Healthy() error {
	if !s.nats.Running() || !s.nats.JetStreamEnabled() {
		return errors.New("embedded bus does not run")
	}
	return nil
}

// Close ends the bus and blocks until its files are closed.
func (s *Server) Close() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}

func options(cfg EmbeddedConfig) (*server.Options, error) {
	host, text, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("read listen address of embedded bus: %w", err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("read port of embedded bus: %w", err)
	}
	users, err := users(cfg.Users)
	if err != nil {
		return nil, err
	}
	o := &server.Options{
		ServerName: "touchstone", Host: host, Port: int(port), Users: users, NoSigs: true, MaxPayload: maxPayload,
		JetStream: true, StoreDir: cfg.StoreDir, SyncAlways: true, JetStreamMaxStore: maxStore, JetStreamMaxMemory: maxMemory,
		DisableJetStreamBanner: true,
	}
	if port == 0 {
		o.Port = server.RANDOM_PORT
	}
	return o, nil
}

func users(all []User) ([]*server.User, error) {
	if len(all) == 0 {
		return nil, errors.New("embedded bus has no users: anybody could forge evidence")
	}
	logins := make([]*server.User, 0, len(all))
	for _, u := range all {
		rights, err := permissions(u.Role)
		if err != nil {
			return nil, err
		}
		if u.Name == "" || u.Password == "" {
			return nil, fmt.Errorf("bus user %q has no name or no password", u.Name)
		}
		logins = append(logins, &server.User{Username: u.Name, Password: u.Password, Permissions: rights})
	}
	return logins, nil
}

func permissions(role Role) (*server.Permissions, error) {
	switch role {
	case RoleSidecar:
		return &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: append(valueSubjects(), subjects)},
			Subscribe: &server.SubjectPermission{Allow: []string{sidecarInbox + ".>"}},
		}, nil
	case RoleWorker:
		return &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: workerSubjects()},
			Subscribe: &server.SubjectPermission{Allow: []string{workerInbox + ".>"}},
		}, nil
	case RoleComparer:
		return &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: []string{">"}},
			Subscribe: &server.SubjectPermission{Allow: []string{">"}},
		}, nil
	}
	return nil, fmt.Errorf("unknown bus role %q", role)
}

// serverLog passes on what the server complains about; its notices are of no use to an operator.
type serverLog struct {
	log   *slog.Logger
	fatal chan string // the first reason why the server cannot go on
}

func (l serverLog) Noticef(string, ...any) {}
func (l serverLog) Debugf(string, ...any)  {}
func (l serverLog) Tracef(string, ...any)  {}

func (l serverLog) Warnf(format string, v ...any) {
	l.log.Warn("bus server", keyDetail, fmt.Sprintf(format, v...))
}

func (l serverLog) Errorf(format string, v ...any) {
	l.log.Error("bus server", keyDetail, fmt.Sprintf(format, v...))
}

func (l serverLog) Fatalf(format string, v ...any) {
	why := fmt.Sprintf(format, v...)
	l.log.Error("bus server stopped", keyDetail, why)
	select {
	case l.fatal <- why:
	default:
	}
}
