package rows

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

const (
	payA = "INSERT INTO payments (id, order_no, payment_no, amount, currency, status, note, at, raw, trace) VALUES (%d, 'A', '%s', 1.50, 'CNY', 'OK', 'n', '2026-11-24 10:00:00.500', x'00ff', UUID())"
	entA = "INSERT INTO entries (id, order_no, payment_no, line, amount) VALUES (%d, 'A', '%s', %d, %s)"
)

func TestWhatDiffersIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		shadow []string // on the shadow alone, after both sides are alike but for their ids
		want   string
	}{
		"alike but for ids and noise": {nil, ""},
		"a cent":                      {[]string{"UPDATE payments SET amount = 1.51"}, "payments.amount value money 1.50 CNY -> 1.51 CNY"},
		"another currency":            {[]string{"UPDATE payments SET currency = 'USD'"}, "payments.amount value money 1.50 CNY -> 1.50 USD; payments.currency value currency CNY -> USD"},
		"an unreadable currency":      {[]string{"UPDATE payments SET currency = 'XX'"}, "unknown currency"},
		"NULL is not empty":           {[]string{"UPDATE payments SET note = NULL"}, "payments.note value plain n -> NULL"},
		"case":                        {[]string{"UPDATE payments SET status = 'ok'"}, "payments.status value plain OK -> ok"},
		"trailing space":              {[]string{"UPDATE payments SET status = 'OK '"}, "payments.status value plain OK -> OK "},
		"bytes":                       {[]string{"UPDATE payments SET raw = x'00fe'"}, "payments.raw value plain 0x00ff -> 0x00fe"},
		"within the tolerance":        {[]string{"UPDATE payments SET at = '2026-11-24 10:00:01.400'"}, ""},
		"outside of it":               {[]string{"UPDATE payments SET at = '2026-11-24 10:00:01.501'"}, "payments.at value"},
		"row missing":                 {[]string{"DELETE FROM entries WHERE line = 2"}, "entries. missing money payment_no=P-1,line=2 amount=0.50 CNY -> absent"},
		"row extra":                   {[]string{fmt.Sprintf(entA, 903, "S-9", 3, "7")}, "entries. extra money absent -> payment_no=S-9,line=3 amount=7.00 CNY"},
		"everything missing":          {[]string{"DELETE FROM entries", "DELETE FROM payments"}, "payments. missing money payment_no=P-1 amount=1.50 CNY -> absent"},
		"a wrong foreign key":         {[]string{"UPDATE entries SET payment_no = 'S-other' WHERE line = 2"}, "entries.payment_no value alias S-9 -> S-other"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSides(t)
			s.run(s.primary, fmt.Sprintf(payA, 1, "P-1"), fmt.Sprintf(entA, 11, "P-1", 1, "1.00"), fmt.Sprintf(entA, 12, "P-1", 2, "0.50"))
			s.run(s.shadow, fmt.Sprintf(payA, 901, "S-9"), fmt.Sprintf(entA, 911, "S-9", 1, "1.00"), fmt.Sprintf(entA, 912, "S-9", 2, "0.50"))
			s.run(s.shadow, c.shadow...)
			r := s.compare(nil, "A")["A"]
			got := lines(r)
			if c.want == "" && got != "" || !strings.Contains(got, c.want) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if c.want == "" && (r.Rows != 3 || len(r.Bindings) == 0) {
				t.Errorf("%d rows compared, bindings %v", r.Rows, r.Bindings)
			}
		})
	}
}

// What an answer taught binds: the row's other id is a difference, not a new binding.
func TestLearnedIdsAreNotBoundAnew(t *testing.T) {
	s := newSides(t)
	s.run(s.primary, fmt.Sprintf(payA, 1, "P-1"))
	s.run(s.shadow, fmt.Sprintf(payA, 901, "S-9"))
	known := map[string][]shadow.Binding{"A": {{Column: "payment_no", Primary: "P-1", Shadow: "S-1"}}}
	if got := lines(s.compare(known, "A")["A"]); got != "payments.payment_no value alias S-1 -> S-9" {
		t.Errorf("got %s", got)
	}
}

