package dualwrite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/seed-3356bd69/touchstone/shadow"
)

func image(pairs ...string) shadow.Row {
	var r shadow.Row
	for i := 0; i < len(pairs); i += 2 {
		v := shadow.Value{Text: pairs[i+1]}
		if v.Text == "NULL" {
			v = shadow.Value{Null: true}
		}
		r.Columns, r.Values = append(r.Columns, pairs[i]), append(r.Values, v)
	}
	return r
}

func change(table string, before, after []shadow.Row, key ...string) shadow.Statement {
	return shadow.Statement{Table: table, Key: key, Before: before, Rows: after, Affected: uint64(max(len(before), len(after)))}
}

func rowSet(id, order string, statements ...shadow.Statement) shadow.WriteSet {
	return shadow.WriteSet{ID: id, Order: order, Outcome: shadow.Committed, Sealed: time.Now(), TimeZone: "+00:00", Statements: statements}
}

func content(t *testing.T, db *sql.DB, ask string) string {
	t.Helper()
	rows, err := db.Query(ask)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		out = append(out, line)
	}
	return strings.Join(out, " ")
}

func TestImagesByKey(t *testing.T) {
	rows := func(r ...shadow.Row) []shadow.Row { return r }
	for name, c := range map[string]struct {
		writes []shadow.Statement
		want   string
		fails  bool
	}{
		"insert":                  {[]shadow.Statement{change("w", nil, rows(image("a", "1", "b", "1", "v", "x")), "a", "b")}, "0/0/old 1/1/x", false},
		"insert over a row":       {[]shadow.Statement{change("w", nil, rows(image("a", "0", "b", "0", "v", "x")), "a", "b")}, "0/0/x", false},
		"update":                  {[]shadow.Statement{change("w", rows(image("a", "0", "b", "0", "v", "other")), rows(image("a", "0", "b", "0", "v", "x")), "a", "b")}, "0/0/x", false},
		"update of a missing row": {[]shadow.Statement{change("w", rows(image("a", "5", "b", "0", "v", "q")), rows(image("a", "5", "b", "0", "v", "x")), "a", "b")}, "0/0/old 5/0/x", false},
		"update without a change": {[]shadow.Statement{change("w", rows(image("a", "0", "b", "0", "v", "old")), rows(image("a", "0", "b", "0", "v", "old")), "a", "b")}, "0/0/old", false},
		"update of the key":       {[]shadow.Statement{change("w", rows(image("a", "0", "b", "0", "v", "old")), rows(image("a", "9", "b", "0", "v", "old")), "a", "b")}, "9/0/old", false},
		"delete":                  {[]shadow.Statement{change("w", rows(image("a", "0", "b", "0", "v", "zzz")), nil, "a", "b")}, "", false},
		"delete of a missing row": {[]shadow.Statement{change("w", rows(image("a", "7", "b", "0", "v", "zzz")), nil, "a", "b")}, "0/0/old", false},
		"delete without a key":    {[]shadow.Statement{change("w", rows(image("a", "0", "b", "0", "v", "old")), nil)}, "0/0/old", true},
		"an image without its key": {[]shadow.Statement{change("w", nil, rows(image("a", "3", "b", "0", "v", "x")), "a", "b"),
			change("w", rows(image("v", "old")), nil, "a")}, "0/0/old", true},
		"second half refused": {[]shadow.Statement{change("w", nil, rows(image("a", "1", "b", "1", "v", "x")), "a", "b"),
			change("w", nil, rows(image("a", "2", "b", "1", "nosuch", "x")), "a", "b")}, "0/0/old", true},
	} {
		t.Run(name, func(t *testing.T) {
			db := createSchema(t, fmt.Sprintf("images%d", time.Now().UnixNano()))
			must(t, db, "CREATE TABLE w (a INT, b INT, v VARCHAR(20), g VARCHAR(30) AS (CONCAT(v, a)) STORED, PRIMARY KEY (a, b))")
			must(t, db, "INSERT INTO w (a, b, v) VALUES (0, 0, 'old')")
			must(t, db, createApplied)
			target := newTarget(db, nil, false)
			for range 2 {
				if err := target.apply(t.Context(), rowSet("id", "A", c.writes...)); (err != nil) != c.fails {
					t.Fatalf("err %v, fails %v", err, c.fails)
				} else if errors.Is(err, errAgain) {
					t.Fatalf("%v would be tried for ever", err)
				}
			}
			if got := content(t, db, "SELECT CONCAT_WS('/', a, b, v) FROM w ORDER BY a, b"); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestMappingToAnotherSchema(t *testing.T) {
	db := createSchema(t, "mapped")
	must(t, db, "CREATE TABLE pay_order (pay_no VARCHAR(64) PRIMARY KEY, cents BIGINT NOT NULL, twice BIGINT AS (cents * 2) STORED)")
	a, st, stop := startApplier(t, db, func(c *ApplierConfig) {
		c.Mappings = map[string]Mapping{"payments": {
			Table: "pay_order", Columns: map[string]string{"order_no": "pay_no", "amount": "cents", "double_amount": "twice"}, Drop: []string{"legacy"}, Shift: map[string]int{"amount": 2},
		}}
	})
	one := image("order_no", "A", "amount", "12.50", "legacy", "x", "double_amount", "25.00")
	two := image("order_no", "A", "amount", "-0.07", "legacy", "x", "double_amount", "0")
	a.Submit(0, rowSet("1", "A", change("Payments", nil, []shadow.Row{one}, "order_no")))
	a.Submit(0, rowSet("2", "A", change("Payments", []shadow.Row{one}, []shadow.Row{two}, "order_no")))
	a.Submit(0, rowSet("3", "B", change("Payments", nil, []shadow.Row{image("order_no", "B", "amount", "abc")}, "order_no")))
	stop()
	if got := content(t, db, "SELECT CONCAT_WS('/', pay_no, cents, twice) FROM pay_order"); got != "A/-7/-14" {
		t.Errorf("shadow holds %s", got)
	}
	if got := st.tally(); got[shadow.Applied] != 2 || got[shadow.ApplyFailed] != 1 {
		t.Errorf("states %v", got)
	}
}

// Through the pool that a sidecar uses every value arrives as it was, whatever the session's mode.
func TestValuesArriveExactly(t *testing.T) {
	createSchema(t, "exactly")
	db, err := OpenShadow(server.Config("exactly").FormatDSN(), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	must(t, db, createApplied)
	target := newTarget(db, nil, true)
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	quoted, escapes := "it's \\ \"x\" \n\x1a % _ \u0000 支付 👍 ? ?", "NO_BACKSLASH_ESCAPES"
	for i, mode := range []*string{nil, &escapes, nil, &escapes} { // the first goes the long way: the table is new to the pool
		order := fmt.Sprint("E", i)
		row := shadow.Row{Columns: []string{"order_no", "amount", "note", "raw"}, Values: []shadow.Value{{Text: order}, {Text: "-9223372036854775808"}, {Text: quoted}, {Text: string(every), Binary: true}}}
		ws := rowSet(order, order, shadow.Statement{Table: "orders", Affected: 1, Rows: []shadow.Row{row}})
		ws.SQLMode = mode
		if err := target.apply(t.Context(), ws); err != nil {
			t.Fatal(err)
		}
		var amount, note string
		var raw []byte
		if err := db.QueryRow("SELECT amount, note, raw FROM orders WHERE order_no='"+order+"'").Scan(&amount, &note, &raw); err != nil {
			t.Fatal(err)
		}
		if amount != "-9223372036854775808" || note != quoted || string(raw) != string(every) {
			t.Errorf("mode %v: %s %q %x", mode, amount, note, raw)
		}
	}
}

// What a batch meets is told as the long way tells it, and leaves no transaction open.
func TestBatchThatIsRefused(t *testing.T) {
	createSchema(t, "batched")
	db, err := OpenShadow(server.Config("batched").FormatDSN(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	a, st, stop := startApplier(t, db, func(c *ApplierConfig) { c.Batched, c.Workers, c.Tries = true, 1, 3 })
	for _, id := range []string{"1", "2", "3"} {
		a.Submit(0, orderSet(id, "B"+id))
	}
	a.Submit(0, orderSet("2", "B2")) // again: its id is there
	a.Submit(0, orderSet("4", "B1")) // another one with a row that is there
	bad := orderSet("5", "B5")
	bad.Statements[0].Rows[0].Columns[1] = "nosuch"
	a.Submit(0, bad)
	half := orderSet("6", "B6")
	half.Statements = append(half.Statements, half.Statements[0]) // the second one is a duplicate of the first
	a.Submit(0, half)
	a.Submit(0, orderSet("7", "B7"))
	stop()
	got := map[string]shadow.ApplyState{}
	for id, s := range st.last {
		got[id] = s.State
	}
	want := map[string]shadow.ApplyState{"1": shadow.Applied, "2": shadow.Applied, "3": shadow.Applied, "4": shadow.ApplyFailed, "5": shadow.ApplyFailed, "6": shadow.ApplyFailed, "7": shadow.Applied}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if rows := content(t, db, "SELECT order_no FROM orders ORDER BY 1"); rows != "B1 B2 B3 B7" {
		t.Errorf("the shadow holds %s", rows)
	}
	if ids := content(t, db, "SELECT id FROM "+TableApplied+" ORDER BY 1"); ids != "1 2 3 7" {
		t.Errorf("applied ids %s", ids)
	}
}

func TestShift(t *testing.T) {
	for in, want := range map[string]string{"12.50/2": "1250", "1250/-2": "12.50", "0/2": "0", "-0.07/2": "-7", "7/-3": "0.007", "-7/-3": "-0.007", "0.001/2": "0.1", "99999999999999999999.99/2": "9999999999999999999999"} {
		text, places, _ := strings.Cut(in, "/")
		var n int
		fmt.Sscan(places, &n)
		if got, ok := shift(text, n); !ok || got != want {
			t.Errorf("%s gave %s %v, want %s", in, got, ok, want)
		}
	}
	for _, bad := range []string{"", "x", "1e5", "1.2.3", "1._2", "1_0", "1.-5", "."} {
		if got, ok := shift(bad, 2); ok {
			t.Errorf("%q gave %s", bad, got)
		}
	}
	for range 2000 {
		digits, places, by := rand.Int64()-rand.Int64(), rand.IntN(6), rand.IntN(9)-4
		text, _ := shift(fmt.Sprint(digits), -places)
		got, ok := shift(text, by)
		want, _ := new(big.Rat).SetString(text)
		for range max(by, -by) {
			if by > 0 {
				want.Mul(want, big.NewRat(10, 1))
			} else {
				want.Quo(want, big.NewRat(10, 1))
			}
		}
		if r, readable := new(big.Rat).SetString(got); !ok || !readable || r.Cmp(want) != 0 {
			t.Fatalf("%s by %d gave %s", text, by, got)
		}
	}
}

// Rows that many orders share are written in the order of the log, by many workers; each order's rows too.
func TestSharedRowsKeepTheirOrder(t *testing.T) {
	db := createSchema(t, "sharedrows")
	must(t, db, "CREATE TABLE account (id INT PRIMARY KEY, balance BIGINT)")
	must(t, db, "CREATE TABLE ord (no VARCHAR(20) PRIMARY KEY, step INT)")
	const accounts, sets = 5, 600
	balance, steps := map[int]int{}, map[string]int{}
	a, st, stop := startApplier(t, db, func(c *ApplierConfig) { c.Workers, c.Queue = 8, 50 })
	for i := range sets {
		at, order := rand.IntN(accounts), fmt.Sprint("o", rand.IntN(100))
		id := fmt.Sprint(at)
		account := change("account", []shadow.Row{image("id", id, "balance", fmt.Sprint(balance[at]))}, []shadow.Row{image("id", id, "balance", fmt.Sprint(i))}, "id")
		line := change("ord", []shadow.Row{image("no", order, "step", fmt.Sprint(steps[order]))}, []shadow.Row{image("no", order, "step", fmt.Sprint(i))}, "no")
		balance[at], steps[order] = i, i
		if err := a.Follow(t.Context(), rowSet(fmt.Sprint("s", i), order, account, line), func() {}); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if got := st.tally(); got[shadow.Applied] != sets {
		t.Fatalf("states %v", got)
	}
	for id, want := range balance {
		if got := content(t, db, fmt.Sprint("SELECT balance FROM account WHERE id=", id)); got != fmt.Sprint(want) {
			t.Errorf("account %d is at %s, the last write was %d", id, got, want)
		}
	}
	for order, want := range steps {
		if got := content(t, db, "SELECT step FROM ord WHERE no='"+order+"'"); got != fmt.Sprint(want) {
			t.Errorf("order %s is at %s, the last write was %d", order, got, want)
		}
	}
}

// away is a shadow that takes no connection, and counts how often it was asked.
type away struct{ asked atomic.Int64 }

func (a *away) Connect(context.Context) (driver.Conn, error) {
	a.asked.Add(1)
	return nil, mysql.ErrInvalidConn
}
func (a *away) Driver() driver.Driver { return mysql.MySQLDriver{} }

func TestOneWorkerAsksAShadowThatIsAway(t *testing.T) {
	gone := &away{}
	a, st, stop := startApplier(t, sql.OpenDB(gone), func(c *ApplierConfig) {
		c.Workers, c.Backoff, c.DrainTimeout, c.Queue = 16, 20*time.Millisecond, time.Millisecond, 8
	})
	var done atomic.Int64
	full := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	for i := range 8 {
		if err := a.Follow(ctx, orderSet(fmt.Sprint(i), fmt.Sprint(i)), func() { done.Add(1) }); err != nil {
			t.Fatal(err)
		}
	}
	go func() { full <- a.Follow(ctx, orderSet("9", "9"), func() { done.Add(1) }) }()
	time.Sleep(500 * time.Millisecond)
	select {
	case err := <-full:
		t.Fatalf("a ninth set found room where there are eight: %v", err)
	default:
	}
	if s := a.Status(); !s.Away || s.Depth != 8 {
		t.Errorf("status %+v", s)
	}
	cancel()
	if err := <-full; !errors.Is(err, context.Canceled) {
		t.Errorf("who waited for room got %v", err)
	}
	stop()
	// 16 workers at 20 ms without a breaker would have asked some 100 times and more; database/sql asks 3 times for each try
	if n := gone.asked.Load(); n > 16*3+30 {
		t.Errorf("asked %d times", n)
	}
	if got := st.tally(); done.Load() != 0 || got[shadow.ApplyPending] != 9 {
		t.Errorf("%d called done, states %v: what the end came before is pending and comes again", done.Load(), got)
	}
}

func TestWaitingForTheShadow(t *testing.T) {
	db := createSchema(t, "synchronous")
	a, _, stop := startApplier(t, db, func(c *ApplierConfig) { c.Wait = 5 * time.Second })
	for i := range 20 {
		a.Submit(0, orderSet(fmt.Sprint(i), fmt.Sprint("W", i)))
		if n := count(t, db, "orders"); n != i+1 {
			t.Fatalf("%d rows are there after %d submits", n, i+1)
		}
	}
	stop()
	blocked, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = blocked.Rollback() }()
	if _, err := blocked.Exec("INSERT INTO orders (order_no, amount) VALUES ('slow', 1)"); err != nil {
		t.Fatal(err)
	}
	a, _, _ = startApplier(t, db, func(c *ApplierConfig) { c.Wait, c.DrainTimeout = 50*time.Millisecond, time.Millisecond })
	start := time.Now()
	a.Submit(0, orderSet("slow", "slow"))
	if took := time.Since(start); took < 40*time.Millisecond || took > time.Second {
		t.Errorf("a slow shadow held its client for %s, the deadline is 50ms", took)
	}
	gone, _, _ := startApplier(t, sql.OpenDB(&away{}), func(c *ApplierConfig) { c.Wait, c.DrainTimeout = 300*time.Millisecond, time.Millisecond })
	gone.Submit(0, orderSet("1", "1"))
	start = time.Now()
	for i := range 20 {
		gone.Submit(0, orderSet(fmt.Sprint("g", i), "1"))
	}
	if took := time.Since(start); took > 200*time.Millisecond {
		t.Errorf("twenty clients of a shadow that is away lost %s", took)
	}
}

type broken struct{}

func (broken) Payload(uint64) ([]byte, error) { panic("the journal's reader is broken") }
func (broken) Done(uint64) error              { return nil }

func TestPanicsStayInTheApplier(t *testing.T) {
	db := createSchema(t, "panics")
	a, st, stop := startApplier(t, db, func(c *ApplierConfig) { c.Stored = broken{} })
	a.contained(t.Context(), &waiting{seq: 2, id: "broken", order: "Q"})
	a.Submit(0, orderSet("good", "R"))
	stop()
	if st.last["broken"].State != shadow.ApplyUnknown || st.last["broken"].Order != "Q" || st.last["good"].State != shadow.Applied {
		t.Errorf("states %v", st.last)
	}
}

func TestBreakerLetsOneTry(t *testing.T) {
	b := newBreaker(5*time.Millisecond, 20*time.Millisecond)
	if err := b.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.leave(true)
	var inside, tries atomic.Int64
	healed := time.Now().Add(100 * time.Millisecond)
	var wg sync.WaitGroup
	for range 10 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for {
				if err := b.enter(t.Context()); err != nil {
					t.Error(err)
					return
				}
				if inside.Add(1) > 1 && time.Now().Before(healed) {
					t.Error("two try a shadow that is away")
				}
				ok := time.Now().After(healed)
				if !ok {
					tries.Add(1)
				}
				time.Sleep(time.Millisecond)
				inside.Add(-1)
				b.leave(!ok)
				if ok {
					return
				}
			}
		}()
	}
	wg.Wait()
	if n := tries.Load(); n < 3 || n > 25 {
		t.Errorf("%d tries in 100 ms", n)
	}
	if b.open() {
		t.Error("it stays open behind a success")
	}
}
