package drivers

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/shadow"
)

const columns = `(order_no VARCHAR(64) PRIMARY KEY, amount BIGINT, rate DECIMAL(20,4), note VARCHAR(200), raw LONGBLOB, d DATE,
	at DATETIME(6), ts TIMESTAMP(3) NULL, t TIME(6), f DOUBLE, flag TINYINT)`

// newShop makes the schema that the clients work on, and an empty copy of its two declared tables.
func newShop(t *testing.T) {
	t.Helper()
	root := direct(t, "")
	for _, name := range []string{"shop", "copied"} {
		mustExec(t, root, "DROP DATABASE IF EXISTS "+name, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
			"CREATE TABLE "+name+".pay "+columns, "CREATE TABLE "+name+".flow (id BIGINT AUTO_INCREMENT PRIMARY KEY, order_no VARCHAR(64) NOT NULL, amount DECIMAL(20,2))")
	}
	mustExec(t, root, "CREATE TABLE shop.state (order_no VARCHAR(64) PRIMARY KEY, n INT)", "INSERT INTO shop.state VALUES ('seed', 0)",
		"CREATE TABLE shop.bulk (id INT PRIMARY KEY, body VARCHAR(100))",
		"CREATE PROCEDURE shop.report(n INT) BEGIN SELECT n, n * 2; SELECT 'second', n; END")
}

// checkCopied: what committed write sets insert is row for row what the primary holds. An insert whose rows could not be
// told says so, and its client has deleted its row again.
func checkCopied(t *testing.T, sets []shadow.WriteSet) {
	t.Helper()
	copied := direct(t, "copied")
	copied.SetMaxOpenConns(1)
	for _, ws := range sets {
		switch {
		case ws.Outcome == shadow.Committed:
			replay(t, copied, ws)
		case ws.Outcome == shadow.CommitUnknown && !callsOnly(ws):
			t.Errorf("write set of %q is unknown: %s %+v", ws.Order, ws.Cause, ws.Statements)
		}
	}
	for _, table := range []string{"pay", "flow"} {
		want, got := dump(t, direct(t, "shop"), table), dump(t, direct(t, "copied"), table)
		if len(want) < 3 {
			t.Errorf("%s holds only %d rows: the client wrote nothing", table, len(want))
		}
		if at := firstDifference(strings.Join(want, "\n"), strings.Join(got, "\n")); at != "" {
			t.Errorf("table %s, primary against write sets: %s", table, at)
		}
	}
}

// callsOnly tells whether a write set holds nothing but the call of a procedure, which may have committed anything.
func callsOnly(ws shadow.WriteSet) bool {
	return !slices.ContainsFunc(ws.Statements, func(s shadow.Statement) bool { return !strings.HasPrefix(s.Text, "CALL ") })
}

func replay(t *testing.T, db *sql.DB, ws shadow.WriteSet) {
	t.Helper()
	zone, mode := "@@global.time_zone", "@@global.sql_mode"
	var settings []any
	if ws.TimeZone != "" {
		zone, settings = "?", append(settings, ws.TimeZone)
	}
	if ws.SQLMode != nil {
		mode, settings = "?", append(settings, *ws.SQLMode)
	}
	if _, err := db.Exec("SET time_zone = "+zone+", sql_mode = "+mode, settings...); err != nil {
		t.Fatal(err)
	}
	for _, s := range ws.Statements {
		if s.Verb == "insert" && s.Affected > 0 && (len(s.Rows) == 0) != (s.Cause != "") {
			t.Errorf("an insert of %q has %d rows and the cause %q", ws.Order, len(s.Rows), s.Cause)
		}
		for _, row := range s.Rows {
			text := fmt.Sprintf("INSERT INTO %s (%s) VALUES (?%s)", s.Table, strings.Join(row.Columns, ", "), strings.Repeat(", ?", len(row.Columns)-1))
			if _, err := db.Exec(text, arguments(row)...); err != nil {
				t.Errorf("replay insert into %s of %q: %v", s.Table, ws.Order, err)
			}
		}
	}
}

func arguments(row shadow.Row) (all []any) {
	for _, v := range row.Values {
		switch {
		case v.Null:
			all = append(all, nil)
		case v.Binary:
			all = append(all, []byte(v.Text))
		default:
			all = append(all, v.Text)
		}
	}
	return all
}

// dump gives a table's rows as text, in the order of its key.
func dump(t *testing.T, db *sql.DB, table string) (lines []string) {
	t.Helper()
	rows, err := db.Query("SELECT * FROM " + table + " ORDER BY 1")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		line := ""
		for i, v := range values {
			if v.Valid {
				line += fmt.Sprintf("%s=%.80q (%d bytes, %x) ", names[i], v.String, len(v.String), sha256.Sum256([]byte(v.String)))
			}
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// firstDifference tells where two texts part; "" = nowhere.
func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(a), len(b)) {
		x, y := lineAt(a, i), lineAt(b, i)
		if x != y {
			return fmt.Sprintf("line %d:\nwant %.600s\ngot  %.600s", i+1, x, y)
		}
	}
	return ""
}

func lineAt(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(nothing)"
}
