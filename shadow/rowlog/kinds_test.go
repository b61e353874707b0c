package rowlog

import (
	"fmt"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/seed-3356bd69/touchstone/shadow"
)

const kinds = `CREATE TABLE kinds (
 order_no VARCHAR(64) CHARACTER SET ascii PRIMARY KEY,
 i1 TINYINT, i1u TINYINT UNSIGNED, i2 SMALLINT, i2u SMALLINT UNSIGNED, i3 MEDIUMINT, i3u MEDIUMINT UNSIGNED, i4 INT, i4u INT UNSIGNED, i8 BIGINT, i8u BIGINT UNSIGNED,
 flag BOOL, filled INT(8) ZEROFILL, exact DECIMAL(30,10), whole DECIMAL(20,0), single FLOAT, dbl DOUBLE,
 day DATE, noon TIME(3), neg TIME, at DATETIME(6), ats DATETIME, ts TIMESTAMP(6) NULL, ts0 TIMESTAMP NULL, yr YEAR,
 c CHAR(10), v VARCHAR(200), vl VARCHAR(100) CHARACTER SET latin1, vg VARCHAR(100) CHARACTER SET gbk, t TEXT, mt MEDIUMTEXT CHARACTER SET gbk, u3 VARCHAR(20) CHARACTER SET utf8mb3,
 bin BINARY(6), vbin VARBINARY(20), bl BLOB, lbl LONGBLOB, bits BIT(12), e ENUM('a','支','ü') CHARACTER SET utf8mb4, el ENUM('x','ü') CHARACTER SET latin1, s SET('p','q','r'),
 js JSON, g POINT, gen INT AS (i4 + 1) STORED, virt INT AS (i4 + 2) VIRTUAL, hidden INT INVISIBLE)`

// full and empty rows of every kind of column: what the log says, put into a copy, must give an equal row.
func TestEveryKindOfColumn(t *testing.T) {
	b := newBench(t, server)
	exec(t, b.db, kinds)
	exec(t, b.db, "CREATE TABLE copy LIKE kinds")
	b.start()
	fill := `order_no, i1, i1u, i2, i2u, i3, i3u, i4, i4u, i8, i8u, flag, filled, exact, whole, single, dbl, day, noon, neg, at, ats, ts, ts0, yr,
 c, v, vl, vg, t, mt, u3, bin, vbin, bl, lbl, bits, e, el, s, js, g, hidden`
	for name, row := range map[string]string{
		"high": `'high', 127, 255, 32767, 65535, 8388607, 16777215, 2147483646, 4294967295, 9223372036854775807, 18446744073709551615, 1, 42,
 12345678901234567890.0123456789, 99999999999999999999, 1.1, 0.1, '9999-12-31', '12:34:56.789', '-838:59:59', '2026-11-24 23:59:59.999999', '1000-01-01 00:00:00',
 '2037-01-19 03:14:07.999999', '2026-03-29 02:30:00', 2155, 'pad  ', '支付宝 👍 \\ ''', 'für €', '微信支付', REPEAT('文', 5000), '账单', 'grün',
 x'00ff00', x'8081ff00', x'00', REPEAT(x'ff', 70000), b'100000000001', '支', 'ü', 'p,r', '{"a": [1, "ü"]}', ST_GeomFromText('POINT(1 2)'), 7`,
		"low": `'low', -128, 0, -32768, 0, -8388608, 0, -2147483648, 0, -9223372036854775808, 0, 0, 0,
 -0.0000000001, -1, -3.4e38, -1.7976931348623157e308, '0000-00-00', '00:00:00', '00:00:01', '0000-00-00 00:00:00', '2026-11-24 00:00:00',
 '1970-01-01 00:00:01', '2026-10-25 02:30:00', 1901, '', '', '', '', '', '', '', '', '', '', '', b'0', 'a', 'x', '', '[]', ST_GeomFromText('POINT(-1.5 0)'), -1`,
		"null": `'null', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
 NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL`,
	} {
		conn, err := b.db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		exec(t, conn, "SET sql_mode='', time_zone='+08:00'")
		exec(t, conn, mark+"INSERT INTO kinds ("+fill+") VALUES ("+row+")")
		_ = conn.Close()
		sets := b.settled()
		ws := sets[len(sets)-1]
		if ws.Cause != "" || len(ws.Statements) != 1 || len(ws.Statements[0].Rows) != 1 {
			t.Fatalf("%s: %s", name, brief(ws))
		}
		insertCopy(t, b, ws.Statements[0].Rows[0], ws.TimeZone)
		for _, column := range columns(t, b) {
			var same bool
			compare := fmt.Sprintf("SELECT k.`%[1]s` <=> c.`%[1]s` AND HEX(k.`%[1]s`) <=> HEX(c.`%[1]s`) FROM kinds k JOIN copy c USING (order_no) WHERE order_no=?", column)
			if err := b.db.QueryRow(compare, name).Scan(&same); err != nil {
				t.Fatal(err)
			}
			if !same {
				t.Errorf("%s: column %s of the copy differs", name, column)
			}
		}
	}
}

