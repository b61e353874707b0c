package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"github.com/seed-3356bd69/touchstone/cmd/internal/bus"
	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/test/loopback"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// The seeded fault run: thousands of random transactions from many connections through a real sidecar, while the shadow is
// killed, the sidecar is killed, and its disk is full. What it ends with must be the tagged committed part of the primary,
// row by row, and nothing else; what differs must have been told.

const (
	faultWorkers = 8
	perWorker    = 260 // transactions
	faultKills   = 3   // of the sidecar
)

func TestFaultsByTheWire(t *testing.T) { playFaults(t, "") }
func TestFaultsByTheRowLog(t *testing.T) {
	playFaults(t, "  row_log: {dsn_file: primary.dsn, server_id: 7000}\n")
}

func playFaults(t *testing.T, rowLog string) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	f := newFaultRun(t, rowLog)
	f.start()
	var wg sync.WaitGroup
	begun := time.Now()
	for w := range faultWorkers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c := &faultClient{run: f, worker: w, random: rand.New(rand.NewPCG(seed, uint64(w)))}
			c.work()
		}()
	}
	quarter := func(n int) { // waits until so many quarters of the work are done
		for f.done() < n*faultWorkers*perWorker/4 && time.Since(begun) < 2*time.Minute {
			time.Sleep(5 * time.Millisecond)
		}
	}
	quarter(1)
	f.shadow.Kill()
	time.Sleep(300 * time.Millisecond)
	f.mustRestart(f.shadow)
	quarter(2)
	for range faultKills {
		f.kill()
		f.start()
		time.Sleep(300 * time.Millisecond)
	}
	quarter(3)
	f.limit(0) // no file may grow
	time.Sleep(300 * time.Millisecond)
	f.limit(unix.RLIM_INFINITY)
	if f.counter("touchstone_dualwrite_unjournaled_total") == 0 && !f.rowLog {
		t.Error("the full disk struck nobody")
	}
	wg.Wait()
	f.settle()
	f.compare()
}

// faultRun is the world of one run.
type faultRun struct {
	t               *testing.T
	rowLog          bool
	dir, binary     string
	port, admin     string
	primary, shadow *mariadb.Server
	direct, side    *sql.DB

	process *exec.Cmd
	stderr  *bytes.Buffer
	also    func(shadow.Event) // hears what the sidecar tells, as it comes; nil = nobody

	mu        sync.Mutex
	finished  int
	deadlocks int
	told      map[string]bool // orders of which the sidecar said that something is not certain
	lost      map[string]bool // orders of which a client got no answer to what may have committed
	sets      map[string]shadow.ApplyState
	heard     map[string]bool // events
}

