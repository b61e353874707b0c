package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/bus"
	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/test/loopback"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// machine is everything one part measures with: two database servers, a bus, the sidecar between.
type machine struct {
	dir             string
	primary, shadow *mariadb.Server
	sidecar         *process
	port, admin     string
	spare           string // an address for haproxy
	bus             string // address
	binary          string // the sidecar's
	closers         []func()
}

const schema = "bench"

const tables = `CREATE DATABASE bench; CREATE TABLE bench.entries (order_no VARCHAR(40) PRIMARY KEY, amount BIGINT NOT NULL, note VARCHAR(100)); CREATE DATABASE sbtest`

func newMachine(ctx context.Context, sidecar string) (_ *machine, err error) {
	m := &machine{}
	defer func() {
		if err != nil {
			m.close()
		}
	}()
	if m.dir, err = os.MkdirTemp("", "touchstone-bench"); err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	m.onClose(func() { _ = os.RemoveAll(m.dir) }) // the system's own folder for such things
	for name, s := range map[string]**mariadb.Server{"primary": &m.primary, "shadow": &m.shadow} {
		if *s, err = mariadb.Start(ctx, filepath.Join(m.dir, name)); err != nil {
			return nil, err
		}
		m.onClose((*s).Stop)
		if err := m.create(ctx, (*s).Addr); err != nil {
			return nil, err
		}
	}
	addrs, err := loopback.FreeAddrs(5)
	if err != nil {
		return nil, err
	}
	m.port, m.admin, m.spare = addrs[0], addrs[1], addrs[2]
	server, err := bus.Embedded(ctx, bus.EmbeddedConfig{Listen: addrs[3], StoreDir: filepath.Join(m.dir, "bus"), Logger: slog.New(slog.DiscardHandler), Users: []bus.User{
		{Name: "sidecar", Password: "sidecar-password", Role: bus.RoleSidecar}, {Name: "comparer", Password: "comparer-password", Role: bus.RoleComparer}}})
	if err != nil {
		return nil, err
	}
	m.onClose(server.Close)
	m.bus, m.binary = addrs[3], sidecar
	m.discard(ctx, server.URL())
	if err := m.configure(addrs[3], addrs[4]); err != nil {
		return nil, err
	}
	if m.sidecar, err = spawn(sidecar, "sidecar", filepath.Join(m.dir, "sidecar.yaml")); err != nil {
		return nil, fmt.Errorf("%w; try: make build", err)
	}
	m.onClose(m.sidecar.end)
	return m, m.sidecar.ready(ctx, m.admin)
}

// discard takes the evidence off the bus, as a comparer does.
func (m *machine) discard(ctx context.Context, url string) {
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	consumer := bus.NewConsumer(bus.ConsumerConfig{
		Login: bus.Login{URL: url, User: "comparer", Password: "comparer-password"}, Durable: "bench", Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	go func() { ended <- consumer.Run(ctx, func(context.Context, []shadow.Event) error { return nil }) }()
	m.onClose(func() { stop(); <-ended })
}

func (m *machine) onClose(f func()) { m.closers = append(m.closers, f) }

func (m *machine) close() {
	for i := len(m.closers) - 1; i >= 0; i-- {
		m.closers[i]()
	}
	m.closers = nil
}

func (m *machine) create(ctx context.Context, addr string) error {
	db, err := open(addr, "", 1)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, tables); err != nil {
		return fmt.Errorf("create tables: %w", err)
	}
	return nil
}

func (m *machine) configure(busAddr, httpAddr string) error {
	for name, text := range map[string]string{
		"tag.key": "0123456789abcdef0123456789abcdef", "salt.key": "fedcba9876543210fedcba9876543210", "bus.pass": "sidecar-password",
		"primary.dsn": fmt.Sprintf("root@tcp(%s)/%s", m.primary.Addr, schema), "shadow.dsn": fmt.Sprintf("root@tcp(%s)/%s", m.shadow.Addr, schema),
		"sidecar.yaml": fmt.Sprintf(`role: sidecar
cutover: database
release: v2
tag: {key_file: tag.key, salt_file: salt.key, percent: 50%%}
admin: {listen: "%s"}
bus: {url: "nats://%s", user: sidecar, password_file: bus.pass}
http:
  listen: "%s"
  stable: http://127.0.0.1:9
  routes:
    - {name: pay, method: POST, path: /payments, creates: true, key: {header: X-Order-Id}}
mysql:
  primary: {listen: "%s", upstream: "%s"}
  apply: {shadow_dsn_file: shadow.dsn, journal: ./journal, queue: 1000, workers: 4, drain: 30s}
  prove: {primary_dsn_file: primary.dsn, shadow_dsn_file: shadow.dsn}
  tables:
    - {name: entries, order: order_no}
`, m.admin, busAddr, httpAddr, m.port, m.primary.Addr),
	} {
		if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o600); err != nil {
			return fmt.Errorf("write configuration: %w", err)
		}
	}
	return nil
}

// ready waits until a sidecar says so.
func (p *process) ready(ctx context.Context, admin string) error {
	for range 500 {
		answer, err := http.Get("http://" + admin + "/readyz")
		if err == nil {
			_ = answer.Body.Close() // nothing was read that could be lost
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("the sidecar does not become ready: %s", p.stderr)
}

// open gives a pool of so many connections.
func open(addr, schema string, connections int) (*sql.DB, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.DBName, cfg.Logger, cfg.MultiStatements = "root", "tcp", addr, schema, &mysql.NopLogger{}, schema == ""
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// process is a child that does not outlive this program.
type process struct {
	cmd    *exec.Cmd
	stderr *bytes.Buffer
}

func spawn(name string, args ...string) (*process, error) {
	path, err := find(name)
	if err != nil {
		return nil, err
	}
	p := &process{exec.Command(path, args...), &bytes.Buffer{}}
	p.cmd.Stderr = p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

func (p *process) end() {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.cmd.Wait()         // it was killed
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// find looks for a program, also where Debian puts those of root.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	if path, err = exec.LookPath("/usr/sbin/" + name); err == nil {
		return path, nil
	}
	return "", errors.Join(fmt.Errorf("%s is not installed; try: apt-get install -y %s", name, name), err)
}
