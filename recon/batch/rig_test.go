package batch_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/scan"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// server is the one MariaDB of this package's tests.
var server *mariadb.Server

func TestMain(m *testing.M) {
	if dir := os.Getenv(workerFolder); dir != "" {
		os.Exit(simulatedWorker(dir))
	}
	os.Exit(mariadb.Main(m, &server))
}

// lines is the format of the tests' statements and books: a file says at its end how many lines it has.
func lines() *recon.FormatSpec {
	return &recon.FormatSpec{
		Name: "test", Columns: []recon.Column{{Name: "key"}, {Name: "amount"}, {Name: "status"}},
		Lines: recon.LineRule{Separator: ",", Comment: "#", End: "end"},
		Rows: []recon.RowRule{{
			Kind: recon.KindPayment, Key: []string{"key"}, Currency: "CNY", Amount: recon.Amount{Columns: []string{"amount"}, Unit: recon.UnitMajor},
			Status: recon.StatusMap{Column: "status", Values: map[string]recon.Status{"success": recon.StatusSuccess, "failed": recon.StatusFailed}},
		}},
		Totals: []recon.Total{{Pattern: `end (\d+)`, Of: recon.TotalCount, Required: true}},
	}
}

// file writes lines "key amount" as a statement.
func file(rows ...string) string {
	var b strings.Builder
	b.WriteString("key,amount,status\n")
	for _, row := range rows {
		key, amount, _ := strings.Cut(row, " ")
		fmt.Fprintf(&b, "%s,%s,success\n", key, amount)
	}
	fmt.Fprintf(&b, "# end %d\n", len(rows))
	return b.String()
}

// channel is a source whose next answer a test chooses.
type channel struct {
	mu     sync.Mutex
	answer func(id batch.ID, w io.Writer) (batch.Fetched, error)
}