func newFaultRun(t *testing.T, rowLog string) *faultRun {
	f := &faultRun{t: t, rowLog: rowLog != "", dir: t.TempDir(), told: map[string]bool{}, lost: map[string]bool{}, sets: map[string]shadow.ApplyState{}, heard: map[string]bool{}}
	f.binary = filepath.Join(f.dir, "touchstone")
	if out, err := exec.Command("go", "build", "-o", f.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v %s", err, out)
	}
	var err error
	if f.primary, err = mariadb.Start(t.Context(), filepath.Join(f.dir, "p"), append(mariadb.RowLog(), "--innodb-lock-wait-timeout=2")...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.primary.Stop)
	if f.shadow, err = mariadb.Start(t.Context(), filepath.Join(f.dir, "s")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.shadow.Stop)
	for _, s := range []*mariadb.Server{f.primary, f.shadow} {
		root := f.open(s.Addr, "")
		for _, text := range []string{
			"CREATE DATABASE pay", "CREATE TABLE pay.orders (order_no VARCHAR(40) PRIMARY KEY, amount DECIMAL(12,2) NOT NULL, state VARCHAR(20), raw VARBINARY(20))",
			"CREATE TABLE pay.entries (id BIGINT AUTO_INCREMENT PRIMARY KEY, order_no VARCHAR(40) NOT NULL, amount DECIMAL(12,2), KEY (order_no))",
			"CREATE TABLE pay.accounts (id INT PRIMARY KEY, balance BIGINT NOT NULL)", "INSERT INTO pay.accounts SELECT seq, 1000 FROM pay.seq_1_to_6",
			"CREATE TABLE pay.notes (id INT AUTO_INCREMENT PRIMARY KEY, what TEXT)",
		} {
			if _, err := root.Exec(text); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
	}
	f.direct, f.side = f.open(f.primary.Addr, "pay"), f.open(f.shadow.Addr, "pay")
	addrs, err := loopback.FreeAddrs(4)
	if err != nil {
		t.Fatal(err)
	}
	f.port, f.admin = addrs[0], addrs[1]
	f.listen(addrs[3])
	f.configure(rowLog, addrs)
	return f
}

func (f *faultRun) open(addr, schema string) *sql.DB {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.DBName, cfg.Logger = "root", "tcp", addr, schema, &mysql.NopLogger{}
	return f.openAs(cfg)
}

func (f *faultRun) openAs(cfg *mysql.Config) *sql.DB {
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	f.t.Cleanup(func() { _ = db.Close() })
	return db
}

func (f *faultRun) configure(rowLog string, addrs []string) {
	all := "insert"
	if f.rowLog {
		all = "all"
	}
	f.write(map[string]string{
		"tag.key": "0123456789abcdef0123456789abcdef", "salt.key": "fedcba9876543210fedcba9876543210", "bus.pass": "sidecar-password",
		"primary.dsn": fmt.Sprintf("root@tcp(%s)/pay", f.primary.Addr), "shadow.dsn": fmt.Sprintf("root@tcp(%s)/pay", f.shadow.Addr),
		"sidecar.yaml": fmt.Sprintf(`role: sidecar
instance: faults
cutover: database
release: v2
tag: {key_file: tag.key, salt_file: salt.key, percent: 50%%}
admin: {listen: "%s"}
bus: {url: "nats://%s", user: sidecar, password_file: bus.pass, buffer: 100000}
http:
  listen: "%s"
  stable: http://127.0.0.1:9
  routes:
    - {name: pay, method: POST, path: /payments, creates: true, key: {header: X-Order-Id}}
mysql:
  primary: {listen: "%s", upstream: "%s"}
  apply: {shadow_dsn_file: shadow.dsn, journal: ./journal, queue: 200, workers: 4, drain: 30s}
  prove: {primary_dsn_file: primary.dsn, shadow_dsn_file: shadow.dsn}
%s  tables:
    - {name: orders, order: order_no, policy: %s}
    - {name: entries, order: order_no, auto_increment: id, policy: %s}
    - {name: accounts, policy: %s}
    - {name: notes, policy: ignore}
`, f.admin, addrs[3], addrs[2], f.port, f.primary.Addr, rowLog, all, all, all),
	})
}

// listen runs the bus and remembers what the sidecar tells.
func (f *faultRun) listen(addr string) {
	log := slog.New(slog.DiscardHandler)
	server, err := bus.Embedded(f.t.Context(), bus.EmbeddedConfig{Listen: addr, StoreDir: filepath.Join(f.dir, "bus"), Logger: log, Users: []bus.User{
		{Name: "sidecar", Password: "sidecar-password", Role: bus.RoleSidecar}, {Name: "comparer", Password: "comparer-password", Role: bus.RoleComparer}}})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(server.Close)
	consumer := bus.NewConsumer(bus.ConsumerConfig{Login: bus.Login{URL: server.URL(), User: "comparer", Password: "comparer-password"}, Durable: "faults", Logger: log, Registerer: prometheus.NewRegistry()})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx, f.hear) }()
	f.t.Cleanup(func() { cancel(); <-ended })
}

func (f *faultRun) hear(_ context.Context, batch []shadow.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range batch {
		if f.heard[e.ID] {
			continue // told again by a later run
		}
		f.heard[e.ID] = true
		if f.also != nil {
			f.also(e)
		}
		switch {
		case e.WriteSet != nil:
			if _, known := f.sets[e.WriteSet.ID]; !known {
				f.sets[e.WriteSet.ID] = ""
			}
			if e.WriteSet.Outcome == shadow.CommitUnknown || e.WriteSet.Cause != "" {
				f.told[e.WriteSet.Order] = true
			}
		case e.Apply != nil:
			f.sets[e.Apply.WriteSet] = e.Apply.State
			if s := e.Apply.State; s != shadow.Applied && s != shadow.ApplyPending {
				f.told[e.Apply.Order] = true
			}
		case e.Taint != nil:
			f.told[e.Taint.Order] = true
		}
	}
	return nil
}

func (f *faultRun) start() {
	f.stderr = &bytes.Buffer{}
	f.process = exec.Command(f.binary, "sidecar", filepath.Join(f.dir, "sidecar.yaml"))
	f.process.Stderr = f.stderr // by a pipe: a file would be bounded as the journal is
	f.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := f.process.Start(); err != nil {
		f.t.Fatal(err)
	}
	process := f.process
	f.t.Cleanup(func() { _ = process.Process.Kill() })
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := f.status(); err == nil {
			return
		}
		if time.Now().After(deadline) {
			f.kill()
			f.t.Fatalf("sidecar does not answer: %s", f.stderr)
		}
	}
}

