package export_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/casework/export"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

type book struct{}

func (book) Append(context.Context, audit.Entry) (uint64, error) { return 0, nil }

type rig struct {
	desk   *casework.Desk
	intake *casework.Intake
}

func newRig(t *testing.T) rig {
	t.Helper()
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { now = now.Add(time.Second); return now }
	return rig{&casework.Desk{DB: stores.Open(t, stores.File(t)), Log: book{}, SLA: casework.DefaultSLA(), Now: clock}, &casework.Intake{SLA: casework.DefaultSLA(), Now: clock}}
}

func batch(n int) casework.Batch {
	return casework.Batch{ID: fmt.Sprint("s@", n), Statement: "s", Channel: "wechat", Account: "1", Kind: "bill", Day: "2026-11-26"}
}

func finding(id string, books, channel recon.Money) casework.Finding {
	side := func(m recon.Money) *recon.Record {
		return &recon.Record{Key: recon.Key{Kind: recon.KindPayment, ID: id}, Order: id, Amount: m, Status: recon.StatusSuccess, Origin: recon.Origin{File: "f.csv", Line: 2}}
	}
	f := casework.Finding{Difference: match.Difference{Break: recon.AmountMismatch, Group: match.Group{Key: recon.Key{Kind: recon.KindPayment, ID: id}, Occurrence: 1}}}
	f.Records = []*recon.Record{side(books), side(channel)}
	if books.Currency == "" {
		f.Records[0] = nil
	}
	return f
}

func cny(n int64) recon.Money { return recon.Money{Minor: n, Currency: "CNY"} }

func (r rig) tx(t *testing.T, do func(tx *store.Tx) (casework.Change, error)) {
	t.Helper()
	if err := r.desk.DB.Tx(t.Context(), func(tx *store.Tx) error { _, err := do(tx); return err }); err != nil {
		t.Fatal(err)
	}
}

func (r rig) open(t *testing.T, n int, found ...casework.Finding) {
	t.Helper()
	r.tx(t, func(tx *store.Tx) (casework.Change, error) { return r.intake.Open(t.Context(), tx, batch(n), found) })
}

