package dualwrite

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// The server rolls back with error 1213; what the client does next starts afresh.
func TestDeadlockDropsWhatTheServerRolledBack(t *testing.T) {
	b := newBench(t, "deadlock", Apply, nil)
	must(t, b.direct, "INSERT INTO audit (id, what) VALUES (1, 'x'), (2, 'y')")
	one, two := b.open(nil), b.open(nil)
	for _, db := range []*sql.DB{one, two} {
		must(t, db, "SET innodb_lock_wait_timeout=5")
		must(t, db, "BEGIN")
	}
	must(t, one, "UPDATE audit SET what='1' WHERE id=1")
	must(t, two, "UPDATE audit SET what='2' WHERE id=2")
	must(t, one, "UPDATE audit SET what='1' WHERE id>=3") // no lock conflict; makes one heavier
	for i := range 20 {
		must(t, one, "INSERT INTO audit (what) VALUES (?)", i)
	}
	must(t, two, insertA)
	waits := make(chan error, 1)
	go func() {
		_, err := one.ExecContext(t.Context(), "UPDATE audit SET what='1' WHERE id=2")
		waits <- err
	}()
	time.Sleep(100 * time.Millisecond)
	_, err := two.ExecContext(t.Context(), "UPDATE audit SET what='2' WHERE id=1")
	var e *mysql.MySQLError
	if !errors.As(err, &e) || e.Number != errDeadlock {
		t.Fatalf("the lighter transaction was not the victim: %v, %v", err, <-waits)
	}
	must(t, two, insertB)
	must(t, two, "COMMIT")
	if err := <-waits; err != nil {
		t.Fatal(err)
	}
	settle(t, two)
	if got := brief(b.seen.take()); !reflect.DeepEqual(got, []string{setB}) {
		t.Fatalf("got %q", got)
	}
}

func TestLockTimeoutRollsBackOneStatement(t *testing.T) {
	b := newBench(t, "locktimeout", Apply, nil)
	must(t, b.direct, "INSERT INTO audit (id, what) VALUES (1, 'x')")
	holder, err := b.direct.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Rollback() }()
	must(t, holder, "UPDATE audit SET what='h' WHERE id=1")
	db := b.open(nil)
	must(t, db, "SET innodb_lock_wait_timeout=1")
	must(t, db, "BEGIN")
	must(t, db, insertA)
	if _, err := db.Exec("UPDATE audit SET what='w' WHERE id=1"); err == nil {
		t.Fatal("the lock was free")
	}
	must(t, db, "COMMIT")
	settle(t, db)
	if got := brief(b.seen.take()); !reflect.DeepEqual(got, []string{setA}) {
		t.Fatalf("got %q", got)
	}
}

func TestConnectionDeathDropsAnOpenTransaction(t *testing.T) {
	b := newBench(t, "death", Apply, nil)
	db := b.open(nil)
	must(t, db, "BEGIN")
	must(t, db, insertA)
	db.Close()
	reset := b.open(nil)
	must(t, reset, "BEGIN")
	must(t, reset, insertB)
	var id int
	if err := reset.QueryRow("SELECT CONNECTION_ID()").Scan(&id); err != nil {
		t.Fatal(err)
	}
	must(t, b.direct, fmt.Sprintf("KILL %d", id))
	time.Sleep(50 * time.Millisecond)
	// The port has closed the client's side, so that the driver notices before it uses the connection.
	must(t, reset, "DO 1")
	b.stop()
	if got := brief(b.seen.take()); got != nil {
		t.Fatalf("got %q", got)
	}
	if n := count(t, b.direct, "orders"); n != 0 {
		t.Fatalf("%d rows in the primary", n)
	}
}