func (f *faultRun) kill() {
	_, _ = f.process.Process.Kill(), f.process.Wait() // it was killed
}

// limit bounds the size of every file the sidecar writes: as a full disk does.
func (f *faultRun) limit(bytes uint64) {
	var now unix.Rlimit
	if err := unix.Prlimit(f.process.Process.Pid, unix.RLIMIT_FSIZE, nil, &now); err != nil {
		f.t.Fatal(err)
	}
	now.Cur = min(bytes, now.Max)
	if err := unix.Prlimit(f.process.Process.Pid, unix.RLIMIT_FSIZE, &now, nil); err != nil {
		f.t.Fatal(err)
	}
}

func (f *faultRun) mustRestart(s *mariadb.Server) {
	if err := s.Restart(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

type faultStatus struct {
	Unsent  int `json:"unsent"`
	Applier struct {
		Depth int `json:"depth"`
	} `json:"applier"`
}

func (f *faultRun) status() (faultStatus, error) {
	var s faultStatus
	answer, err := http.Get("http://" + f.admin + "/status")
	if err != nil {
		return s, err
	}
	defer answer.Body.Close()
	return s, json.NewDecoder(answer.Body).Decode(&s)
}

// counter reads one metric of the sidecar.
func (f *faultRun) counter(name string) (value float64) {
	answer, err := http.Get("http://" + f.admin + "/metrics")
	if err != nil {
		f.t.Fatal(err)
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), name); ok {
			if _, err := fmt.Sscan(rest[strings.LastIndexByte(rest, ' ')+1:], &value); err != nil {
				f.t.Fatal(err)
			}
		}
	}
	return value
}

// settle ends the sidecar in order: it brings away what it has.
func (f *faultRun) settle() {
	for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if s, err := f.status(); err == nil && s.Applier.Depth == 0 && s.Unsent == 0 {
			break
		}
	}
	if err := f.process.Process.Signal(syscall.SIGTERM); err != nil {
		f.t.Fatal(err)
	}
	if err := f.process.Wait(); err != nil {
		f.t.Fatalf("sidecar ended with %v: %s", err, f.stderr)
	}
	time.Sleep(500 * time.Millisecond) // for what changes no write set
	for deadline := time.Now().Add(5 * time.Second); f.pending() > 0 && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond) // for the consumer
	}
}

// pending is the number of write sets of which no end was told.
func (f *faultRun) pending() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, state := range f.sets {
		if state == shadow.ApplyPending {
			n++
		}
	}
	return n
}

func (f *faultRun) done() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.finished
}

// faultClient is one connection after another that runs random transactions.
type faultClient struct {
	run    *faultRun
	worker int
	random *rand.Rand
	conn   *sql.Conn
	db     *sql.DB

	rolledBack bool // the server ended this transaction with a deadlock
}

func (c *faultClient) work() {
	c.db = c.run.open(c.run.port, "pay")
	c.db.SetMaxIdleConns(0)
	for i := range perWorker {
		c.transaction(i)
		c.run.mu.Lock()
		c.run.finished++
		c.run.mu.Unlock()
	}
	if c.conn != nil {
		_ = c.conn.Close()
	}
}

func (c *faultClient) connect() bool {
	for range 400 {
		if c.conn != nil {
			return true
		}
		ctx, cancel := context.WithTimeout(c.run.t.Context(), 5*time.Second)
		conn, err := c.db.Conn(ctx)
		cancel()
		if err == nil {
			c.conn = conn
			return true
		}
		time.Sleep(25 * time.Millisecond)
	}
	c.run.t.Error("no connection through the sidecar")
	return false
}

// exec runs one statement; false = the connection is gone.
func (c *faultClient) exec(text string, args ...any) (alive bool, code uint16) {
	ctx, cancel := context.WithTimeout(c.run.t.Context(), 10*time.Second)
	defer cancel()
	_, err := c.conn.ExecContext(ctx, text, args...)
	var refused *mysql.MySQLError
	switch {
	case err == nil:
		return true, 0
	case errors.As(err, &refused):
		if refused.Number == 1213 {
			c.run.mu.Lock()
			c.run.deadlocks++
			c.rolledBack = true
			c.run.mu.Unlock()
		}
		return true, refused.Number
	}
	c.drop()
	return false, 0
}

