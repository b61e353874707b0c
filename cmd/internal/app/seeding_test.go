package app

import (
	"context"
	"database/sql"
	"io"
	"iter"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/profile"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/ledger"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// soundRun is a run of one order on which all sides say what the record does.
func soundRun(t *testing.T, r recon.Record) (*comparer.Ledger, *match.Joined) {
	t.Helper()
	l := comparer.NewLedger()
	opened := shadow.Evidence{Sample: "s", Order: r.Order, Route: "pay", Creates: true, Verdict: shadow.Verdict{Outcome: shadow.Pending}}
	closed := opened
	closed.Verdict.Outcome = shadow.Match
	l.Apply(shadow.Event{ID: "opened", Kind: shadow.EventOpened, Instance: "a", Evidence: &opened})
	l.Apply(shadow.Event{ID: "closed", Kind: shadow.EventClosed, Instance: "a", Evidence: &closed})
	l.Apply(shadow.Event{ID: "tally", Kind: shadow.EventTally, Instance: "a", Tally: &shadow.Tally{Sampled: 1, Closed: 1, Final: true}})
	one := func(yield func(recon.Record, error) bool) { yield(r, nil) }
	joined, err := match.Join(t.Context(), match.Side{Name: "primary", Records: one}, match.Side{Name: "shadow", Records: one}, match.Side{Name: "channel", Records: one})
	if err != nil {
		t.Fatal(err)
	}
	return l, joined
}

// loose passes a single sound order.
func loose() gate.Policy {
	return gate.Policy{Test: gate.Test{Budget: 0.5, MaxBound: 0.95, PromoteError: 0.5, RollbackError: 0.05}}
}

// soundTrial is the trial of a run of one order, and its judgement anew.
func soundTrial(t *testing.T, r recon.Record) (*gate.Trial, func() *comparer.Judgement) {
	t.Helper()
	l, joined := soundRun(t, r)
	scope := comparer.Scope{ChannelFinal: true}
	judgement := func() *comparer.Judgement {
		j, err := comparer.Judge(l, joined, scope)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	trial := gate.NewTrial(l, judgement(), scope, loose())
	if trial == nil {
		t.Fatal("the order is not sound")
	}
	return trial, judgement
}

// channelFile is a statement that its adapter decodes, with its first payment.
func channelFile(t *testing.T, adapter decoder, path, day string) (*statement, recon.Record) {
	t.Helper()
	s := &statement{adapter: adapter, path: path, request: plugins.DecodeRequest{Kind: tradeStatement, File: filepath.Base(path), Date: day}}
	kept, err := s.decode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range kept.records {
		if r.Key.Kind == recon.KindPayment && r.Amount.Minor > 0 {
			return s, r
		}
	}
	t.Fatal("the statement has no payment")
	return nil, recon.Record{}
}

// bankFile is a bank's statement, which has no totals: what is left out of it shows only as missing.
func bankFile(t *testing.T) (*statement, recon.Record) {
	t.Helper()
	p, err := profile.BuiltIn("abc-new")
	if err != nil {
		t.Fatal(err)
	}
	return channelFile(t, profile.New("bank", "1", nil, p, nil), "../../../plugins/profile/testdata/abc-new.txt", "")
}

// TestFaultsInAStatementsBytesAreFound puts faults into statements, plain, compressed and zipped, which the real adapters
// read again in processes of their own.
func TestFaultsInAStatementsBytesAreFound(t *testing.T) {
	folder := t.TempDir()
	build := exec.Command("go", "build", "-o", folder, "./plugins/wechat", "./plugins/alipay", "./plugins/unionpay")
	build.Dir, build.Env = "../../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build adapters: %v\n%s", err, out)
	}
	for name, files := range map[string]map[string]string{ // with the days they are of
		"wechat": {"all.csv": "", "all.csv.gz": ""}, "alipay": {"trade.csv": ""}, "unionpay": {"802310048993424_20160101.zip": "2016-01-01"},
	} {
		t.Run(name, func(t *testing.T) {
			host, err := plugins.Start(t.Context(), plugins.HostConfig{Path: filepath.Join(folder, name), Unpinned: true, Logger: slog.New(slog.DiscardHandler), Metrics: plugins.NewMetrics(prometheus.NewRegistry())})
			if err != nil {
				t.Fatal(err)
			}
			defer host.Close()
			for file, day := range files {
				checkSeededFile(t, host, filepath.Join("../../../plugins", name, "testdata", file), day)
			}
		})
	}
}

