package app

import (
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// hole stands before a server: it takes connections and says nothing until it is opened.
type hole struct {
	ln     net.Listener
	server string
	open   atomic.Bool
	taken  atomic.Int64 // connections
	all    sync.WaitGroup
}

func newHole(t *testing.T, server string) *hole {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hole{ln: ln, server: server}
	h.all.Go(h.take)
	t.Cleanup(func() {
		ln.Close()
		h.all.Wait()
	})
	return h
}

func (h *hole) take() {
	for {
		c, err := h.ln.Accept()
		if err != nil {
			return // the test is over
		}
		h.taken.Add(1)
		h.all.Go(func() {
			defer c.Close()
			if !h.open.Load() {
				_, _ = io.Copy(io.Discard, c) // until the client gives up
				return
			}
			s, err := net.Dial("tcp", h.server)
			if err != nil {
				return // the client sees its connection end
			}
			defer s.Close()
			h.all.Go(func() { _, _ = io.Copy(c, s) })
			_, _ = io.Copy(s, c)
		})
	}
}

// doer is a payment service that does what it is sent.
type doer struct{ done sync.Map }

func (d *doer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPut {
		d.done.Store(r.URL.EscapedPath(), true)
	} else if _, done := d.done.Load(r.URL.EscapedPath()); !done {
		w.WriteHeader(http.StatusNotFound)
	}
}

func within(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so in 20 seconds: %s", what)
		}
	}
}

// ledgerRecon is a worker's configuration with a payment service and a ledger.
func ledgerRecon(t *testing.T, service, ledger string) *config.Recon {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"lines.json": `{"name": "lines", "columns": [{"name": "id"}, {"name": "amount"}], "lines": {"separator": ","},
			"rows": [{"kind": "payment", "key": ["id"], "currency": "CNY", "amount": {"columns": ["amount"], "unit": "major"}}]}`,
		"queue.pass": "secret", "ledger.dsn": ledger,
		"recon.yaml": `role: recon
store: sqlite://` + dir + `/state.db
archive: ./archive
listen: 127.0.0.1:0
queue: {listen: 127.0.0.1:0, data: ./queue, password_file: queue.pass}
channels:
  - {name: bank, account: a1, kind: statement, folder: {path: bills, file: "{day}.csv", format: lines.json}, books: {path: books, file: "{day}.csv", format: lines.json}}
operations:
  every: 100ms
  patience: 1s
  timeout: 500ms
  service: {url: "` + service + `/operations"}
  ledger: {dsn_file: ledger.dsn, table: bookings, id: id, txn: txn, columns: {amount: amount}, after: 100ms}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg, err := config.LoadRecon(filepath.Join(dir, "recon.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// ledgerHangs has the ledger take connections and say nothing. The worker starts all the same and does a refund; the
// payment is booked once the ledger is back.
func ledgerHangs(t *testing.T, server *mariadb.Server, admin *sql.DB) {
	execAll(t, admin, "CREATE DATABASE hangs", "CREATE TABLE hangs.bookings (txn BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, id VARCHAR(64) NOT NULL UNIQUE, amount DECIMAL(20,2) NOT NULL)")
	hole := newHole(t, server.Addr)
	ledger := server.Config("hangs")
	ledger.Addr = hole.ln.Addr().String()
	service := httptest.NewServer(&doer{})
	t.Cleanup(service.Close)
	cfg := ledgerRecon(t, service.URL, ledger.FormatDSN())
	db, err := store.Open(t.Context(), cfg.StoreURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	payments := &batch.Payments{DB: db, Actor: "test", Now: time.Now}
	if _, err := payments.Prepare(t.Context(), "N1", json.RawMessage(`{"amount": "1.10"}`)); err != nil {
		t.Fatal(err)
	}
	works(t, cfg)
	within(t, "the ledger is asked", func() bool { return hole.taken.Load() > 0 })
	id := "refund/P1/R1"
	if err := db.Tx(t.Context(), func(tx *store.Tx) error {
		o := &batch.Operation{ID: id, Kind: batch.Refund, Payload: json.RawMessage(`{}`)}
		_, err := batch.Order(t.Context(), tx, o, time.Now(), "test", "", time.Now())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	within(t, "a refund is done while the ledger hangs", func() bool {
		o, err := batch.ReadOperation(t.Context(), db, id)
		return err == nil && o.State == batch.Success
	})
	if p, err := batch.ReadPayment(t.Context(), db, "N1"); err != nil || p.State != batch.Preparing {
		t.Errorf("without a ledger: %+v, %v", p, err)
	}
	hole.open.Store(true)
	within(t, "the payment is settled once the ledger answers", func() bool {
		p, err := batch.ReadPayment(t.Context(), db, "N1")
		return err == nil && p.State == batch.Settled && p.Txn == "1"
	})
}

// works has a worker run until the test ends.
func works(t *testing.T, cfg *config.Recon) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- RunWorker(ctx, cfg, Process{Log: slog.New(slog.DiscardHandler), Version: "test"}) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// keyComesLater has a table without a unique key, which gets one later.
func keyComesLater(t *testing.T, server *mariadb.Server, admin *sql.DB) {
	execAll(t, admin, "CREATE DATABASE loose", "CREATE TABLE loose.bookings (txn BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, id VARCHAR(64) NOT NULL, amount DECIMAL(20,2) NOT NULL)")
	cfg := ledgerRecon(t, "http://127.0.0.1:1", server.Config("loose").FormatDSN())
	books, err := openBooks(cfg.Operations.Ledger.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer books.Close()
	db, err := store.Open(t.Context(), cfg.StoreURL())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ledger := &bookedLedger{books, cfg.Operations.Ledger, cfg.Operations.Timeout}
	k := &paymentKeeper{payments: &batch.Payments{DB: db, Ledger: ledger, Actor: "test", Now: time.Now}, ledger: ledger}
	if _, err := k.payments.Prepare(t.Context(), "N1", json.RawMessage(`{"amount": "1.10"}`)); err != nil {
		t.Fatal(err)
	}
	state := func() batch.State {
		p, err := batch.ReadPayment(t.Context(), db, "N1")
		if err != nil {
			t.Fatal(err)
		}
		return p.State
	}
	if err := k.once(t.Context()); err == nil || state() != batch.Preparing {
		t.Errorf("booked in a table that books twice: %v", err)
	}
	execAll(t, admin, "ALTER TABLE loose.bookings ADD UNIQUE (id)")
	if err := k.once(t.Context()); err != nil || state() != batch.Settled {
		t.Errorf("payment is %s, %v", state(), err)
	}
}