// drop ends the connection at once, as a crashed client does.
func (c *faultClient) drop() {
	_ = c.conn.Raw(func(any) error { return mysql.ErrInvalidConn })
	_ = c.conn.Close()
	c.conn = nil
}

// transaction runs one, which ends in one of many ways.
func (c *faultClient) transaction(i int) {
	if !c.connect() {
		return
	}
	r := c.random
	kind, mark := "g", "/* gray='v2' */ "
	if r.IntN(4) == 0 {
		kind, mark = "u", ""
	}
	order := fmt.Sprintf("%s-%d-%d", kind, c.worker, i)
	uncertain := func() {
		c.run.mu.Lock()
		c.run.lost[order] = true
		c.run.mu.Unlock()
	}
	pay := func() (bool, uint16) {
		raw := []byte{0xff, byte(i), 0, byte(c.worker)}
		return c.exec(mark+"INSERT INTO orders (order_no, amount, state, raw) VALUES (?, ?, 'new', ?)", order, fmt.Sprintf("%d.%02d", i, c.worker), raw)
	}
	entry := func() (bool, uint16) {
		return c.exec(mark+"INSERT INTO entries (order_no, amount) VALUES (?, ?)", order, r.IntN(1000))
	}
	if r.IntN(5) == 0 { // without a transaction
		if alive, _ := pay(); !alive {
			uncertain()
		}
		return
	}
	begin := "BEGIN"
	if r.IntN(3) == 0 {
		begin = "START TRANSACTION"
	}
	c.rolledBack = false
	if alive, _ := c.exec(begin); !alive {
		return
	}
	if alive, _ := pay(); !alive {
		return
	}
	for range r.IntN(4) {
		if alive := c.middle(mark, order, entry); !alive {
			return
		}
	}
	c.end(entry, uncertain)
}

// middle does something inside of a transaction.
func (c *faultClient) middle(mark, order string, entry func() (bool, uint16)) bool {
	r := c.random
	alive := true
	switch r.IntN(7) {
	case 0:
		if alive, _ = c.exec("SAVEPOINT here"); alive {
			if alive, _ = entry(); alive {
				alive, _ = c.exec("ROLLBACK TO here")
			}
		}
	case 1: // duplicate: an error that leaves the transaction as it is
		alive, _ = c.exec(mark+"INSERT INTO orders (order_no, amount) VALUES (?, 0)", order)
	case 2: // locks in random order: some end in a deadlock, behind which the client goes on as if nothing was
		for range 2 {
			if alive, _ = c.exec("SELECT balance FROM accounts WHERE id = ? FOR UPDATE", 1+r.IntN(6)); !alive {
				return false
			}
		}
	case 3:
		alive, _ = c.exec(mark + "INSERT INTO notes (what) VALUES ('left out')")
	case 4:
		if c.run.rowLog && mark != "" {
			if alive, _ = c.exec(mark+"UPDATE orders SET state = CONCAT(state, '+'), amount = amount + 1 WHERE order_no = ?", order); alive && !c.rolledBack { // on its own it would belong to no order
				alive, _ = c.exec(mark+"UPDATE accounts SET balance = balance - 1 WHERE id = ?", 1+r.IntN(6))
			}
		}
	case 5:
		if c.run.rowLog && mark != "" {
			alive, _ = c.exec(mark+"DELETE FROM entries WHERE order_no = ? LIMIT 1", order)
		}
	default:
		alive, _ = entry()
	}
	return alive
}

// end ends the transaction, well or not.
func (c *faultClient) end(entry func() (bool, uint16), uncertain func()) {
	r := c.random
	switch r.IntN(12) {
	case 0, 1:
		_, _ = c.exec("ROLLBACK")
	case 2:
		c.drop()
	case 3: // the next transaction follows at once
		if alive, _ := c.exec("COMMIT AND CHAIN"); !alive {
			uncertain()
			return
		}
		if alive, _ := entry(); !alive {
			return
		}
		if alive, _ := c.exec("COMMIT"); !alive {
			uncertain()
		}
	case 4: // BEGIN commits what is open
		if alive, _ := c.exec("BEGIN"); !alive {
			uncertain()
			return
		}
		_, _ = c.exec("ROLLBACK")
	case 5: // gone while the COMMIT is on its way
		uncertain()
		ctx, cancel := context.WithTimeout(c.run.t.Context(), time.Duration(r.IntN(300))*time.Microsecond)
		_, _ = c.conn.ExecContext(ctx, "COMMIT")
		cancel()
		c.drop()
	default:
		if alive, _ := c.exec("COMMIT"); !alive {
			uncertain()
		}
	}
}
