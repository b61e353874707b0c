package app

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/seed-3356bd69/touchstone/cmd/internal/adapters"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// operationRig is a channel with a real adapter process, and a payment service that answers what a test says.
type operationRig struct {
	*operationChannel
	mark string // a file: while it is there, the channel has what it did not know

	mu     sync.Mutex
	calls  []string // at the service: "GET name"
	status map[string]int
	put    func() // what a PUT brings about
}

func newOperationRig(t *testing.T, accounts ...string) *operationRig {
	t.Helper()
	r := &operationRig{mark: filepath.Join(t.TempDir(), "mark"), status: map[string]int{}}
	binary := filepath.Join(t.TempDir(), "adapter")
	if out, err := exec.Command("go", "build", "-o", binary, "../../../plugins/internal/badadapter").CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	pin, err := plugins.FileSHA256(binary)
	if err != nil {
		t.Fatal(err)
	}
	set, err := adapters.New(adapters.Config{
		More: []plugins.HostConfig{{Name: "bad", Path: binary, SHA256: pin}}, Timing: plugins.Timing{Restart: 20 * time.Millisecond},
		Logger: slog.New(slog.DiscardHandler), Metrics: adapters.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- set.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	service := httptest.NewServer(r)
	t.Cleanup(service.Close)
	base, err := url.Parse(service.URL + "/operations")
	if err != nil {
		t.Fatal(err)
	}
	r.operationChannel = &operationChannel{adapters: map[string]channelAdapter{}, timeout: 5 * time.Second, service: &operationService{casework.Service{Base: base, Client: service.Client(), Token: "secret"}}}
	for _, account := range accounts {
		a, err := newChannelAdapter(set, &config.ReconAdapter{Name: "bad", Settings: map[string]string{"tamed_by": r.mark}})
		if err != nil {
			t.Fatal(err)
		}
		r.adapters["nowhere/"+account] = a
	}
	return r
}

func (r *operationRig) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if req.Header.Get("Authorization") != "Bearer secret" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	r.calls = append(r.calls, req.Method+" "+strings.TrimPrefix(req.URL.EscapedPath(), "/operations/"))
	status := r.status[req.Method]
	if req.Method == http.MethodPut && r.put != nil {
		r.put()
	}
	w.WriteHeader(status)
	if status == http.StatusOK {
		_, _ = io.WriteString(w, `{"rest": 7}`)
	}
}

func operationOf(t *testing.T, kind batch.OperationKind, s subject) *batch.Operation {
	t.Helper()
	payload, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return &batch.Operation{ID: string(kind) + "/P1/R1", Kind: kind, Payload: payload}
}

// TestChannelIsAskedBeforeTheService holds what is made of each answer, and that the service hears nothing where the channel
// itself knows.
func TestChannelIsAskedBeforeTheService(t *testing.T) {
	r := newOperationRig(t, "known", "paid", "unknown", "kill", "stray")
	fen := func(n int64) recon.Money { return recon.Money{Minor: n, Currency: "CNY"} }
	at := func(account string, amount recon.Money) subject {
		return subject{Channel: "nowhere", Account: account, Kind: recon.KindPayment, ID: "P1", Order: "P1", Amount: amount}
	}
	refund := func(account, order, origin string, amount int64) subject {
		return subject{Channel: "nowhere", Account: account, Kind: recon.KindRefund, ID: "F1", Order: order, Origin: origin, Amount: fen(amount)}
	}
	tests := map[string]struct {
		kind    batch.OperationKind
		subject subject
		status  int // of the service's GET
		want    batch.Known
		fails   string
		calls   int
	}{
		"the payment is closed":           {batch.Reversal, at("known", fen(0)), 404, batch.Done, "", 0},
		"the payment is still there":      {batch.Reversal, at("paid", recon.Money{}), 404, batch.Unheard, "", 1},
		"the record is done":              {batch.Refund, at("paid", fen(1999)), 404, batch.Done, "", 0},
		"the record is of another amount": {batch.Refund, at("paid", fen(2000)), 404, "", "the channel has payment P1 with", 0},
		"the record is closed":            {batch.Refund, at("known", fen(1999)), 404, batch.Refused, "", 0},
		"nobody has it":                   {batch.Refund, at("unknown", fen(1999)), 404, batch.Unheard, "", 1},
		"only the service has it":         {batch.Refund, at("unknown", fen(1999)), 200, batch.Going, "", 1},
		"the service is at it":            {batch.Refund, at("unknown", fen(1999)), 202, batch.Going, "", 1},
		"the service will not":            {batch.Refund, at("unknown", fen(1999)), 409, batch.Refused, "", 1},
		"the service is broken":           {batch.Refund, at("unknown", fen(1999)), 500, "", "it answered 500", 1},
		"the adapter dies":                {batch.Refund, at("kill", fen(1999)), 404, "", "adapter bad: query", 0},
		"no adapter":                      {batch.Refund, at("stranger", fen(1999)), 404, "", "no adapter can ask channel nowhere", 0},
		"only the service can be asked":   {batch.Split, subject{}, 200, batch.Done, "", 1},
		"the service says what is left":   {batch.Split, at("paid", fen(1999)), 200, batch.Done, "", 1},
		"the split's rest is not known":   {batch.Split, at("paid", fen(1999)), 202, batch.Going, "", 1},
		"taken back by its refund":        {batch.Reversal, refund("paid", "P1", "T0", 1999), 404, batch.Done, "", 0},
		"taken back in part":              {batch.Reversal, refund("paid", "P1", "T0", 2999), 404, "", "the channel has refund F1 with", 0},
		"a refund of another order":       {batch.Reversal, refund("stray", "P1", "", 1999), 404, "", "has refund F1 for order P0, and reversal/P1/R1 is about P1", 0},
		"a refund of another payment":     {batch.Reversal, refund("paid", "P1", "T9", 1999), 404, "", "has refund F1 for payment T0, and reversal/P1/R1 is about T9", 0},
		"a refund of nobody knows what":   {batch.Reversal, refund("stray", "", "", 1999), 404, "", "does not say for which payment", 0},
		"the service knows no such split": {batch.Split, at("paid", fen(1999)), 404, "", "nobody says what it left", 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r.calls, r.status = nil, map[string]int{http.MethodGet: tt.status}
			got, err := r.Query(t.Context(), operationOf(t, tt.kind, tt.subject))
			if (err != nil) != (tt.fails != "") || (err != nil && !strings.Contains(err.Error(), tt.fails)) {
				t.Fatalf("got %v, want %q", err, tt.fails)
			}
			if err == nil && got.Known != tt.want || len(r.calls) != tt.calls {
				t.Errorf("got %+v after %q, want %q after %d calls", got, r.calls, tt.want, tt.calls)
			}
			if tt.kind == batch.Split && tt.want == batch.Done && (got.Rest != 7 || r.calls[0] != "GET split%2FP1%2FR1") {
				t.Errorf("rest %d after %q", got.Rest, r.calls)
			}
		})
	}
}

