package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// payService is a payment service that fails as networks do: before it did what was asked, or after.
type payService struct {
	mu      sync.Mutex
	rng     *rand.Rand
	done    map[string]int  // by name
	asked   map[string]bool // since it was sent the last time
	unasked []string        // sent without a question before
	again   []string        // sent although it was done
}

func (s *payService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.TrimPrefix(r.URL.EscapedPath(), "/operations/")
	before, after := s.rng.IntN(5) == 0, s.rng.IntN(3) == 0
	if before {
		panic(http.ErrAbortHandler)
	}
	if r.Method == http.MethodGet {
		s.asked[name] = true
		if s.done[name] == 0 {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, `{"rest": 0}`)
		return
	}
	if !s.asked[name] {
		s.unasked = append(s.unasked, name)
	}
	if s.done[name] > 0 {
		s.again = append(s.again, name)
	}
	s.asked[name] = false
	s.done[name]++
	if after {
		panic(http.ErrAbortHandler) // its answer never comes
	}
	w.WriteHeader(http.StatusCreated)
}

const (
	killedOperations = 24
	killedPayments   = 24
)

// TestKilledWorkerDoesEachOnce kills the worker's own process at random moments while it looks after operations and
// payments, until all came to their end: each was sent after a question, happened once, and is booked once.
func TestKilledWorkerDoesEachOnce(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	r := newDayRig(t)
	server, err := mariadb.Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	books := r.ledgerTable(server)
	pay := &payService{rng: rand.New(rand.NewPCG(seed, 4)), done: map[string]int{}, asked: map[string]bool{}}
	service := httptest.NewServer(pay)
	t.Cleanup(service.Close)
	r.write("queue.pass", "secret")
	r.write("ledger.dsn", server.Config("pay").FormatDSN())
	r.write("recon.yaml", `role: recon
store: sqlite://`+r.dir+`/state.db
archive: ./archive
listen: 127.0.0.1:0
queue: {listen: 127.0.0.1:0, data: ./queue, password_file: queue.pass}
channels:
  - {name: bank, account: a1, kind: statement, folder: {path: bills, file: "{day}.csv", format: lines.json}, books: {path: books, file: "{day}.csv", format: lines.json}}
operations:
  every: 100ms
  patience: 1s
  timeout: 500ms
  service: {url: "`+service.URL+`/operations"}
  ledger: {dsn_file: ledger.dsn, table: payments, id: id, txn: txn, columns: {amount: amount}, after: 100ms}
`)
	db, err := store.Open(t.Context(), "sqlite://"+filepath.Join(r.dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	r.order(db)
	r.wants(1, "refund/P0/R1  SCHEDULED since", "recon", "operation", "list", filepath.Join(r.dir, "recon.yaml"))
	r.wants(1, "N0  PREPARING since", "recon", "payment", "list", filepath.Join(r.dir, "recon.yaml"))
	r.wants(0, "", "recon", "payment", "list", "--state", "SETTLED", filepath.Join(r.dir, "recon.yaml"))
	kills := 0
	for begin := time.Now(); ; kills++ {
		wait := time.Duration(150+rng.IntN(700)) * time.Millisecond
		if ended := r.workUntilKilled(wait, db); ended {
			break
		}
		if time.Since(begin) > 90*time.Second {
			out, _ := r.touchstone("recon", "operation", "list", filepath.Join(r.dir, "recon.yaml"))
			t.Fatalf("not ended after %d kills: %s", kills, out)
		}
	}
	t.Logf("%d kills", kills)
	if kills == 0 {
		t.Error("the worker was never killed: nothing was tried")
	}
	pay.mu.Lock()
	defer pay.mu.Unlock()
	if len(pay.unasked) > 0 || len(pay.again) > 0 {
		t.Errorf("sent without a question: %q; sent although done: %q", pay.unasked, pay.again)
	}
	if len(pay.done) != killedOperations {
		t.Errorf("%d operations of %d happened", len(pay.done), killedOperations)
	}
	r.checkPayments(db, books, killedPayments)
	r.showPayments()
	r.wants(0, "refund/P0/R1  SUCCESS since", "recon", "operation", "show", "refund/P0/R1", filepath.Join(r.dir, "recon.yaml"))
	r.wants(1, "no way from SUCCESS to PROCESSING", "recon", "operation", "retry", "refund/P0/R1", filepath.Join(r.dir, "recon.yaml"))
	r.wants(1, `no operation "refund/P0/R9" is on record`, "recon", "operation", "show", "refund/P0/R9", filepath.Join(r.dir, "recon.yaml"))
}

// showPayments looks at payments that are settled.
func (r *dayRig) showPayments() {
	r.Helper()
	config := filepath.Join(r.dir, "recon.yaml")
	r.wants(0, "asked   {\"amount\": \"7.10\"}", "recon", "payment", "show", "N7", config)
	r.wants(0, "N7  SETTLED since", "recon", "payment", "list", "--after", "N6", "--limit", "1", config)
	r.wants(0, `"state": "SETTLED"`, "recon", "payment", "show", "--json", "N7", config)
	r.wants(1, `no payment "N99" is on record`, "recon", "payment", "show", "N99", config)
	r.wants(80, "--state must be one of", "recon", "payment", "list", "--state", "DONE", config)
}

func (r *dayRig) ledgerTable(server *mariadb.Server) *sql.DB {
	r.Helper()
	db, err := server.Open("")
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { db.Close() })
	for _, q := range []string{"CREATE DATABASE pay", "CREATE TABLE pay.payments (txn BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, id VARCHAR(64) NOT NULL UNIQUE, amount DECIMAL(12,2) NOT NULL)"} {
		if _, err := db.ExecContext(r.Context(), q); err != nil {
			r.Fatal(q, err)
		}
	}
	return db
}

// order puts operations and payments on record, as the service beside us does.
func (r *dayRig) order(db *store.DB) {
	r.Helper()
	now := time.Now()
	for i := range killedOperations {
		id, err := batch.OperationID(batch.Refund, fmt.Sprint("P", i), "R1")
		if err != nil {
			r.Fatal(err)
		}
		o := &batch.Operation{ID: id, Kind: batch.Refund, Payload: json.RawMessage(`{"fen": 100}`)}
		if err := db.Tx(r.Context(), func(tx *store.Tx) error {
			_, err := batch.Order(r.Context(), tx, o, now, "test", "", now)
			return err
		}); err != nil {
			r.Fatal(err)
		}
	}
	payments := &batch.Payments{DB: db, Actor: "test", Now: time.Now}
	for i := range killedPayments {
		if _, err := payments.Prepare(r.Context(), fmt.Sprint("N", i), json.RawMessage(fmt.Sprintf(`{"amount": "%d.10"}`, i))); err != nil {
			r.Fatal(err)
		}
	}
}

// workUntilKilled runs a worker for a while and kills it; it tells whether all came to an end.
func (r *dayRig) workUntilKilled(wait time.Duration, db *store.DB) bool {
	r.Helper()
	log, err := os.OpenFile(filepath.Join(r.dir, "worker.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.Fatal(err)
	}
	defer log.Close()
	w := exec.Command(r.binary, "worker", filepath.Join(r.dir, "recon.yaml"))
	w.Stderr = log
	w.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := w.Start(); err != nil {
		r.Fatal(err)
	}
	ended := false
	for deadline := time.Now().Add(wait); time.Now().Before(deadline) && !ended; time.Sleep(20 * time.Millisecond) {
		ended = r.ended(db)
	}
	if err := w.Process.Kill(); err != nil {
		text, _ := os.ReadFile(log.Name())
		r.Fatalf("the worker ended by itself: %v: %s", err, text)
	}
	_ = w.Wait() // it was killed
	return ended
}

func (r *dayRig) ended(db *store.DB) bool {
	r.Helper()
	var open, unsettled int
	if err := db.QueryRow(r.Context(), "SELECT COUNT(*) FROM operations WHERE state <> 'SUCCESS'").Scan(&open); err != nil {
		r.Fatal(err)
	}
	if err := db.QueryRow(r.Context(), "SELECT COUNT(*) FROM payments WHERE state <> 'SETTLED'").Scan(&unsettled); err != nil {
		r.Fatal(err)
	}
	return open+unsettled == 0
}

// checkPayments holds n payments against the table: each is one row, and bound to that row's transaction.
func (r *dayRig) checkPayments(db *store.DB, books *sql.DB, n int) {
	r.Helper()
	for i := range n {
		id := fmt.Sprint("N", i)
		p, err := batch.ReadPayment(r.Context(), db, id)
		if err != nil {
			r.Fatal(err)
		}
		var txn, amount string
		if err := books.QueryRowContext(r.Context(), "SELECT txn, amount FROM pay.payments WHERE id = ?", id).Scan(&txn, &amount); err != nil {
			r.Fatal(id, err)
		}
		if p.Txn != txn || amount != fmt.Sprintf("%d.10", i) {
			r.Errorf("%s is bound to %q, the ledger has %q with %s", id, p.Txn, txn, amount)
		}
	}
	var rows int
	if err := books.QueryRowContext(r.Context(), "SELECT COUNT(*) FROM pay.payments").Scan(&rows); err != nil || rows != n {
		r.Errorf("%d rows in the ledger, %v", rows, err)
	}
}