func checkSeededFile(t *testing.T, host decoder, path, day string) {
	t.Helper()
	file, r := channelFile(t, host, path, day)
	before := file.request.SHA256
	trial, judgement := soundTrial(t, r)
	data := t.TempDir()
	probes, err := trySeededFiles(t.Context(), trial, file, data)
	if err != nil || len(probes) != 4 || missed(probes) > 0 {
		t.Errorf("%s: %+v %v", path, probes, err)
	}
	if i := slices.IndexFunc(probes, func(p gate.Probe) bool { return strings.Contains(p.Fault, "names another order") }); i < 0 || !strings.HasPrefix(probes[i].Saw, "common") {
		t.Errorf("%s: the order is not missing: %+v", path, probes)
	}
	if after, err := plugins.FileSHA256(path); err != nil || after != before {
		t.Errorf("%s was changed: %v", path, err)
	}
	if j := judgement(); len(j.Orders) != 1 || j.Orders[0].Class != comparer.Agree {
		t.Errorf("%s: the seeds are evidence: %+v", path, j.Orders)
	}
	if left, err := os.ReadDir(data); err != nil || len(left) > 0 {
		t.Errorf("copies were left: %v %v", left, err)
	}
}

// blind is an adapter that reads one file whatever it is given.
type blind struct {
	decoder
	path string
}

func (b blind) Decode(ctx context.Context, req plugins.DecodeRequest, _ io.Reader, emit plugins.Emitter) (plugins.DecodeResult, error) {
	f, err := os.Open(b.path)
	if err != nil {
		return plugins.DecodeResult{}, err
	}
	defer f.Close()
	if req.SHA256, err = plugins.FileSHA256(b.path); err != nil {
		return plugins.DecodeResult{}, err
	}
	return b.decoder.Decode(ctx, req, f, emit)
}

// refusing is an adapter that refuses whatever it is given.
type refusing struct{}

func (refusing) Decode(context.Context, plugins.DecodeRequest, io.Reader, plugins.Emitter) (plugins.DecodeResult, error) {
	return plugins.DecodeResult{}, plugins.Fail(plugins.FailureQuarantine, "no")
}

// TestAnAdapterThatHidesTheFaultIsFoundOut: what is not found holds the gate, and is tried again.
func TestAnAdapterThatHidesTheFaultIsFoundOut(t *testing.T) {
	file, r := bankFile(t)
	trial, _ := soundTrial(t, r)
	j := &judge{config: &config.Comparer{Data: config.Path(t.TempDir())}, log: slog.New(slog.DiscardHandler)}
	sound := file.adapter
	file.adapter = blind{sound, file.path}
	probes, err := j.selfTest(t.Context(), trial, file)
	if err != nil || len(probes) != 7 {
		t.Fatalf("%+v %v", probes, err)
	}
	if got := missed(probes); got != 3 {
		t.Errorf("a blind adapter misses %d of 3: %+v", got, probes)
	}
	file.adapter = refusing{}
	if probes, err = j.selfTest(t.Context(), trial, file); err != nil || missed(probes) != 1 {
		t.Errorf("an adapter that refuses every copy proves nothing: %+v %v", probes, err)
	}
	file.adapter = sound
	if probes, err = j.selfTest(t.Context(), trial, file); err != nil || missed(probes) != 0 || j.seeds.proved != file.request.SHA256 {
		t.Errorf("it is mended: %+v %v", probes, err)
	}
	file.adapter = refusing{}
	if probes, err = j.selfTest(t.Context(), trial, file); err != nil || missed(probes) != 0 {
		t.Errorf("the same bytes are seeded once: %+v %v", probes, err)
	}
}

func missed(probes []gate.Probe) (n int) {
	for _, p := range probes {
		if !p.Found {
			n++
		}
	}
	return n
}

func TestLinesWithACent(t *testing.T) {
	yuan := func(minor int64) recon.Money { return recon.Money{Minor: minor, Currency: "CNY"} }
	for _, c := range []struct {
		line, want string
		amount     recon.Money
	}{
		{"P1,19.99,0.00,19.99\n", "P1,19.98,0.00,19.98\n", yuan(1999)},
		{"P1,119.99,19.990\n", "P1,119.99,19.990\n", yuan(1999)},
		{"P1|000000001999|01\n", "P1|000000001998|01\n", yuan(1999)},
		{"P1|1230|1230\n", "P1|1230|1230\n", yuan(1230)}, // which of them is the amount?
		{"P1|7|8\n", "P1|7|8\n", yuan(7)},
	} {
		if got := string(centOff([]byte(c.line), c.amount)); got != c.want {
			t.Errorf("%q of %d: got %q, want %q", c.line, c.amount.Minor, got, c.want)
		}
	}
	if got := string(renamed([]byte("x,P10,y"), "P10")); got != "x,P11,y" {
		t.Errorf("got %q", got)
	}
}

