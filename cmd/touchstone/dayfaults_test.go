package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/loopback"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

var (
	faultDays = flag.Int("fault-days", 3, "days that TestDaysWithEverythingKilled does at least")
	faultFor  = flag.Duration("fault-for", 0, "and at least for so long")
	faultSeed = flag.Uint64("fault-seed", 0, "of TestDaysWithEverythingKilled; 0 = by the clock")
)

// dayFaults is the world of days in which every process is killed: the database, the bus, two workers, an adapter, the
// desk of cases. Only the payment service lives on; its answers get lost.
type dayFaults struct {
	*dayRig
	rng    *rand.Rand
	server *mariadb.Server
	db     *store.DB
	runner *batch.Runner // of the operator, who does no statement himself
	pay    *payService
	killer *killer
	roles  []*roleProcess // in the order in which they start

	plan     *planner
	days     []planDay
	ordered  int // operations, and as many payments
	deadline time.Time
}

// TestDaysWithEverythingKilled does days of statements, corrections, operations and payments while every process of it is
// killed at random moments, and wants each batch settled once, each planted fault in one case, nothing sent or booked
// twice, every day conserved and carried on, and all of that in an audit log that verifies.
func TestDaysWithEverythingKilled(t *testing.T) {
	seed := *faultSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d, %d days; again with: go test ./cmd/touchstone -run TestDaysWithEverythingKilled -fault-seed %d -fault-days %d", seed, *faultDays, seed, *faultDays)
	f := newDayFaults(t, seed)
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- f.killer.run(stop) }()
	begin := time.Now()
	for len(f.days) < *faultDays || time.Since(begin) < *faultFor || len(f.killer.victims) > f.struck() {
		f.day(ended)
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	t.Logf("%d days in %s, kills %v", len(f.days), time.Since(begin).Round(time.Second), f.killer.kills)
	f.finish()
	f.check()
}

func newDayFaults(t *testing.T, seed uint64) *dayFaults {
	f := &dayFaults{dayRig: newDayRig(t), rng: rand.New(rand.NewPCG(seed, 1)), deadline: time.Now().Add(time.Minute + *faultFor + 20*time.Second*time.Duration(*faultDays))}
	f.plan = &planner{rng: rand.New(rand.NewPCG(seed, 2)), begin: time.Now().UTC().AddDate(0, 0, -*faultDays-1000)}
	f.pay = &payService{rng: rand.New(rand.NewPCG(seed, 3)), done: map[string]int{}, asked: map[string]bool{}}
	service := httptest.NewServer(f.pay)
	t.Cleanup(service.Close)
	var err error
	if f.server, err = mariadb.Start(t.Context(), t.TempDir(), "--innodb-flush-log-at-trx-commit=1"); err != nil { // what was committed outlives a kill
		t.Fatal(err)
	}
	t.Cleanup(f.server.Stop)
	f.tables()
	f.configure(service.URL)
	if f.db, err = store.Open(t.Context(), "mysql://root@"+f.server.Addr+"/state"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.db.Close() })
	f.runner = &batch.Runner{DB: f.db, Archive: batch.Archive{Folder: filepath.Join(f.dir, "archive")}, Now: time.Now}
	for _, line := range planLines() {
		f.runner.Profiles = append(f.runner.Profiles, &batch.Profile{Channel: line.name, Account: line.account, Kind: line.kind, Zone: time.UTC, From: 23 * time.Hour, Due: 23 * time.Hour, Provisional: -1})
	}
	f.processes(seed)
	return f
}

// tables makes the books of each line, and the ledger.
func (f *dayFaults) tables() {
	f.Helper()
	db := f.ledgerTable(f.server)
	statements := []string{"CREATE DATABASE state"}
	for _, line := range planLines() {
		statements = append(statements, "CREATE TABLE pay."+line.table()+" (id VARCHAR(64) PRIMARY KEY, amount DECIMAL(12,2) NOT NULL, state VARCHAR(8) NOT NULL, paid_at DATETIME NOT NULL, KEY (paid_at))")
		f.write(line.table()+".url", "mysql://root@"+f.server.Addr+"/pay?table="+line.table()+"&parallel=1")
	}
	for _, q := range statements {
		if _, err := db.ExecContext(f.Context(), q); err != nil {
			f.Fatal(q, err)
		}
	}
}