func TestTableWithoutAKeyIsInconclusive(t *testing.T) {
	s := newSides(t)
	s.config.Tables = append(s.config.Tables, Table{Name: "keyless", Order: "order_no"})
	s.both("INSERT INTO keyless VALUES ('A', 'x')")
	got := s.compare(nil, "A", "B")
	if got["A"].Cause != shadow.CauseUnkeyedTable || got["B"].Cause != "" {
		t.Errorf("A %+v, B %+v", got["A"], got["B"])
	}
}

func TestDriftIsAnError(t *testing.T) {
	for column, change := range map[string]string{"status": "ALTER TABLE payments DROP COLUMN status", "fresh": "ALTER TABLE payments ADD COLUMN fresh INT", "no such table": "DROP TABLE entries"} {
		s := newSides(t)
		s.run(s.shadow, change)
		c, err := New(s.config)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Check(t.Context()); !errors.Is(err, ErrDrift) {
			t.Errorf("%s: %v", column, err)
		} else if column != "no such table" && !strings.Contains(err.Error(), "table payments: column "+column) {
			t.Errorf("%s is not named: %v", column, err)
		}
	}
}

func TestRenamedTableInMinorUnits(t *testing.T) {
	s := newSides(t)
	s.run(s.shadow, "CREATE TABLE pay (no VARCHAR(64) PRIMARY KEY, ord VARCHAR(64), cents BIGINT)")
	s.run(s.primary, "CREATE TABLE pay_old (no VARCHAR(64) PRIMARY KEY, order_no VARCHAR(64), amount DECIMAL(12,2))",
		"INSERT INTO pay_old VALUES ('1', 'A', 12.30), ('2', 'B', 0.01)")
	s.run(s.shadow, "INSERT INTO pay VALUES ('1', 'A', 1230), ('2', 'B', 2)")
	s.config.Tables = []Table{{Name: "pay_old", ShadowName: "pay", Key: []string{"no"}, Order: "order_no", Columns: map[string]string{"order_no": "ord", "amount": "cents"},
		Money: map[string]MoneyColumn{"amount": {Unit: recon.UnitMajor, Currency: "CNY"}}, ShadowMoney: map[string]MoneyColumn{"amount": {Unit: recon.UnitMinor, Currency: "CNY"}}}}
	got := s.compare(nil, "A", "B")
	if lines(got["A"]) != "" || lines(got["B"]) != "pay_old.amount value money 0.01 CNY -> 0.02 CNY" {
		t.Errorf("A %s, B %s", lines(got["A"]), lines(got["B"]))
	}
}

// A shadow that catches up between two looks differs in nothing; one that does not, does.
func TestRecheck(t *testing.T) {
	for _, late := range []bool{true, false} {
		s := newSides(t)
		s.run(s.primary, fmt.Sprintf(payA, 1, "P-1"))
		slept := 0
		s.config.Delay = 7 * time.Second
		s.config.Sleep = func(_ context.Context, d time.Duration) error {
			if slept++; slept == 2 && late {
				s.run(s.shadow, fmt.Sprintf(payA, 901, "S-9"))
			}
			if d != 7*time.Second {
				t.Errorf("waited %s", d)
			}
			return nil
		}
		got := lines(s.compare(nil, "A")["A"])
		if late != (got == "") || slept != 2 {
			t.Errorf("late %t: %q after %d waits", late, got, slept)
		}
	}
}

func TestNoiseAndAliasesNeverHideMoney(t *testing.T) {
	for _, spoil := range []func(*Table){
		func(p *Table) { p.Noise = map[string]Noise{"amount": {"r", "o"}} },
		func(p *Table) { p.Noise = map[string]Noise{"currency": {"r", "o"}} },
		func(p *Table) { p.Noise = map[string]Noise{"order_no": {"r", "o"}} },
		func(p *Table) { p.Noise = map[string]Noise{"trace": {"", "o"}} },
		func(p *Table) { p.Aliases["amount"] = "x" },
		func(p *Table) { p.Money["amount"] = MoneyColumn{Unit: recon.UnitMajor} },
		func(p *Table) { p.Classes = map[string]shadow.FieldClass{"trace": "odd"} },
	} {
		s := newSides(t)
		spoil(&s.config.Tables[0])
		if _, err := New(s.config); err == nil {
			t.Errorf("accepted: %+v", s.config.Tables[0])
		}
	}
}