// journalOf is an audit log in memory.
type journalOf struct {
	mu      sync.Mutex
	actions []string
}

func (j *journalOf) Append(_ context.Context, e audit.Entry) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.actions = append(j.actions, e.Action)
	return uint64(len(j.actions)), nil
}

// answered is a channel that has a payment, as the desk asks it.
type answered struct{}

func (answered) Query(context.Context, casework.Question) (casework.Answer, error) {
	return casework.Answer{Found: true, Status: recon.StatusSuccess, Amount: recon.Money{Minor: 1999, Currency: "CNY"}}, nil
}

// deskOf is a desk with one case of an account, whose repairs are operations.
func deskOf(t *testing.T, account string) (*casework.Desk, string) {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	record := &recon.Record{Key: recon.Key{Kind: recon.KindPayment, ID: "P1"}, Order: "P1", ChannelTxn: "T0", Amount: recon.Money{Minor: 1999, Currency: "CNY"}, Status: recon.StatusSuccess, Origin: recon.Origin{File: "bill.csv", Line: 5}}
	found := []casework.Finding{{Difference: match.Difference{Break: recon.MissingInternally, Group: match.Group{Key: record.Key, Occurrence: 1, Records: []*recon.Record{nil, record}}}}}
	b := casework.Batch{ID: "nowhere/" + account + "/trade/2026-11-26@ab", Statement: "nowhere/" + account + "/trade/2026-11-26", Channel: "nowhere", Account: account, Kind: "trade", Day: "2026-11-26"}
	intake := &casework.Intake{SLA: casework.DefaultSLA(), Now: time.Now}
	if err := db.Tx(t.Context(), func(tx *store.Tx) error { _, err := intake.Open(t.Context(), tx, b, found); return err }); err != nil {
		t.Fatal(err)
	}
	desk := &casework.Desk{DB: db, Log: &journalOf{}, SLA: casework.DefaultSLA(), Now: time.Now, Channels: answered{}, Targets: map[casework.RepairKind]casework.Target{}}
	desk.Targets[casework.RepairReversal] = &operatedRepairs{desk, batch.Reversal}
	desk.Targets[casework.RepairSupplement] = &operatedRepairs{desk, batch.Supplement}
	all, err := desk.Of(t.Context(), "P1")
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	return desk, all[0].ID
}