func count(t *testing.T, db *sql.DB, table string) (n int) {
	t.Helper()
	if err := db.QueryRow("SELECT COUNT(*) FROM " + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

type panicking struct{}

func (panicking) Submit(uint64, shadow.WriteSet)  { panic("observer") }
func (panicking) Resolve(uint64, shadow.WriteSet) { panic("observer") }

func TestPanicInTheObserverDoesNotReachTheClient(t *testing.T) {
	b := newBench(t, "panics", Apply, panicking{})
	db := b.open(nil)
	for i := range 3 {
		must(t, db, mark+"INSERT INTO orders (order_no, amount) VALUES (?, 1)", i)
	}
	if n := count(t, b.direct, "orders"); n != 3 {
		t.Fatalf("%d rows", n)
	}
	metrics, err := b.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range metrics {
		if m.GetName() == "touchstone_dualwrite_panics_total" && m.GetMetric()[0].GetCounter().GetValue() == 3 {
			return
		}
	}
	t.Fatal("three panics were not counted")
}

func TestValuesOfEveryKindArrive(t *testing.T) {
	b := newBench(t, "kinds", Apply, nil)
	at := time.Date(2026, 11, 24, 1, 2, 3, 456000000, time.UTC)
	blob := []byte{0, 0xff, '\'', '\\', 10}
	for _, interpolate := range []bool{false, true} {
		db := b.open(func(c *mysql.Config) { c.InterpolateParams = interpolate })
		must(t, b.direct, "DELETE FROM orders")
		s, err := db.Prepare(mark + "INSERT INTO orders (order_no, amount, note, raw, at) VALUES (?, ?, ?, ?, ?)")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 { // the second execution may leave the types out
			if _, err := s.Exec(fmt.Sprint("K", i), int64(-1)<<62, "it's \\ 好", blob, at); err != nil {
				t.Fatal(err)
			}
		}
		must(t, db, mark+"INSERT INTO orders (order_no, amount, note, raw, at) VALUES (?, ?, ?, ?, ?)", "K3", 0, nil, []byte(nil), at)
		settle(t, db)
		sets := b.seen.take()
		if len(sets) != 4 {
			t.Fatalf("%d sets", len(sets))
		}
		for _, ws := range sets {
			if ws.Cause != "" || len(ws.Statements) != 1 || len(ws.Statements[0].Rows) != 1 {
				t.Fatalf("%+v", ws)
			}
			if strings.Contains(ws.Statements[0].Text, "K") && strings.Contains(ws.Statements[0].Text, "'") {
				t.Errorf("literals in the text: %s", ws.Statements[0].Text)
			}
		}
		if got := b.copyOver(t, sets); got != b.dump(t, b.direct) {
			t.Fatalf("shadow\n%s\nprimary\n%s", got, b.dump(t, b.direct))
		}
	}
}

// copyOver applies write sets to a fresh schema and gives its content.
func (b *bench) copyOver(t *testing.T, sets []shadow.WriteSet) string {
	t.Helper()
	db := createSchema(t, b.schema+"_shadow")
	must(t, db, createApplied)
	for range 2 { // the second time changes nothing
		for _, ws := range sets {
			if err := newTarget(db, nil, false).apply(t.Context(), ws); err != nil {
				t.Fatal(err)
			}
		}
	}
	return b.dump(t, db)
}

func (b *bench) dump(t *testing.T, db *sql.DB) string {
	t.Helper()
	var out strings.Builder
	for _, q := range []string{
		"SELECT CONCAT_WS('|', order_no, amount, IFNULL(note,'NULL'), IFNULL(HEX(raw),'NULL'), IFNULL(at,'NULL')) FROM orders ORDER BY order_no",
		"SELECT CONCAT_WS('|', id, order_no, IFNULL(amount,'NULL')) FROM flows ORDER BY id",
	} {
		rows, err := db.Query(q)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			out.WriteString(line + "\n")
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func TestCausesNameWhatCannotBeCopied(t *testing.T) {
	b := newBench(t, "causes", Apply, nil)
	cases := []struct{ name, run, want string }{
		{"update", "UPDATE orders SET amount=5 WHERE order_no='S'", "committed S not-insert: update/orders/0/not-insert"},
		{"update of nothing", "UPDATE orders SET amount=5 WHERE order_no='nobody'", "no-write nobody : update/orders/0/not-insert"},
		{"delete", "DELETE FROM orders WHERE order_no='S'", "committed S not-insert: delete/orders/0/not-insert"},
		{"clock", "INSERT INTO orders (order_no, amount, at) VALUES ('N', 1, NOW())", "committed N nondeterministic: insert/orders/0/nondeterministic"},
		{"select", "INSERT INTO orders (order_no, amount) SELECT 'X', 1", "committed  nondeterministic: insert/orders/0/nondeterministic"},
		{"replace", "REPLACE INTO orders (order_no, amount) VALUES ('S', 7)", "committed S not-insert: replace/orders/0/not-insert"},
		{"on duplicate", "INSERT INTO orders (order_no, amount) VALUES ('S', 7) ON DUPLICATE KEY UPDATE amount=8", "committed S not-insert: insert/orders/0/not-insert"},
		{"partly ignored", "INSERT IGNORE INTO orders (order_no, amount) VALUES ('S', 7), ('T', 7)", "committed  unclassified: insert/orders/0/nondeterministic"},
		{"without columns", "INSERT INTO orders VALUES ('C', 1, NULL, NULL, NULL)", "committed  unclassified: insert/orders/0/unclassified"},
		{"undeclared table", "INSERT INTO audit (what) VALUES ('x')", "committed  unkeyed-table: insert/audit/0/unkeyed-table"},
		{"many generated ids", "INSERT INTO flows (order_no) VALUES ('S'), ('S')", "committed S nondeterministic: insert/flows/0/nondeterministic"},
		{"one generated id", "INSERT INTO flows (order_no) VALUES ('S')", "committed S : insert/flows/1/"},
		{"null is generated too", "INSERT INTO flows (id, order_no) VALUES (NULL, 'S')", "committed S : insert/flows/1/"},
		{"explicit ids", "INSERT INTO flows (id, order_no) VALUES (100, 'S'), (200, 'S')", "committed S : insert/flows/2/"},
		{"unreadable", "INSERT INTO orders (order_no, amount) VALUES ('R', 1) RETURNING order_no", "committed  unclassified: unknown//0/unclassified"},
		{"stored function", "SELECT f()", "committed  unclassified: select//0/unclassified"},
		{"digits in hex", "INSERT INTO orders (order_no, amount) VALUES ('H', x'3132')", "committed H unclassified: insert/orders/0/unclassified"},
		{"set form", "INSERT INTO orders SET order_no='F', amount=-3", "committed F : insert/orders/1/"},
		{"other schema", "INSERT INTO causes.orders (order_no, amount) VALUES ('Q', 1)", "committed Q : insert/orders/1/"},
	}
	db := b.open(nil)
	must(t, b.direct, "CREATE FUNCTION f() RETURNS INT NO SQL RETURN 1")
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			must(t, b.direct, "DELETE FROM orders")
			must(t, b.direct, "DELETE FROM flows")
			must(t, b.direct, "INSERT INTO orders (order_no, amount) VALUES ('S', 1)")
			must(t, db, mark+c.run)
			settle(t, db)
			if got := brief(b.seen.take()); len(got) != 1 || got[0] != c.want {
				t.Fatalf("got  %q\nwant %q", got, c.want)
			}
		})
	}
	for _, q := range []string{"SELECT * FROM orders FOR UPDATE", "SELECT GET_LOCK('a', 0)", "SELECT COUNT(*), NOW() FROM orders", "SHOW TABLES"} {
		must(t, db, mark+q)
	}
	if got := brief(b.seen.take()); got != nil {
		t.Fatalf("reads were recorded: %q", got)
	}
}

func TestMultiStatementsAndTheCommandLineClient(t *testing.T) {
	b := newBench(t, "multi", Apply, nil)
	db := b.open(func(c *mysql.Config) { c.MultiStatements = true })
	must(t, db, "BEGIN; "+insertA+"; COMMIT; BEGIN; "+insertB+"; ROLLBACK")
	settle(t, db)
	if got := brief(b.seen.take()); !reflect.DeepEqual(got, []string{setA}) {
		t.Fatalf("multi statements: %q", got)
	}
	file := filepath.Join(t.TempDir(), "load.csv")
	var rows bytes.Buffer
	for i := range 3000 {
		fmt.Fprintf(&rows, "L%d\t%d\n", i, i)
	}
	if err := os.WriteFile(file, rows.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	host, port, _ := strings.Cut(b.addr, ":")
	cmd := exec.CommandContext(t.Context(), "mariadb", "--no-defaults", "--comments", "-uroot", "-h"+host, "-P"+port, "--skip-ssl", "--local-infile=1", b.schema)
	cmd.Stdin = strings.NewReader("BEGIN;\n" + insertB + ";\nCOMMIT;\nLOAD DATA LOCAL INFILE '" + file + "' INTO TABLE orders (order_no, amount);\nSELECT COUNT(*) FROM orders;\n")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "3002") {
		t.Fatalf("%v: %s", err, out)
	}
	b.stop()
	if got := brief(b.seen.take()); !reflect.DeepEqual(got, []string{setB}) {
		t.Fatalf("command line client: %q", got)
	}
}

func TestStatementLongerThanOnePacketPasses(t *testing.T) {
	b := newBench(t, "bigtext", Apply, nil)
	db := b.open(func(c *mysql.Config) { c.MaxAllowedPacket = 64 << 20; c.InterpolateParams = true })
	text := strings.Repeat("x", 17<<20)
	must(t, db, "INSERT INTO orders (order_no, amount, raw) VALUES ('L', 1, '"+text+"')")
	must(t, db, mark+"INSERT INTO orders (order_no, amount, raw) VALUES ('M', 1, '"+text+"')")
	must(t, db, "INSERT INTO orders (order_no, amount, raw) VALUES ('N', 1, '"+text+"') /* gray='v2' */")
	var back string
	if err := db.QueryRow("SELECT raw FROM orders WHERE order_no='L'").Scan(&back); err != nil || back != text {
		t.Fatalf("%d bytes came back, %v", len(back), err)
	}
	must(t, db, insertA)
	settle(t, db)
	unread := "committed  unclassified: unknown//0/unclassified"
	if got := brief(b.seen.take()); !reflect.DeepEqual(got, []string{unread, unread, setA}) {
		t.Fatalf("got %q", got)
	}
}