// Thousands of orders; some of them get one fault each on the shadow. Exactly those must be found, each by its table and
// column.
func TestInjectedFaultsAreFound(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	s := newSides(t)
	const orders = 2000
	want := map[string]string{}
	var names []string
	var sql [2]struct{ payments, entries []string }
	for i := range orders {
		order := fmt.Sprintf("O%d", i)
		names = append(names, order)
		fault := ""
		if r.IntN(20) == 0 {
			fault = []string{"payments.amount", "entries.missing", "entries.extra", "entries.payment_no", "entries.amount", "payments.status", "entries.duplicate"}[r.IntN(7)]
		}
		if fault != "" {
			want[order] = fault
		}
		payments := 1 + r.IntN(3)
		for side := range 2 {
			for n := range payments {
				no := fmt.Sprintf("%d-%d-%d", side, i, n)
				amount, status := fmt.Sprintf("%d.%02d", i, n), "OK"
				struck := side == 1 && n == payments-1
				if struck && fault == "payments.amount" {
					amount = fmt.Sprintf("%d.%02d", i, n+50)
				}
				if struck && fault == "payments.status" {
					status = "LOST"
				}
				sql[side].payments = append(sql[side].payments, fmt.Sprintf("('%s','%s',%s,'CNY','%s','n','2026-11-24 10:00:00',NULL,UUID())", order, no, amount, status))
				lines := []string{fmt.Sprintf("('%s','%s',1,%d.00)", order, no, n), fmt.Sprintf("('%s','%s',2,0.05)", order, no)}
				if struck {
					switch fault {
					case "entries.missing":
						lines = lines[:1]
					case "entries.extra":
						lines = append(lines, fmt.Sprintf("('%s','%s',3,9.00)", order, no))
					case "entries.payment_no":
						lines[1] = fmt.Sprintf("('%s','elsewhere',2,0.05)", order)
					case "entries.amount":
						lines[0] = fmt.Sprintf("('%s','%s',1,%d.01)", order, no, n)
					case "entries.duplicate":
						lines = append(lines, lines[1])
					}
				}
				r.Shuffle(len(lines), func(a, b int) { lines[a], lines[b] = lines[b], lines[a] })
				sql[side].entries = append(sql[side].entries, lines...)
			}
		}
	}
	for side, db := range []interface{ run(...string) }{runner{s, true}, runner{s, false}} {
		r.Shuffle(len(sql[side].payments), func(a, b int) {
			sql[side].payments[a], sql[side].payments[b] = sql[side].payments[b], sql[side].payments[a]
		})
		db.run("INSERT INTO payments (order_no, payment_no, amount, currency, status, note, at, raw, trace) VALUES "+strings.Join(sql[side].payments, ","),
			"INSERT INTO entries (order_no, payment_no, line, amount) VALUES "+strings.Join(sql[side].entries, ","))
	}
	start := time.Now()
	got := s.compare(nil, names...)
	t.Logf("%d orders, three looks at %d of them, in %s", orders, len(want), time.Since(start).Round(time.Millisecond))
	if len(want) < 40 || len(got) != orders {
		t.Fatalf("%d faults in %d orders", len(want), len(got))
	}
	for order, result := range got {
		fault := want[order]
		switch {
		case fault == "" && lines(result) != "":
			t.Errorf("%s is alike: %s", order, lines(result))
		case fault != "" && len(result.Mismatches) == 0:
			t.Errorf("%s has %s, not found", order, fault)
		case fault != "":
			checkFault(t, order, fault, result)
		}
	}
}

type runner struct {
	s       *sides
	primary bool
}

func (r runner) run(statements ...string) {
	db := r.s.shadow
	if r.primary {
		db = r.s.primary
	}
	r.s.run(db, statements...)
}

func checkFault(t *testing.T, order, fault string, r Result) {
	t.Helper()
	table, what, _ := strings.Cut(fault, ".")
	kinds := map[string]shadow.MismatchKind{"missing": shadow.KindMissing, "extra": shadow.KindExtra, "duplicate": shadow.KindExtra}
	for _, m := range r.Mismatches {
		kind, rowFault := kinds[what]
		if m.Name == table && (rowFault && m.Kind == kind || !rowFault && m.Field == what) {
			return
		}
	}
	t.Errorf("%s has %s, found %s", order, fault, lines(r))
}