func (c *channel) says(answer func(batch.ID, io.Writer) (batch.Fetched, error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
}

func (c *channel) sends(text string) {
	c.says(func(_ batch.ID, w io.Writer) (batch.Fetched, error) {
		_, err := io.WriteString(w, text)
		return batch.Fetched{Readiness: batch.Ready, Name: "bill.csv"}, err
	})
}

func (c *channel) Fetch(_ context.Context, id batch.ID, w io.Writer) (batch.Fetched, error) {
	c.mu.Lock()
	answer := c.answer
	c.mu.Unlock()
	return answer(id, w)
}

func (*channel) Format(context.Context, batch.ID) (*recon.FormatSpec, error) { return lines(), nil }

// books are files of a folder, one a day.
type books struct{ folder string }

func (b books) path(day string) string { return filepath.Join(b.folder, "books-"+day+".csv") }

func (b books) Open(_ context.Context, id batch.ID, o scan.Options) (*scan.Side, error) {
	o.Format, o.Name = lines(), "books of "+id.Day
	return scan.OpenFile(b.path(id.Day), o)
}

func (b books) write(t *testing.T, day, text string) {
	t.Helper()
	if err := os.WriteFile(b.path(day), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// caseList is the plainest taker of findings: a table with what is open.
type caseList struct {
	seen *[]batch.Finding // what Open was told; nil: nobody asks
}

func (caseList) create(ctx context.Context, db *store.DB) error {
	return db.Tx(ctx, func(tx *store.Tx) error {
		for _, table := range []string{
			"open_cases (id VARCHAR(255) NOT NULL PRIMARY KEY, opened INTEGER NOT NULL, gone INTEGER NOT NULL)",
			"booked (id VARCHAR(64) NOT NULL PRIMARY KEY, minor INTEGER NOT NULL)",
		} {
			if _, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+table); err != nil {
				return err
			}
		}
		return nil
	})
}

func caseID(b *batch.Batch, f *batch.Finding) string {
	id := fmt.Sprintf("%s %s #%d %s", b.Statement, f.Key, f.Occurrence, f.Break)
	if f.Since != "" {
		id += " since " + f.Since
	}
	return id
}

func (caseList) Settle(ctx context.Context, tx *store.Tx, b *batch.Batch, settled []batch.Settlement) error {
	for _, s := range settled {
		if _, err := tx.Exec(ctx, "UPDATE open_cases SET gone = 1 WHERE id = ?", settledCase(b, &s)); err != nil {
			return err
		}
	}
	return nil
}

func (caseList) Unsettle(ctx context.Context, tx *store.Tx, b *batch.Batch, open []batch.Settlement) error {
	for _, s := range open {
		if _, err := tx.Exec(ctx, "UPDATE open_cases SET gone = 0 WHERE id = ?", settledCase(b, &s)); err != nil {
			return err
		}
	}
	return nil
}

func settledCase(b *batch.Batch, s *batch.Settlement) string {
	earlier := *b
	earlier.Statement = s.Statement(b.Statement)
	return caseID(&earlier, &batch.Finding{Key: s.Key, Occurrence: s.Occurrence, Break: s.Break, Since: s.FoundSince()})
}

func (caseList) Book(ctx context.Context, tx *store.Tx, _ *batch.Batch, all []batch.WriteOff) error {
	rows := store.Rows{Table: "booked", Key: []string{"id"}, Columns: []string{"minor"}}
	for _, w := range all {
		for _, l := range w.Lines {
			rows.Values = append(rows.Values, []any{l.ID, l.Amount.Minor})
		}
	}
	for _, row := range rows.Values {
		if _, err := tx.Exec(ctx, "DELETE FROM booked WHERE id = ?", row[0]); err != nil {
			return err
		}
	}
	_, err := tx.Add(ctx, rows)
	return err
}

func (caseList) Unbook(ctx context.Context, tx *store.Tx, _ *batch.Batch, gone []batch.WriteOff) error {
	for _, w := range gone {
		for _, l := range w.Lines {
			if _, err := tx.Exec(ctx, "DELETE FROM booked WHERE id = ?", l.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c caseList) Open(ctx context.Context, tx *store.Tx, b *batch.Batch, found []batch.Finding) error {
	if c.seen != nil {
		*c.seen = append(*c.seen, found...)
	}
	rows := store.Rows{Table: "open_cases", Key: []string{"id"}, Columns: []string{"opened", "gone"}}
	for i := range found {
		rows.Values = append(rows.Values, []any{caseID(b, &found[i]), 1, 0})
	}
	_, err := tx.Add(ctx, rows)
	return err
}

func (caseList) Withdraw(ctx context.Context, tx *store.Tx, b *batch.Batch, gone []batch.Finding) error {
	for i := range gone {
		if _, err := tx.Exec(ctx, "UPDATE open_cases SET gone = 1 WHERE id = ?", caseID(b, &gone[i])); err != nil {
			return err
		}
	}
	return nil
}

// rig is a runner with one profile, whose clock and channel a test moves.
type rig struct {
	*batch.Runner
	channel *channel
	books   books
	now     time.Time
	id      batch.ID
}

const day = "2026-11-23"

func newRig(t *testing.T, db *store.DB) *rig {
	t.Helper()
	r := &rig{channel: &channel{}, books: books{t.TempDir()}, now: at("00:30")}
	profile := &batch.Profile{
		Channel: "wechat", Account: "m1", Kind: "trade", Zone: time.FixedZone("", 8*3600), Provisional: 2 * time.Hour, From: 9 * time.Hour, Due: 10 * time.Hour,
		Every: 10 * time.Minute, MaxRejected: 1, Source: r.channel, Books: r.books,
	}
	r.id = profile.ID(day)
	r.Runner = &batch.Runner{
		DB: db, Archive: batch.Archive{Folder: t.TempDir()}, Profiles: []*batch.Profile{profile}, Cases: caseList{}, Memory: 64 << 20, Threads: 1, Temp: t.TempDir(),
		Worker: "w1", Now: func() time.Time { return r.now }, Log: slog.New(slog.DiscardHandler),
	}
	if err := (caseList{}).create(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if err := r.Expect(t.Context(), day); err != nil {
		t.Fatal(err)
	}
	return r
}

// at is an hour of the day after the statement's.
func at(clock string) time.Time {
	when, err := time.ParseInLocation("2006-01-02 15:04", "2026-11-24 "+clock, time.FixedZone("", 8*3600))
	if err != nil {
		panic(err)
	}
	return when
}

// look advances the statement at an hour and gives what an operator sees then.
func (r *rig) look(t *testing.T, clock string) batch.Line {
	t.Helper()
	r.now = at(clock)
	if _, err := r.Advance(t.Context(), r.id); err != nil {
		t.Fatalf("%s: %v", clock, err)
	}
	return r.line(t)
}

func (r *rig) line(t *testing.T) batch.Line {
	t.Helper()
	all, err := r.Status(t.Context(), day)
	if err != nil || len(all) != 1 {
		t.Fatalf("status: %d lines, %v", len(all), err)
	}
	return all[0]
}

// cases gives what is open, by id.
func (r *rig) cases(t *testing.T) []string {
	t.Helper()
	rows, err := r.DB.Query(t.Context(), "SELECT id FROM open_cases WHERE gone = 0 ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.TrimPrefix(id, r.id.String()+" "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// audited counts the entries of an action.
func audited(t *testing.T, db *store.DB, action string) map[string]int {
	t.Helper()
	all, err := db.Outbox(t.Context(), 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, e := range all {
		if e.Action == action {
			got[e.Subject]++
		}
	}
	return got
}
