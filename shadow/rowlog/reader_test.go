package rowlog

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// brief prints what a write set says, as lines.
func brief(ws shadow.WriteSet) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", ws.Order, ws.Outcome, ws.Cause)
	for _, s := range ws.Statements {
		fmt.Fprintf(&b, "\n%s %s key=%v %s", s.Verb, s.Table, s.Key, s.Cause)
		for _, r := range s.Before {
			fmt.Fprintf(&b, " -%s", values(r))
		}
		for _, r := range s.Rows {
			fmt.Fprintf(&b, " +%s", values(r))
		}
	}
	return b.String()
}

func values(r shadow.Row) string {
	var out []string
	for _, v := range r.Values {
		out = append(out, v.Text)
	}
	return "(" + strings.Join(out, ",") + ")"
}

func TestTransactions(t *testing.T) {
	for _, c := range []struct {
		name string
		run  []string
		want []string
	}{
		{"insert, update, delete", []string{
			"BEGIN", mark + "INSERT INTO orders VALUES ('A', 1.50, 'new')", "UPDATE orders SET state='paid' WHERE order_no='A'",
			"UPDATE accounts SET balance=balance-1 WHERE id=1", "DELETE FROM orders WHERE order_no='A'", "COMMIT"},
			[]string{"A committed \ninsert orders key=[order_no]  +(A,1.50,new)\nupdate orders key=[order_no]  -(A,1.50,new) +(A,1.50,paid)\n" +
				"update accounts key=[id]  -(1,100) +(1,99)\ndelete orders key=[order_no]  -(A,1.50,paid)"}},
		{"values only the server knows", []string{mark + "INSERT INTO orders SELECT 'B', SUM(balance), CONCAT('x', id) FROM accounts WHERE id=2"},
			[]string{"B committed \ninsert orders key=[order_no]  +(B,100.00,x2)"}},
		{"upsert", []string{mark + "INSERT INTO orders VALUES ('C',1,'n')", mark + "INSERT INTO orders VALUES ('C',1,'n') ON DUPLICATE KEY UPDATE state='again'"},
			[]string{"C committed \ninsert orders key=[order_no]  +(C,1.00,n)", "C committed \nupdate orders key=[order_no]  -(C,1.00,n) +(C,1.00,again)"}},
		{"rolled back", []string{"BEGIN", mark + "INSERT INTO orders VALUES ('D',1,'n')", "ROLLBACK"}, nil},
		{"savepoint", []string{"BEGIN", mark + "INSERT INTO orders VALUES ('E',1,'n')", "SAVEPOINT s", "UPDATE orders SET state='x' WHERE order_no='E'", "ROLLBACK TO s", "COMMIT"},
			[]string{"E committed \ninsert orders key=[order_no]  +(E,1.00,n)"}},
		{"untagged", []string{"INSERT INTO orders VALUES ('F',1,'n')"}, nil},
		{"an ignored table is left out", []string{"BEGIN", mark + "INSERT INTO orders VALUES ('G',1,'n')", "INSERT INTO notes (what) VALUES ('x')", "COMMIT"},
			[]string{"G committed \ninsert orders key=[order_no]  +(G,1.00,n)"}},
		{"only an ignored table", []string{mark + "INSERT INTO notes (what) VALUES ('x')"}, nil},
		{"an undeclared table", []string{mark + "INSERT INTO undeclared (order_no) VALUES ('H')"},
			[]string{" committed unkeyed-table\ninsert undeclared key=[] unkeyed-table"}},
		{"a table without a key", []string{mark + "INSERT INTO keyless VALUES ('I',1)"},
			[]string{"I committed unkeyed-table\ninsert keyless key=[] unkeyed-table +(I,1)"}},
		{"an update where only inserts are taken", []string{mark + "INSERT INTO flows (id, order_no, amount) VALUES (7,'J',1)", mark + "UPDATE flows SET amount=2 WHERE id=7"},
			[]string{"J committed \ninsert flows key=[id]  +(7,J,1)", "J committed not-insert\nupdate flows key=[id] not-insert -(7,J,1) +(7,J,2)"}},
		{"two orders", []string{mark + "INSERT INTO orders VALUES ('K1',1,'n'),('K2',1,'n')"},
			[]string{" committed unclassified\ninsert orders key=[order_no]  +(K1,1.00,n) +(K2,1.00,n)"}},
		{"no order", []string{mark + "UPDATE accounts SET balance=5 WHERE id=2"}, []string{" committed no-key\nupdate accounts key=[id]  -(2,100) +(2,5)"}},
		{"definition changed in between", []string{mark + "INSERT INTO orders VALUES ('L',1,'n')", "ALTER TABLE orders ADD COLUMN extra INT FIRST", mark + "INSERT INTO orders VALUES (9,'L',1,'n') ON DUPLICATE KEY UPDATE extra=9",
			"ALTER TABLE orders DROP COLUMN extra"},
			[]string{"L committed \ninsert orders key=[order_no]  +(L,1.00,n)", "L committed \nupdate orders key=[order_no]  -(,L,1.00,n) +(9,L,1.00,n)"}},
		{"as text", []string{"SET SESSION binlog_format='STATEMENT'", mark + "INSERT INTO orders VALUES ('M',1,'n')", "SET SESSION binlog_format='ROW'"},
			[]string{" committed unclassified\ninsert orders key=[] unclassified"}},
		{"partial images", []string{"SET SESSION binlog_row_image='MINIMAL'", mark + "UPDATE accounts SET balance=6 WHERE id=2", "SET SESSION binlog_row_image='FULL'"},
			[]string{" committed unclassified\nupdate accounts key=[] unclassified"}},
		{"rolled back beside a table without transactions", []string{"BEGIN", mark + "INSERT INTO orders VALUES ('N',1,'n')", mark + "INSERT INTO moves (order_no) VALUES ('N')", "ROLLBACK"},
			[]string{"N committed \ninsert moves key=[id]  +(1,N)"}},
		{"distributed", []string{"XA START 'x'", mark + "INSERT INTO orders VALUES ('O',1,'n')", "XA END 'x'", "XA PREPARE 'x'", "XA COMMIT 'x'"},
			[]string{"O unknown unknown-commit\ninsert orders key=[order_no]  +(O,1.00,n)"}},
		{"definition", []string{mark + "CREATE TABLE orders2 (id INT)"}, []string{" committed not-insert\nddl  key=[] not-insert"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, server)
			b.start()
			conn, err := b.db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			for _, text := range c.run {
				exec(t, conn, text)
			}
			var got []string
			for _, ws := range b.settled() {
				got = append(got, brief(ws))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n--\n"), strings.Join(c.want, "\n--\n"))
			}
		})
	}
}

