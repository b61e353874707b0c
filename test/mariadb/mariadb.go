// Package mariadb starts private MariaDB servers for tests and for the demo.
//
// In:    Debian's mariadb-server on PATH.
// Out:   a server on a loopback port of its own, with a data folder of its own, ended by its own process id.
// Never: the machine's own server, its data, or a silent skip when the server is not installed.
package mariadb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/seed-3356bd69/touchstone/test/loopback"
)

// Server is one running MariaDB. User root has no password and reaches it from loopback only.
type Server struct {
	Addr string // host:port
	Dir  string

	args []string
	cmd  *exec.Cmd
	done chan struct{}
}

// ErrMissing says which command provides the server.
var ErrMissing = errors.New("mariadbd is not installed: run 'apt-get install -y mariadb-server' (or 'make test' as root)")

// Start creates a data folder below dir and runs a server on it. The caller must Stop it.
// Extra arguments go to mariadbd as they are, for example "--log-bin".
func Start(ctx context.Context, dir string, extra ...string) (*Server, error) {
	daemon, install, err := find()
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("resolve data folder: %w", err)
	}
	data := filepath.Join(dir, "data")
	temporary := filepath.Join(dir, "tmp") // its own: a starting server removes what looks like its rests from a shared one
	if err := os.MkdirAll(temporary, 0o755); err != nil {
		return nil, fmt.Errorf("create data folder: %w", err)
	}
	owner := []string{"--tmpdir=" + temporary}
	if os.Geteuid() == 0 {
		owner = append(owner, "--user=root")
	}
	if _, err := os.Stat(filepath.Join(data, "mysql")); err != nil {
		args := append([]string{"--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--datadir=" + data}, owner...)
		if out, err := exec.CommandContext(ctx, install, args...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("initialise data folder: %w: %s", err, tail(string(out)))
		}
	}
	addrs, err := loopback.FreeAddrs(1)
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(addrs[0])
	args := append([]string{
		"--no-defaults", "--datadir=" + data, "--bind-address=127.0.0.1", "--port=" + port,
		"--socket=" + socketPath(dir), "--pid-file=" + filepath.Join(dir, "pid"), "--log-error=" + filepath.Join(dir, "error.log"),
		"--skip-name-resolve", "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M",
		"--max-connections=300", "--character-set-server=utf8mb4", "--basedir=/usr",
	}, owner...)
	s := &Server{Addr: addrs[0], Dir: dir, args: append([]string{daemon}, append(args, extra...)...)}
	return s, s.Restart(ctx)
}

// socketPath keeps the name below the 107 bytes a Unix socket may have, whatever the length of dir.
func socketPath(dir string) string {
	if path := filepath.Join(dir, "sock"); len(path) < 100 {
		return path
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("touchstone-%d-%d.sock", os.Getpid(), time.Now().UnixNano()))
}

func find() (daemon, install string, err error) {
	for _, name := range []string{"mariadbd", "/usr/sbin/mariadbd"} {
		if daemon, err = exec.LookPath(name); err == nil {
			break
		}
	}
	if err != nil {
		return "", "", ErrMissing
	}
	if install, err = exec.LookPath("mariadb-install-db"); err != nil {
		return "", "", ErrMissing
	}
	return daemon, install, nil
}

// Restart runs the server again on the same data and port, after Stop or Kill.
func (s *Server) Restart(ctx context.Context) error {
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL} // never outlives who started it
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start mariadbd: %w", err)
	}
	s.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		_ = cmd.Wait() // a killed server is what tests ask for; its log says the rest
		close(done)
	}(s.cmd, s.done)
	deadline := time.Now().Add(60 * time.Second)
	for {
		if err := s.ping(ctx); err == nil {
			return nil
		}
		select {
		case <-s.done:
			log, _ := os.ReadFile(filepath.Join(s.Dir, "error.log"))
			return fmt.Errorf("mariadbd ended at start: %s", tail(string(log)))
		case <-ctx.Done():
			s.Kill()
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.Kill()
			return errors.New("mariadbd gave no answer within a minute")
		}
	}
}

func (s *Server) ping(ctx context.Context) error {
	db, err := s.Open("")
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	return db.PingContext(ctx)
}

// Config is how to reach a schema as root; change what a test needs.
func (s *Server) Config(schema string) *mysql.Config {
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr, c.DBName = "root", "tcp", s.Addr, schema
	c.Logger = &mysql.NopLogger{}
	return c
}

// Open gives a pool on a schema as root ("" for none).
func (s *Server) Open(schema string) (*sql.DB, error) {
	c, err := mysql.NewConnector(s.Config(schema))
	if err != nil {
		return nil, fmt.Errorf("open mariadb: %w", err)
	}
	return sql.OpenDB(c), nil
}

// Pid is the server's process id.
func (s *Server) Pid() int { return s.cmd.Process.Pid }

// Kill ends the server at once, as a crash would, and waits until it is gone.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Stop ends the server in order and waits until it is gone.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

func (s *Server) end(sig syscall.Signal) {
	_ = s.cmd.Process.Signal(sig) // an error means it is gone already
	select {
	case <-s.done:
	case <-time.After(20 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
	}
}

func tail(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], " | ")
}
