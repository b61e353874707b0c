package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/bus"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/loopback"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// dayRig is the product's own binary, with a configuration whose statements and books are in folders.
type dayRig struct {
	*testing.T
	dir, binary string
}

func newDayRig(t *testing.T) *dayRig {
	r := &dayRig{T: t, dir: t.TempDir()}
	r.binary = filepath.Join(r.dir, "touchstone")
	if out, err := exec.Command("go", "build", "-o", r.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	r.write("lines.json", `{"name": "lines", "columns": [{"name": "id"}, {"name": "amount"}, {"name": "state"}], "lines": {"separator": ",", "comment": "#", "end": "end"},
		"rows": [{"kind": "payment", "key": ["id"], "currency": "CNY", "amount": {"columns": ["amount"], "unit": "major"}, "status": {"column": "state", "values": {"ok": "success"}}}]}`)
	r.write("table.json", `{"name": "table", "columns": [{"name": "id"}, {"name": "amount"}, {"name": "state"}], "lines": {"separator": ",", "quote": true},
		"rows": [{"kind": "payment", "key": ["id"], "currency": "CNY", "amount": {"columns": ["amount"], "unit": "major"}, "status": {"column": "state", "values": {"ok": "success"}}}]}`)
	return r
}

func (r *dayRig) write(name, text string) {
	r.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
}

// touchstone runs a command and gives what it printed, with its exit code.
func (r *dayRig) touchstone(args ...string) (string, int) {
	r.Helper()
	out, err := exec.CommandContext(r.Context(), r.binary, args...).CombinedOutput()
	return string(out), exitOf(err)
}

func (r *dayRig) wants(code int, words string, args ...string) {
	r.Helper()
	out, got := r.touchstone(args...)
	if got != code || !strings.Contains(out, words) {
		r.Fatalf("touchstone %s: exit code %d, want %d, with %q in: %s", strings.Join(args, " "), got, code, words, out)
	}
}

func TestReconDay(t *testing.T) {
	r := newDayRig(t)
	t.Run("from the command line", r.commands)
	t.Run("frozen worker", r.frozen)
	t.Run("rules over days", r.rules)
	t.Run("parts of a batch", r.shards)
	t.Run("retention", r.retention)
}

func (r *dayRig) commands(t *testing.T) {
	r = &dayRig{t, r.dir, r.binary}
	config := filepath.Join(r.dir, "recon.yaml")
	r.write("recon.yaml", `role: recon
store: sqlite:`+r.dir+`/state.db
archive: ./archive
channels:
  - {name: bank, account: a1, kind: statement, max_rejected: 0, folder: {path: bills, file: "{account}-{yyyymmdd}.csv", format: lines.json, settle: 0s}, books: {path: books, file: "{day}.csv", format: lines.json}}
`)
	r.wants(0, "recon.yaml: ok", "check", config)
	r.wants(1, "no statement of 2026-11-23 is known", "recon", "status", "--date", "2026-11-23", config)
	r.write("books/2026-11-23.csv", "id,amount,state\nP1,10.00,ok\nP2,20.00,ok\n# end\n")
	r.wants(1, "bank/a1/statement/2026-11-23  waiting since", "recon", "run", "--date", "2026-11-23", config)
	r.wants(1, "late: due 2026-11-24T02:00:00Z: no file: there is no "+r.dir+"/bills/a1-20261123.csv", "recon", "status", "--date", "2026-11-23", config)
	r.write("bills/a1-20261123.csv", "id,amount,state\nP1,10.00,ok\n")
	r.wants(1, `quarantined since`, "recon", "rerun", "--date", "2026-11-23", config)
	r.wants(1, `a1-20261123.csv: no line "end": the file is cut off after line 2`, "recon", "close", "--date", "2026-11-23", config)
	r.write("bills/a1-20261123.csv", "id,amount,state\nP1,10.00,ok\nP2,20.01,ok\nP3,30.00,ok\n# end\n")
	r.wants(0, "version 2 SETTLED, books 2, channel 3, matched 1, findings 2", "recon", "rerun", "--date", "2026-11-23", config)
	r.wants(80, "unknown flag --channel", "recon", "close", "--channel", "bank", "--date", "2026-11-23", config) // a day closes as a whole
	r.wants(0, "2026-11-23 closed at ", "recon", "close", "--date", "2026-11-23", config)
	r.write("bills/a1-20261123.csv", "id,amount,state\nP1,10.00,ok\nP2,20.00,ok\nP3,30.00,ok\n# end\n")
	r.wants(0, "findings 1 (0 opened, 1 gone, 1 unchanged since the version before)", "recon", "rerun", "--date", "2026-11-23", config)
	r.wants(0, `"findings": 1`, "recon", "status", "--date", "2026-11-23", "--json", config)
	settling := filepath.Join(r.dir, "settling.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	r.write("settling.yaml", strings.Replace(string(text), "settle: 0s", "settle: 1h", 1))
	r.wants(1, "may not be whole", "recon", "rerun", "--date", "2026-11-23", settling)
	r.wants(1, "closed since", "recon", "status", "--date", "2026-11-23", settling)
}

// slowBooks stands before a database and holds back what it answers to the first connection.
type slowBooks struct {
	listener net.Listener
	server   string
	taken    chan struct{} // closed when the first connection came
	release  chan struct{}
	first    atomic.Bool
}

func newSlowBooks(t *testing.T, server string) *slowBooks {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	b := &slowBooks{listener: ln, server: server, taken: make(chan struct{}), release: make(chan struct{})}
	go func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			go b.relay(client)
		}
	}()
	return b
}