// begun proposes, approves and applies a repair.
func begun(t *testing.T, desk *casework.Desk, id string, p casework.Proposal) casework.Repair {
	t.Helper()
	li, chen := casework.Actor{Name: "li", Role: casework.RoleOperator}, casework.Actor{Name: "chen", Role: casework.RoleReviewer}
	repair, err := desk.Propose(t.Context(), li, id, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := desk.Approve(t.Context(), chen, repair.ID, "right"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time as after a crash
		if repair, err = desk.Apply(t.Context(), chen, repair.ID, ""); err != nil || repair.State != casework.RepairApplying {
			t.Fatalf("%+v, %v", repair, err)
		}
	}
	return repair
}

func followed(t *testing.T, desk *casework.Desk, id string, want casework.RepairState) {
	t.Helper()
	if _, err := desk.Follow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, err := desk.Repair(t.Context(), id); err != nil || r.State != want {
		t.Errorf("repair is %s (%s), want %s, %v", r.State, r.Outcome, want, err)
	}
}

// lookAt has a compensator look as often as the patience ran out.
func lookAt(t *testing.T, desk *casework.Desk, c batch.Channel, times int) {
	t.Helper()
	for i := range times {
		later := func() time.Time { return time.Now().Add(time.Duration(i+1) * time.Hour) }
		k := &batch.Compensator{DB: desk.DB, Channel: c, Patience: time.Minute, Parallel: 2, Actor: "test", Now: later, Metrics: batch.NewOperationMetrics(prometheus.NewRegistry())}
		if _, err := k.Look(t.Context(), 10); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReversalOfACaseRunsAsAnOperation: asked, sent once under the repair's id, and done when the channel shows it.
func TestReversalOfACaseRunsAsAnOperation(t *testing.T) {
	r := newOperationRig(t, "unknown")
	desk, id := deskOf(t, "unknown")
	repair := begun(t, desk, id, casework.Proposal{Kind: casework.RepairReversal, Request: "R1", Reason: "paid twice", Call: map[string]string{"order": "P1"}})
	if len(r.calls) != 0 {
		t.Errorf("the desk itself called the service: %q", r.calls)
	}
	r.status = map[string]int{http.MethodGet: 404, http.MethodPut: 201}
	lookAt(t, desk, r, 1)
	if want := []string{"GET " + repair.ID, "PUT " + repair.ID}; !slices.Equal(r.calls, want) {
		t.Errorf("the service was called %q, want %q", r.calls, want)
	}
	followed(t, desk, repair.ID, casework.RepairApplying)
	r.status[http.MethodGet] = 200
	lookAt(t, desk, r, 2)
	followed(t, desk, repair.ID, casework.RepairApplying) // the channel does not show it
	if err := os.WriteFile(r.mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	lookAt(t, desk, r, 3)
	followed(t, desk, repair.ID, casework.RepairApplied)
	if n := len(slices.DeleteFunc(slices.Clone(r.calls), func(c string) bool { return !strings.HasPrefix(c, "PUT") })); n != 1 {
		t.Errorf("sent %d times", n)
	}
}

// TestReversalUnderARefundsNumber takes the refund of this payment for its end, with all of its money, and no other refund.
func TestReversalUnderARefundsNumber(t *testing.T) {
	r := newOperationRig(t, "paid", "stray")
	for account, want := range map[string]casework.RepairState{"paid": casework.RepairApplied, "stray": casework.RepairApplying} {
		desk, id := deskOf(t, account)
		repair := begun(t, desk, id, casework.Proposal{Kind: casework.RepairReversal, Request: "R1", Reason: "paid twice", Call: map[string]string{"order": "P1", "refund": "F1"}})
		all, err := batch.Operations(t.Context(), desk.DB, batch.OperationFilter{})
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		s, err := subjectOf(&all[0])
		if err != nil || s.Kind != recon.KindRefund || s.ID != "F1" || s.Order != "P1" || s.Origin != "T0" || s.Amount != (recon.Money{Minor: 1999, Currency: "CNY"}) {
			t.Errorf("asked about %+v, %v", s, err)
		}
		later := func() time.Time { return time.Now().Add(time.Hour) }
		k := &batch.Compensator{DB: desk.DB, Channel: r, Patience: time.Minute, Actor: "test", Now: later}
		if _, err := k.Look(t.Context(), 10); (err == nil) != (want == casework.RepairApplied) {
			t.Errorf("%s: %v", account, err)
		}
		followed(t, desk, repair.ID, want)
	}
	if len(r.calls) > 0 {
		t.Errorf("the service was called: %q", r.calls)
	}
}

func payServer(t *testing.T) *mariadb.Server {
	t.Helper()
	server, err := mariadb.Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

func execAll(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(s, err)
		}
	}
}

func TestBooksOfOperations(t *testing.T) {
	server := payServer(t)
	admin, err := server.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	execAll(t, admin, "CREATE DATABASE pay")
	db, err := server.Open("pay")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	execAll(t, db, "CREATE TABLE bookings (txn BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, id VARCHAR(64) NOT NULL UNIQUE, amount DECIMAL(20,2) NOT NULL)",
		"CREATE TABLE loose (txn BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, id VARCHAR(64) NOT NULL, part INT NOT NULL, UNIQUE (id, part))",
		"CREATE TABLE payments (id VARCHAR(64) PRIMARY KEY, amount DECIMAL(12,2) NOT NULL)")
	t.Run("a payment is booked once", func(t *testing.T) { ledgerOnce(t, db) })
	t.Run("nothing is booked in a table without a unique key", func(t *testing.T) { keyComesLater(t, server, admin) })
	t.Run("a ledger that hangs holds up nothing else", func(t *testing.T) { ledgerHangs(t, server, admin) })
	t.Run("a supplement runs as an operation", func(t *testing.T) { supplementRuns(t, db) })
	t.Run("a repair that is applied is known", func(t *testing.T) { appliedIsKnown(t, server) })
}

// ledgerOnce posts one payment from many places, while another session has a booking under way.
func ledgerOnce(t *testing.T, db *sql.DB) {
	table := &config.ReconLedger{Table: "bookings", ID: "id", Txn: "txn", Columns: map[string]string{"amount": "amount"}}
	l := &bookedLedger{db, table, time.Second}
	if err := l.check(t.Context()); err != nil {
		t.Fatal(err)
	}
	loose := &bookedLedger{db, &config.ReconLedger{Table: "loose", ID: "id", Txn: "txn"}, time.Second}
	if err := loose.check(t.Context()); err == nil || !strings.Contains(err.Error(), "ADD UNIQUE (id)") {
		t.Errorf("a table that books twice was taken: %v", err)
	}
	txns := make([]string, 16)
	var all errgroup.Group
	for i := range txns {
		all.Go(func() (err error) {
			txns[i], err = l.Post(t.Context(), &batch.Payment{ID: "N1", Payload: json.RawMessage(`{"amount": 90071992547409.93}`)})
			return err
		})
	}
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	var amount string
	var rows int
	if err := db.QueryRow("SELECT COUNT(*), MAX(amount) FROM bookings").Scan(&rows, &amount); err != nil || rows != 1 || amount != "90071992547409.93" {
		t.Errorf("%d rows with %s, %v", rows, amount, err)
	}
	if txn, found, err := l.Find(t.Context(), "N1"); err != nil || !found || slices.ContainsFunc(txns, func(one string) bool { return one != txn }) {
		t.Errorf("found %s %t, posted as %q, %v", txn, found, txns, err)
	}
	if _, err := l.Post(t.Context(), &batch.Payment{ID: "N2", Payload: json.RawMessage(`{"sum": 1}`)}); err == nil || !strings.Contains(err.Error(), "payment N2: amount: is missing") {
		t.Errorf("without its amount: %v", err)
	}
	for _, other := range []string{"n1", "N1 "} { // the same to the default collation
		if txn, found, err := l.Find(t.Context(), other); err == nil || !strings.Contains(err.Error(), `ledger has "N1"`) {
			t.Errorf("%q is taken for N1: found %s %t, %v", other, txn, found, err)
		}
		if txn, err := l.Post(t.Context(), &batch.Payment{ID: other, Payload: json.RawMessage(`{"amount": 1}`)}); err == nil || txn != "" {
			t.Errorf("%q is booked as N1: %s", other, txn)
		}
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("INSERT INTO bookings (id, amount) VALUES ('N3', 1)"); err != nil {
		t.Fatal(err)
	}
	if _, found, err := l.Find(t.Context(), "N3"); err == nil {
		t.Errorf("a booking under way was taken for none (found %t)", found)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, found, err := l.Find(t.Context(), "N3"); err != nil || !found {
		t.Errorf("a booking that ended is not found: %v", err)
	}
}

// appliedIsKnown has a data source name that counts rows which were found and not changed.
func appliedIsKnown(t *testing.T, server *mariadb.Server) {
	dsn := server.Config("pay")
	dsn.ClientFoundRows = true
	c, err := booksConfig(dsn.FormatDSN())
	if err != nil {
		t.Fatal(err)
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	books, err := casework.NewBooks(t.Context(), db, []string{"payments"})
	if err != nil {
		t.Fatal(err)
	}
	amount := "1.00"
	repair := &casework.Repair{ID: "R00-known", Proposal: casework.Proposal{Table: "payments", Key: map[string]string{"id": "twice"}, After: casework.Row{"amount": &amount}}}
	for range 2 {
		if err := books.Apply(t.Context(), repair); err != nil {
			t.Error(err)
		}
	}
}

// supplementRuns takes a payment over that the channel has, and does not where the channel says another thing by then.
func supplementRuns(t *testing.T, db *sql.DB) {
	r := newOperationRig(t, "paid", "known")
	books, err := casework.NewBooks(t.Context(), db, []string{"payments"})
	if err != nil {
		t.Fatal(err)
	}
	r.books = books
	for account, want := range map[string]casework.RepairState{"paid": casework.RepairApplied, "known": casework.RepairFailed} {
		desk, id := deskOf(t, account)
		amount := "19.99"
		key := map[string]string{"id": fmt.Sprint("P-", account)}
		repair := begun(t, desk, id, casework.Proposal{Kind: casework.RepairSupplement, Request: "R1", Reason: "not booked", Table: "payments", Key: key, After: casework.Row{"amount": &amount}})
		lookAt(t, desk, r, 2)
		followed(t, desk, repair.ID, want)
		var rows int
		if err := db.QueryRow("SELECT COUNT(*) FROM payments WHERE id = ? AND amount = 19.99", key["id"]).Scan(&rows); err != nil || (rows == 1) != (want == casework.RepairApplied) {
			t.Errorf("%s: %d rows, %v", account, rows, err)
		}
		alone := &casework.Repair{ID: "R01-x", Proposer: "li", Approver: "LI"}
		if _, err := r.supplement(t.Context(), &subject{Repair: alone}); err == nil {
			t.Error("a repair that its proposer approved was applied")
		}
	}
	if len(r.calls) > 0 {
		t.Errorf("the service was called for the books: %q", r.calls)
	}
}