func TestPreparedStatementsKeepTheirMark(t *testing.T) {
	b := newBench(t, server)
	b.start()
	p, err := b.db.Prepare(mark + "INSERT INTO orders VALUES (?, ?, ?)")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Exec("A", "2.50", nil); err != nil {
		t.Fatal(err)
	}
	ws := b.sets(1)[0]
	row := ws.Statements[0].Rows[0]
	if ws.Release != "v2" || values(row) != "(A,2.50,)" || !row.Values[2].Null || !strings.HasPrefix(ws.ID, "binlog:") || ws.Position == "" {
		t.Errorf("%+v", ws)
	}
}

func TestForeignWritesOfGrayOrders(t *testing.T) {
	b := newBench(t, server)
	b.start()
	exec(t, b.db, mark+"INSERT INTO orders VALUES ('A',1,'n')")
	exec(t, b.db, "INSERT INTO orders VALUES ('B',1,'n')")
	exec(t, b.db, "UPDATE orders SET state='settled'")
	exec(t, b.db, "UPDATE orders SET state='x' WHERE order_no='B'")
	b.settled()
	if _, foreign := b.sink.now(); !slices.Equal(foreign, []string{"A"}) {
		t.Errorf("foreign writes of %q, want A alone", foreign)
	}
	exec(t, b.db, "SET STATEMENT binlog_format='STATEMENT' FOR DELETE FROM orders WHERE order_no='B'")
	b.settled()
	if _, foreign := b.sink.now(); !slices.Equal(foreign, []string{"A", ""}) {
		t.Errorf("foreign writes of %q, want one of an unknown order behind A", foreign)
	}
	exec(t, b.db, "TRUNCATE TABLE flows")
	exec(t, b.db, "TRUNCATE TABLE notes")
	b.settled()
	if _, foreign := b.sink.now(); !slices.Equal(foreign, []string{"A", "", ""}) {
		t.Errorf("foreign writes of %q, want one more for the declared table that was emptied", foreign)
	}
}