func columns(t *testing.T, b *bench) []string {
	t.Helper()
	rows, err := b.db.Query("SELECT column_name FROM information_schema.columns WHERE table_schema=? AND table_name='kinds'", b.schema)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		out = append(out, name)
	}
	if len(out) < 40 {
		t.Fatalf("%d columns", len(out))
	}
	return out
}

func insertCopy(t *testing.T, b *bench, row shadow.Row, zone string) {
	t.Helper()
	names, marks, args := "", "", []any{}
	for i, v := range row.Values {
		if row.Columns[i] == "gen" || row.Columns[i] == "virt" {
			continue
		}
		names, marks = names+",`"+row.Columns[i]+"`", marks+",?"
		switch {
		case v.Null:
			args = append(args, nil)
		case v.Binary:
			args = append(args, []byte(v.Text))
		default:
			args = append(args, v.Text)
		}
	}
	conn, err := b.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	exec(t, conn, "SET sql_mode='', time_zone='"+zone+"'")
	exec(t, conn, "INSERT INTO copy ("+names[1:]+") VALUES ("+marks[1:]+")", args...)
}

func TestColumnsTheLogDoesNotNameAreNotGuessed(t *testing.T) {
	for _, kind := range []string{"UUID", "INET6", "INET4"} {
		b := newBench(t, server)
		b.start()
		exec(t, b.db, "CREATE TABLE kinds (order_no VARCHAR(20) PRIMARY KEY, x "+kind+")")
		exec(t, b.db, mark+"INSERT INTO kinds (order_no) VALUES ('A')")
		if ws := b.settled()[0]; ws.Cause != shadow.CauseUnclassified {
			t.Errorf("%s: %s", kind, brief(ws))
		}
		if err := b.stop(); err != nil { // two readers with one server id would push each other out
			t.Error(err)
		}
	}
}

// MySQL's own events, which MariaDB does not send.
func TestEventsOfMySQL(t *testing.T) {
	b := newBench(t, server)
	r, err := New(b.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	g := &group{reader: r}
	head := &replication.EventHeader{Timestamp: 1}
	sid := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	take := func(e replication.Event) *transaction {
		t.Helper()
		ended, err := g.take(&replication.BinlogEvent{Header: head, Event: e})
		if err != nil {
			t.Fatal(err)
		}
		return ended
	}
	take(&replication.GTIDEvent{SID: sid, GNO: 7})
	take(&replication.QueryEvent{Query: []byte("BEGIN"), Schema: []byte(b.schema)})
	take(&replication.RowsQueryEvent{Query: []byte(mark + "DELETE FROM other")})
	ended := take(&replication.XIDEvent{})
	if ended == nil || ended.gtid != "01020304-0506-0708-090a-0b0c0d0e0f10:7" || ended.release != "v2" {
		t.Fatalf("%+v", ended)
	}
	take(&replication.GTIDEvent{SID: sid, GNO: 8})
	if ended := take(&replication.QueryEvent{Query: []byte("CREATE TABLE x (id INT)")}); ended == nil || ended.gtid[len(ended.gtid)-2:] != ":8" {
		t.Fatalf("a definition did not end its transaction: %+v", ended)
	}
	payload := &replication.TransactionPayloadEvent{}
	for _, e := range []replication.Event{&replication.QueryEvent{Query: []byte("BEGIN")}, &replication.XIDEvent{}} {
		payload.Events = append(payload.Events, &replication.BinlogEvent{Header: head, Event: e})
	}
	take(&replication.GTIDEvent{SID: sid, GNO: 9})
	if ended := take(payload); ended == nil {
		t.Fatal("a compressed transaction did not end")
	}
	if _, err := g.take(&replication.BinlogEvent{Header: head, Event: &replication.XIDEvent{}}); err == nil {
		t.Fatal("an end without a beginning was taken")
	}
}