// booksRig is the shadow's books in a real database.
func booksRig(t *testing.T, amount string) (*sql.DB, seededBooks) {
	t.Helper()
	server, err := mariadb.Start(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	root, err := server.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if _, err := root.Exec("CREATE DATABASE s"); err != nil {
		t.Fatal(err)
	}
	db, err := server.Open("s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, q := range []string{"CREATE TABLE payments (id VARCHAR(64) PRIMARY KEY, amount " + amount + " NOT NULL)", "INSERT INTO payments VALUES ('P0', 5), ('P1', 1900), ('P2', 7)"} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	connector, err := connectorOf(server.Config("s").FormatDSN())
	if err != nil {
		t.Fatal(err)
	}
	unit := recon.UnitMajor
	if amount == "BIGINT" {
		unit = recon.UnitMinor
	}
	return db, seededBooks{connector, []ledger.Table{{Name: "payments", Channel: "wechat", Kind: recon.KindPayment, Key: "id", Order: "id", Amount: "amount", Unit: unit, Currency: "CNY"}}, ledger.Records}
}

// TestFaultsInRowsAreFound reads real rows through the driver that changes one, whatever type the amount has.
func TestFaultsInRowsAreFound(t *testing.T) {
	t.Parallel()
	for _, amount := range []string{"DECIMAL(12,2)", "DECIMAL(16,4)", "BIGINT"} {
		t.Run(amount, func(t *testing.T) {
			t.Parallel()
			db, books := booksRig(t, amount)
			trial, judgement := soundTrial(t, recordOf(t, db, books))
			probes, err := seedBooks(t.Context(), trial, books)
			if err != nil || len(probes) != 3 || missed(probes) != 0 {
				t.Errorf("%+v %v", probes, err)
			}
			if j := judgement(); j.Orders[0].Class != comparer.Agree {
				t.Errorf("the seeds are evidence: %+v", j.Orders)
			}
			if rows, err := books.read(t.Context(), trial.Shadow()[0], func([]any) bool { return true }); err != nil || len(rows) != 1 {
				t.Errorf("read %d rows of one order: %v", len(rows), err)
			}
			if got := recordOf(t, db, books); got.Amount != trial.Shadow()[0].Amount {
				t.Errorf("the database was changed: %v", got.Amount)
			}
			stale := books
			stale.reader = func(ctx context.Context, _ *sql.DB, tables ...ledger.Table) iter.Seq2[recon.Record, error] {
				return ledger.Records(ctx, db, tables...)
			}
			if probes, err := seedBooks(t.Context(), trial, stale); err != nil || len(probes) != 3 || missed(probes) != 2 {
				t.Errorf("a reader that does not see the fault: %+v %v", probes, err)
			}
			if _, err := db.Exec("DELETE FROM payments WHERE id = 'P1'"); err != nil {
				t.Fatal(err)
			}
			if probes, err := seedBooks(t.Context(), trial, books); err != nil || missed(probes) != 1 || probes[0].Found { // only the copy with nothing changed shows it
				t.Errorf("a reader that gives nothing: %+v %v", probes, err)
			}
		})
	}
}

func recordOf(t *testing.T, db *sql.DB, books seededBooks) recon.Record {
	t.Helper()
	for r, err := range ledger.Records(t.Context(), db, books.tables...) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Key.ID == "P1" {
			return r
		}
	}
	t.Fatal("no P1")
	return recon.Record{}
}

// TestAMissedSeedHolds: the gate says what it did not find, where it would have passed.
func TestAMissedSeedHolds(t *testing.T) {
	file, r := bankFile(t)
	weigh := func() gate.Decision {
		t.Helper()
		l, joined := soundRun(t, r)
		j := &judge{config: &config.Comparer{Data: config.Path(t.TempDir())}, log: slog.New(slog.DiscardHandler)}
		w, err := j.weigh(l, reading{joined: joined, scope: comparer.Scope{ChannelFinal: true}, file: file}, loose())
		if err != nil {
			t.Fatal(err)
		}
		out, err := j.conclude(t.Context(), w, loose(), gate.Facts{})
		if err != nil {
			t.Fatal(err)
		}
		return out.decision
	}
	if d := weigh(); d.Verdict != gate.Pass || d.Judged != 1 {
		t.Errorf("a sound run: %s %v", d.Verdict, d.Reasons)
	}
	file.adapter = blind{file.adapter, file.path}
	d := weigh()
	if said := strings.Join(d.Reasons, "\n"); d.Verdict != gate.Hold || !strings.Contains(said, "gate-invalid") || !strings.Contains(said, "a line left out of the statement's bytes") {
		t.Errorf("a blind adapter: %s: %s", d.Verdict, said)
	}
}