// Commit order and completeness over many connections, while the server is killed twice and the reader is started anew.
func TestNothingIsLostOverRestarts(t *testing.T) {
	dir := t.TempDir()
	own, err := mariadb.Start(t.Context(), dir, append(logging(), "--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1")...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Stop) // after the reader
	b := newBench(t, own)
	b.start()
	var mu sync.Mutex
	committed := map[string]bool{}
	var wg sync.WaitGroup
	quit := make(chan struct{})
	for w := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; ; i++ {
				select {
				case <-quit:
					return
				default:
				}
				order := fmt.Sprintf("%d-%d", w, i)
				if _, err := b.db.Exec(mark+"INSERT INTO orders VALUES (?, ?, 'n')", order, i); err == nil {
					mu.Lock()
					committed[order] = true
					mu.Unlock()
				} else {
					time.Sleep(20 * time.Millisecond)
				}
			}
		}()
	}
	for range 2 {
		time.Sleep(300 * time.Millisecond)
		own.Kill()
		if err := own.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond)
		if err := b.stop(); err != nil {
			t.Fatal(err)
		}
		b.start()
	}
	time.Sleep(200 * time.Millisecond)
	close(quit)
	wg.Wait()
	sets := b.settled()
	rows := map[string]bool{}
	found, err := b.db.Query("SELECT order_no FROM orders WHERE state='n'")
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	for found.Next() {
		var order string
		if err := found.Scan(&order); err != nil {
			t.Fatal(err)
		}
		rows[order] = true
	}
	seen, ids := map[string]bool{}, map[string]bool{}
	for _, ws := range sets {
		if ids[ws.ID] {
			t.Errorf("%s came twice though it was done", ws.ID)
		}
		ids[ws.ID], seen[ws.Order] = true, true
	}
	for order := range committed {
		if !seen[order] {
			t.Errorf("%s committed and was not read", order)
		}
	}
	if len(seen) != len(rows) || len(committed) < 20 {
		t.Errorf("%d orders read, %d in the table, %d acknowledged", len(seen), len(rows), len(committed))
	}
}

func TestWhatIsNotDoneComesAgain(t *testing.T) {
	b := newBench(t, server)
	b.sink.hold = true
	b.start()
	exec(t, b.db, mark+"INSERT INTO orders VALUES ('A',1,'n')")
	exec(t, b.db, mark+"INSERT INTO orders VALUES ('B',1,'n')")
	exec(t, b.db, mark+"INSERT INTO orders VALUES ('C',1,'n')")
	first := b.sets(3)
	b.sink.held[0]()
	b.sink.held[2]() // behind one that is not done
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	b.sink.sets, b.sink.hold = nil, false
	b.start()
	again := b.settled()
	if len(again) != 2 || again[0].ID != first[1].ID || again[1].ID != first[2].ID {
		t.Errorf("%d sets came again, want B and C with their ids: %+v", len(again), again)
	}
}

func TestLogThatIsGone(t *testing.T) {
	own, err := mariadb.Start(t.Context(), t.TempDir(), logging()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Stop) // after the reader
	b := newBench(t, own)
	b.start()
	exec(t, b.db, mark+"INSERT INTO orders VALUES ('A',1,'n')")
	b.sets(1)
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	exec(t, b.db, "RESET MASTER")
	exec(t, b.db, mark+"INSERT INTO orders VALUES ('B',1,'n')")
	r := b.opened()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := r.Run(ctx); err == nil || !strings.Contains(err.Error(), "try:") {
		t.Errorf("a purged log gave %v", err)
	}
}

func TestCheckNamesEachSetting(t *testing.T) {
	own, err := mariadb.Start(t.Context(), t.TempDir(), "--server-id=1", "--binlog-format=MIXED", "--binlog-row-image=MINIMAL", "--binlog-annotate-row-events=OFF")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Stop()
	err = Check(t.Context(), open(t, own, ""))
	for _, name := range []string{"log_bin", "binlog_format is MIXED", "binlog_row_image is MINIMAL", "binlog_row_metadata", "binlog_annotate_row_events", "try: SET GLOBAL binlog_row_metadata"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q is not in: %v", name, err)
		}
	}
	if err := Check(t.Context(), open(t, server, "")); err != nil {
		t.Errorf("a good server: %v", err)
	}
}

func TestDamagedPositionFile(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "cut": positionMark + "0-1-4", "other": "hello\n", "nonsense": positionMark + "x-y\n"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, server)
			if err := os.WriteFile(b.cfg.PositionFile, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := New(b.cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if err := r.Open(t.Context()); err == nil || !strings.Contains(err.Error(), b.cfg.PositionFile) {
				t.Errorf("opened with %v", err)
			}
		})
	}
}

// An account with the rights that the documentation names is enough, and one without them is an error that says so.
func TestAccountOfItsOwn(t *testing.T) {
	b := newBench(t, server)
	root := open(t, server, "")
	exec(t, root, "CREATE USER reader@'%' IDENTIFIED BY 'secret'")
	defer func() { _, _ = root.Exec("DROP USER reader@'%'") }() // the server ends with the tests
	exec(t, root, "GRANT SELECT ON "+b.schema+".* TO reader@'%'")
	cfg := server.Config(b.schema)
	cfg.User, cfg.Passwd = "reader", "secret"
	b.cfg.DSN = cfg.FormatDSN()
	r := b.opened()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := r.Run(ctx); err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "REPLICATION SLAVE") {
		t.Errorf("without the right to read the log: %v", err)
	}
	exec(t, root, "GRANT REPLICATION SLAVE ON *.* TO reader@'%'")
	b.start()
	exec(t, b.db, mark+"INSERT INTO orders VALUES ('A',1,'n')")
	if ws := b.sets(1)[0]; ws.Order != "A" {
		t.Error(brief(ws))
	}
}