func (f *dayFaults) configure(service string) {
	f.Helper()
	adapter := filepath.Join(f.dir, "adapters", "touchstone-adapter-bad")
	if out, err := exec.Command("go", "build", "-o", adapter, "../../plugins/internal/badadapter").CombinedOutput(); err != nil {
		f.Fatalf("build: %v: %s", err, out)
	}
	pin, err := plugins.FileSHA256(adapter)
	if err != nil {
		f.Fatal(err)
	}
	if out, code := f.touchstone("audit", "key", "new", filepath.Join(f.dir, "audit.key"), "--name", "test/days"); code != 0 {
		f.Fatal(out)
	}
	if err := os.Mkdir(filepath.Join(f.dir, "outside"), 0o755); err != nil {
		f.Fatal(err)
	}
	f.write("queue.pass", "secret")
	f.write("state.url", "mysql://root@"+f.server.Addr+"/state")
	f.write("ledger.dsn", f.server.Config("pay").FormatDSN())
	f.write("mappings.yaml", "mappings:\n- {adapter: bad, settings: {statement: '"+filepath.Join(f.dir, "adapted_a1", "{day}")+"'}}\n")
	f.write("cases.yaml", "role: cases\nlisten: 127.0.0.1:0\nstore_file: state.url\nattachments: files\naudit: {folder: log, key_file: audit.key, witness: outside}\n"+
		"tokens: [{name: eye, role: viewer, sha256: "+strings.Repeat("5a", 32)+"}]\n")
	addresses, err := loopback.FreeAddrs(1)
	if err != nil {
		f.Fatal(err)
	}
	text := `role: recon
store_file: state.url
archive: ./archive
memory: 16MiB
listen: 127.0.0.1:0
queue: {url: "nats://` + addresses[0] + `", password_file: queue.pass, lease: 1s, slots: 2}
adapters: {folder: adapters, mappings: mappings.yaml, run: [{name: bad, sha256: ` + pin + `}]}
operations:
  every: 200ms
  patience: 3s
  timeout: 2s
  service: {url: "` + service + `/operations"}
  ledger: {dsn_file: ledger.dsn, table: payments, id: id, txn: txn, columns: {amount: amount}, after: 200ms}
channels:
`
	lateDays := map[bool]string{true: ", late_days: 4"}
	for _, line := range planLines() {
		text += fmt.Sprintf("  - {name: %s, account: %s, kind: %s, zone: UTC, from: 23h, due: 23h, every: 1s, books: {table_file: %s.url, time: paid_at, format: table.json}, ", line.name, line.account, line.kind, line.table())
		if line.carries {
			text += "folder: {path: " + line.table() + `, file: "{day}", format: lines.json, settle: 0s}, rules: {terms: [{days: 1, every_day: true}]` + lateDays[line.late] + "}}\n"
			continue
		}
		text += "adapter: {name: bad}}\n"
	}
	f.write("recon.yaml", text)
	for _, name := range []string{"recon.yaml", "cases.yaml"} {
		f.wants(0, name+": ok", "check", filepath.Join(f.dir, name))
	}
	f.roles = []*roleProcess{f.bus(addresses[0]), f.role("worker a", "worker listens", "worker", "recon.yaml"), f.role("worker b", "worker listens", "worker", "recon.yaml"), f.role("cases", "cases listen", "recon", "serve", "cases.yaml")}
}

func (f *dayFaults) role(title, up string, args ...string) *roleProcess {
	args[len(args)-1] = filepath.Join(f.dir, args[len(args)-1])
	return &roleProcess{title: title, up: up, log: filepath.Join(f.dir, strings.ReplaceAll(title, " ", "-")+".log"), command: func() *exec.Cmd { return exec.Command(f.binary, args...) }}
}

func (f *dayFaults) bus(address string) *roleProcess {
	return &roleProcess{title: "bus", log: filepath.Join(f.dir, "bus.log"), command: func() *exec.Cmd {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), busFolder+"="+filepath.Join(f.dir, "bus"), busAddress+"="+address)
		return c
	}}
}

// processes starts everything, and says who is killed.
func (f *dayFaults) processes(seed uint64) {
	f.Helper()
	f.killer = &killer{rng: rand.New(rand.NewPCG(seed, 4)), kills: map[string]int{}}
	f.killer.victims = append(f.killer.victims, &database{f.server, func() error { return f.server.Restart(f.Context()) }})
	for _, p := range f.roles {
		if err := p.start(); err != nil {
			f.Fatal(err)
		}
		f.Cleanup(func() { _, _ = p.kill() })
		f.killer.victims = append(f.killer.victims, p)
	}
	f.killer.victims = append(f.killer.victims, &adapterOf{f.roles[1]}, &adapterOf{f.roles[2]})
	f.killer.rng.Shuffle(len(f.killer.victims), func(a, b int) {
		f.killer.victims[a], f.killer.victims[b] = f.killer.victims[b], f.killer.victims[a]
	})
}

// until does something until it is through: an operator, too, finds the database away and tries again.
func (f *dayFaults) until(what string, do func(ctx context.Context) error) {
	f.Helper()
	for {
		err := do(f.Context())
		if err == nil {
			return
		}
		if time.Now().After(f.deadline) {
			f.Fatalf("%s: %v\n%s", what, err, f.logs())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (f *dayFaults) logs() string {
	var out strings.Builder
	for _, p := range f.roles {
		text, err := os.ReadFile(p.log)
		fmt.Fprintf(&out, "--- %s (%v)\n%s\n", p.title, err, text[max(0, len(text)-3000):])
	}
	return out.String()
}

// struck is how many of the victims were killed.
func (f *dayFaults) struck() int { return int(f.killer.round.Load()) }

// finish lets what is left come to its end: corrections, operations, payments, and what the audit log is owed. Workers start
// anew, so that nobody waits for an adapter that was killed too often to be started at once.
func (f *dayFaults) finish() {
	f.Helper()
	for _, p := range f.roles[1:3] {
		if _, err := p.kill(); err != nil {
			f.Fatal(err)
		}
		if err := p.start(); err != nil {
			f.Fatal(err)
		}
	}
	f.correct(f.days[len(f.days)-1])
	f.deadline = time.Now().Add(time.Minute)
	f.until("come to an end", func(ctx context.Context) error {
		var waiting int
		for _, q := range []string{"SELECT COUNT(*) FROM operations WHERE state <> 'SUCCESS'", "SELECT COUNT(*) FROM payments WHERE state <> 'SETTLED'", "SELECT COUNT(*) FROM outbox"} {
			if err := f.db.QueryRow(ctx, q).Scan(&waiting); err != nil {
				return err
			}
			if waiting > 0 {
				return fmt.Errorf("%s: %d", q, waiting)
			}
		}
		return nil
	})
	if err := f.killer.lookAll(); err != nil {
		f.Fatal(err)
	}
	for i := len(f.roles) - 1; i >= 0; i-- {
		f.roles[i].stop()
	}
	if f.killer.total == 0 {
		f.Fatal(errors.New("nothing was killed: nothing was tried"))
	}
}