func (b *slowBooks) relay(client net.Conn) {
	defer client.Close()
	if b.first.CompareAndSwap(false, true) {
		close(b.taken)
		<-b.release
	}
	server, err := net.Dial("tcp", b.server)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, client) // ends with either connection
		server.Close()
	}()
	_, _ = io.Copy(client, server)
}

// frozen has a worker take a statement and freeze beyond its lease (SIGSTOP). Another one does the statement; the first
// one wakes, does all the work that it had begun, and must change nothing.
func (r *dayRig) frozen(t *testing.T) {
	r = &dayRig{t, r.dir, r.binary}
	server, err := mariadb.Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	day := time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	r.fill(server, day)
	books := newSlowBooks(t, server.Addr)
	queue, err := bus.Embedded(t.Context(), bus.EmbeddedConfig{
		Listen: "127.0.0.1:0", StoreDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), Users: []bus.User{{Name: "worker", Password: "secret", Role: bus.RoleWorker}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(queue.Close)
	r.write("frozen/queue.pass", "secret")
	r.write("frozen/books.url", "mysql://root@"+books.listener.Addr().String()+"/pay?table=payments&parallel=1")
	r.write("frozen/bills/a1-"+day+".csv", "id,amount,state\nP1,10.00,ok\nP2,20.01,ok\n# end\n")
	ports, err := loopback.FreeAddrs(2)
	if err != nil {
		t.Fatal(err)
	}
	a := r.worker(queue.URL(), ports[0])
	<-books.taken
	a.signal(t, syscall.SIGSTOP)
	b := r.worker(queue.URL(), ports[1])
	db, err := store.Open(t.Context(), "sqlite://"+filepath.Join(r.dir, "frozen/state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	line := awaitClosed(t, db, day, b)
	a.signal(t, syscall.SIGCONT)
	close(books.release)
	a.awaitLog(t, "another worker took the statement")
	after := awaitClosed(t, db, day, b)
	if after.Versions != 1 || !after.ClosedAt.Equal(line.ClosedAt) || after.Latest.Version != line.Latest.Version || after.Latest.Result.Findings != 1 {
		t.Errorf("the frozen worker changed something:\n%+v\n%+v", line, after)
	}
	entries, err := db.Outbox(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	settled := 0
	for _, e := range entries {
		if e.Action == "batch CONFIRMED to SETTLED" {
			settled++
		}
	}
	if settled != 1 {
		t.Errorf("settled %d times", settled)
	}
	metrics := get(t, "http://"+ports[0]+"/metrics")
	for _, name := range []string{"touchstone_recon_fenced_total 1", "reconcile_queue_length ", "reconcile_task_pending_total ", "worker_busy_ratio "} {
		if !strings.Contains(metrics, name) {
			t.Errorf("no %q in the metrics of the frozen worker", name)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func (r *dayRig) fill(server *mariadb.Server, day string) {
	r.Helper()
	db, err := server.Open("")
	if err != nil {
		r.Fatal(err)
	}
	defer db.Close()
	for _, q := range []string{
		"CREATE DATABASE pay", "CREATE TABLE pay.payments (id VARCHAR(32) PRIMARY KEY, amount DECIMAL(12,2) NOT NULL, state VARCHAR(8) NOT NULL, paid_at DATETIME NOT NULL)",
		"INSERT INTO pay.payments VALUES ('P1', 10.00, 'ok', '" + day + " 10:00:00'), ('P2', 20.00, 'ok', '" + day + " 11:00:00'), ('P0', 1.00, 'ok', '2020-01-01 11:00:00')",
	} {
		if _, err := db.ExecContext(r.Context(), q); err != nil {
			r.Fatal(q, err)
		}
	}
}

// workerProcess is one running worker.
type workerProcess struct {
	process *exec.Cmd
	log     string
}

func (r *dayRig) worker(url, listen string) *workerProcess {
	r.Helper()
	name := "frozen/worker-" + listen[strings.LastIndexByte(listen, ':')+1:]
	r.write(name+".yaml", fmt.Sprintf(`role: recon
store: sqlite:%s/frozen/state.db
archive: ./archive
listen: %s
queue: {url: "%s", password_file: queue.pass, lease: 1s}
channels:
  - name: bank
    account: a1
    zone: UTC
    from: 0s
    due: 23h
    every: 1s
    folder: {path: bills, file: "{account}-{day}.csv", format: ../lines.json, settle: 0s}
    books: {table_file: books.url, time: paid_at, format: ../table.json}
`, r.dir, listen, url))
	return r.work(name)
}

// work starts a worker with the configuration of a name.
func (r *dayRig) work(name string) *workerProcess {
	r.Helper()
	w := &workerProcess{process: exec.Command(r.binary, "worker", filepath.Join(r.dir, name+".yaml")), log: filepath.Join(r.dir, name+".log")}
	log, err := os.Create(w.log)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { log.Close() })
	w.process.Stderr = log
	w.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := w.process.Start(); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		_ = w.process.Process.Kill() // it may be over
		_ = w.process.Wait()
	})
	return w
}

func (w *workerProcess) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := w.process.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func (w *workerProcess) text(t *testing.T) string {
	t.Helper()
	log, err := os.ReadFile(w.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(log)
}

func (w *workerProcess) awaitLog(t *testing.T, words string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(w.text(t), words); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the worker does not say %q: %s", words, w.text(t))
		}
	}
}

func awaitClosed(t *testing.T, db *store.DB, day string, w *workerProcess) batch.Line {
	t.Helper()
	r := &batch.Runner{DB: db, Now: time.Now}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		lines, err := r.Status(context.Background(), day)
		if err != nil {
			t.Fatal(err)
		}
		if len(lines) == 1 && lines[0].Phase == batch.Closed {
			return lines[0]
		}
		if time.Now().After(deadline) {
			t.Fatalf("not closed: %v: %s", lines, w.text(t))
		}
	}
}