func (r rig) write(t *testing.T, what export.What, form export.Form) []byte {
	t.Helper()
	table, err := export.Open(what, form)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := table.Write(t.Context(), r.desk, casework.Filter{}, &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// check holds a table's three formats against each other.
func check[T any](t *testing.T, r rig, what export.What) []T {
	t.Helper()
	var rows []T
	lines := bufio.NewScanner(bytes.NewReader(r.write(t, what, export.JSONLines)))
	for lines.Scan() {
		var one T
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, one)
	}
	data := r.write(t, what, export.Parquet)
	same, err := parquet.Read[T](bytes.NewReader(data), int64(len(data)))
	if err != nil || !reflect.DeepEqual(rows, same) {
		t.Errorf("parquet has %+v, JSON lines %+v, %v", same, rows, err)
	}
	cells, err := csv.NewReader(bytes.NewReader(r.write(t, what, export.CSV))).ReadAll()
	if err != nil || len(cells) != len(rows)+1 {
		t.Fatalf("%d rows of CSV, want %d, %v", len(cells), len(rows)+1, err)
	}
	kind := reflect.TypeFor[T]()
	for c, name := range cells[0] {
		if tag := kind.Field(c).Tag; tag.Get("json") != name || !strings.HasPrefix(tag.Get("parquet"), name) {
			t.Errorf("column %d is %q in CSV, %q in JSON, %q in Parquet", c, name, tag.Get("json"), tag.Get("parquet"))
		}
		for i, one := range rows {
			value := reflect.Indirect(reflect.ValueOf(one).Field(c))
			want := ""
			if value.IsValid() {
				want = fmt.Sprint(value.Interface())
			}
			if got := cells[i+1][c]; got != want && got != "'"+want {
				t.Errorf("row %d, %s: %q in CSV, %q in JSON", i, name, got, want)
			}
		}
	}
	return rows
}

func TestFormatsAgree(t *testing.T) {
	r := newRig(t)
	r.open(t, 1, finding("P1", cny(100), cny(99)), finding("=cmd|' /C calc'!A1", recon.Money{}, cny(7)), finding("用户,\"1\"\n", cny(1), recon.Money{Minor: 1, Currency: "USD"}))
	cases := check[export.CaseRow](t, r, export.Cases)
	if len(cases) != 3 || cases[0].Definition == "" {
		t.Errorf("got %+v", cases)
	}
	if rows := check[export.BreakRow](t, r, export.Breaks); len(rows) != 3 {
		t.Errorf("got %+v", rows)
	}
	check[export.Line](t, r, export.Suspense)
	if text := string(r.write(t, export.Cases, export.CSV)); !strings.Contains(text, ",'=cmd|") {
		t.Errorf("a formula: %s", text)
	}
	empty := newRig(t)
	for _, what := range []export.What{export.Breaks, export.Cases, export.Suspense} {
		if text := string(empty.write(t, what, export.CSV)); strings.Count(text, "\n") != 1 {
			t.Errorf("%s without rows: %q", what, text)
		}
	}
}

// TestJournalBalances lets cases live at random and holds the journal against what is open, and against itself later.
func TestJournalBalances(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SEED=%d", seed)
	random, r := rand.New(rand.NewPCG(seed, 0)), newRig(t)
	reviewer, operator := casework.Actor{Name: "chen", Role: casework.RoleReviewer}, casework.Actor{Name: "li", Role: casework.RoleOperator}
	booked := map[string]export.Line{}
	for step := range 150 {
		id := fmt.Sprint("P", random.IntN(12))
		known, err := r.desk.Of(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		other := cny(random.Int64N(200))
		if random.IntN(8) == 0 {
			other.Currency = "USD"
		}
		f := finding(id, cny(random.Int64N(200)), other)
		if random.IntN(3) == 0 {
			f = finding(id, recon.Money{}, other) // only there: with a currency of its own
		}
		switch action := random.IntN(5); {
		case action == 0 || len(known) == 0:
			r.open(t, step, f)
		case action == 1:
			r.tx(t, func(tx *store.Tx) (casework.Change, error) {
				return r.intake.Withdraw(t.Context(), tx, batch(step), []casework.Finding{f})
			})
		case known[0].State == casework.StateClosed:
			_, err = r.desk.Reopen(t.Context(), reviewer, known[0].ID, "x")
		case action == 2:
			if _, err = r.desk.Take(t.Context(), operator, known[0].ID); err == nil {
				_, err = r.desk.Close(t.Context(), reviewer, known[0].ID, casework.ResolvedWrittenOff, "x")
			}
		default:
			_, err = r.desk.Close(t.Context(), operator, known[0].ID, casework.ResolvedNoBreak, "x")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	balances := map[string]int64{}
	for _, line := range check[export.Line](t, r, export.Suspense) {
		if _, twice := booked[line.ID]; twice || line.Minor <= 0 {
			t.Errorf("line %+v", line)
		}
		booked[line.ID] = line
		signed := line.Minor
		if line.Side == "debit" {
			signed = -signed
		}
		balances[line.Account+" "+line.Currency] += signed
		balances[line.Currency] += signed
	}
	open := map[string]int64{}
	if err := r.desk.Each(t.Context(), casework.Filter{Open: true}, func(c *casework.Case) error {
		if c.Gap != nil {
			open[string(c.Gap.Currency)] += c.Gap.Minor
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, currency := range []string{"CNY", "USD"} {
		if balances[currency] != 0 || balances["suspense "+currency] != open[currency] {
			t.Errorf("%s: debits less credits are %d; suspense has %d, open cases %d", currency, balances[currency], balances["suspense "+currency], open[currency])
		}
	}
	if balances["write-off CNY"] == 0 && balances["write-off USD"] == 0 || len(booked) < 40 {
		t.Errorf("%d lines, balances %v: nothing was tried", len(booked), balances)
	}
	r.open(t, 999, finding("P0", cny(1), cny(2)))
	for _, line := range check[export.Line](t, r, export.Suspense) {
		if old, there := booked[line.ID]; there && old != line {
			t.Errorf("a line changed: %+v, was %+v", line, old)
		}
	}
}
