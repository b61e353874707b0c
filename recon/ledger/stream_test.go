package ledger

import (
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"
)

func source(name, table string, columns ...string) Source {
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr, c.DBName = "root", "tcp", server.Addr, name
	return Source{Config: c, Table: table, Columns: columns}
}

// rowsOf reads a source to its end, without the header, sorted.
func rowsOf(t testing.TB, s Source) (rows []string, stats Stats) {
	t.Helper()
	stream, err := Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(stream)
	if err = errors.Join(err, stream.Close()); err != nil {
		t.Fatal(err)
	}
	cells, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range cells[1:] {
		rows = append(rows, strings.Join(row, "|"))
	}
	slices.Sort(rows)
	return rows, stream.Stats()
}

func exec(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(s, err)
		}
	}
}

const manyRows = 12_000

// payments makes a table of many rows and gives what it holds, sorted.
func payments(t testing.TB, db *sql.DB, name, key string) []string {
	t.Helper()
	exec(t, db, "CREATE TABLE "+name+" (id "+key+" PRIMARY KEY, amount DECIMAL(20,2), state VARCHAR(9), paid_at DATETIME)")
	prefix := "CONCAT('P2026', LPAD(seq, 7, '0'))"
	if !strings.HasPrefix(key, "VARCHAR") {
		prefix = "CAST(seq AS SIGNED) * 7 - 90000"
	}
	exec(t, db, fmt.Sprintf("INSERT INTO %s SELECT %s, seq / 100, 'PAID', '2026-11-23 10:00:00' + INTERVAL seq SECOND FROM seq_1_to_%d", name, prefix, manyRows), "ANALYZE TABLE "+name)
	var want []string
	rows, err := db.QueryContext(t.Context(), "SELECT CONCAT_WS('|', id, amount, state, paid_at) FROM "+name)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var row string
		if err := rows.Scan(&row); err != nil {
			t.Fatal(err)
		}
		want = append(want, row)
	}
	slices.Sort(want)
	return want
}

func TestATableIsReadInParallelAndWhole(t *testing.T) {
	db := schema(t, "parallel")
	for name, key := range map[string]string{"by_number": "BIGINT", "by_text": "VARCHAR(32)", "by_latin": "VARCHAR(32) CHARACTER SET latin1"} {
		t.Run(name, func(t *testing.T) {
			want := payments(t, db, name, key)
			s := source("parallel", name)
			got, stats := rowsOf(t, s)
			if !slices.Equal(got, want) {
				t.Errorf("read %d rows, want %d", len(got), len(want))
			}
			if stats.Conns != 4 || stats.Ranges < 32 || !stats.Shared || stats.Rows != manyRows {
				t.Errorf("%+v", stats)
			}
			s.Options.Parallel = 1
			if got, stats = rowsOf(t, s); !slices.Equal(got, want) || stats.Conns != 1 || stats.Locked != 0 {
				t.Errorf("one connection read %d rows: %+v", len(got), stats)
			}
		})
	}
}

func TestCellsAreTextThatComesBack(t *testing.T) {
	schema(t, "cells",
		"CREATE TABLE odd (id INT UNSIGNED PRIMARY KEY, note TEXT, f DOUBLE, b VARBINARY(9), at TIMESTAMP NULL, big BIGINT UNSIGNED)",
		"SET time_zone = '+00:00'",
		`INSERT INTO odd VALUES (1, 'a,"b"\r\nc', 1.1, x'00ff', '2026-11-23 02:00:00', 18446744073709551615), (2, NULL, NULL, NULL, NULL, NULL), (3, '', 0, '', '2026-11-23 02:00:00', 0)`)
	got, _ := rowsOf(t, source("cells", "odd"))
	want := []string{"1|a,\"b\"\nc|1.1|\x00\xff|2026-11-23 10:00:00|18446744073709551615", "2|||||", "3||0||2026-11-23 10:00:00|0"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got, _ := rowsOf(t, source("cells", "odd", "note")); len(got) != 3 {
		t.Errorf("rows of one empty cell are lost: %q", got)
	}
}

// TestAMovingTableIsSeenAtOneMoment moves money between rows while the table is read: a sum over two moments would differ.
func TestAMovingTableIsSeenAtOneMoment(t *testing.T) {
	db := schema(t, "moving")
	payments(t, db, "payments", "BIGINT")
	exec(t, db, "UPDATE payments SET amount = 100")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- move(ctx, db) }()
	for range 3 {
		rows, stats := rowsOf(t, source("moving", "payments", "amount"))
		if !stats.Shared || stats.Conns < 2 {
			t.Fatalf("%+v", stats)
		}
		total := int64(0)
		for _, amount := range rows {
			var n int64
			if _, err := fmt.Sscanf(strings.Replace(amount, ".", "", 1), "%d", &n); err != nil {
				t.Fatal(amount, err)
			}
			total += n
		}
		if total != manyRows*10000 {
			t.Errorf("the rows add up to %d, want %d", total, manyRows*10000)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// move takes money from one row and gives it to another, far away, in one transaction.
func move(ctx context.Context, db *sql.DB) error {
	for ctx.Err() == nil {
		a, b := rand.IntN(manyRows), rand.IntN(manyRows)
		text := fmt.Sprintf("UPDATE payments SET amount = amount + CASE id WHEN %d THEN 1 ELSE -1 END WHERE id IN (%d, %d)", a*7-89993, a*7-89993, b*7-89993)
		if a == b {
			continue
		}
		if _, err := db.ExecContext(ctx, text); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// limited makes an account that may read and not lock.
func limited(t testing.TB, db *sql.DB, name string, s Source) Source {
	t.Helper()
	exec(t, db, "CREATE USER "+name+"@'127.0.0.1' IDENTIFIED BY 'secret-word'", "GRANT SELECT ON *.* TO "+name+"@'127.0.0.1'")
	s.Config = s.Config.Clone()
	s.Config.User, s.Config.Passwd = name, "secret-word"
	return s
}

func TestWithoutTheLockOneConnectionReadsOrAClosedRange(t *testing.T) {
	db := schema(t, "unlocked")
	want := payments(t, db, "payments", "BIGINT")
	s := limited(t, db, "reader", source("unlocked", "payments"))
	got, stats := rowsOf(t, s)
	if !slices.Equal(got, want) || stats.Conns != 1 || !stats.Shared {
		t.Errorf("%d rows, %+v", len(got), stats)
	}
	s.Time = Range{"paid_at", "2026-11-23 10:00:01", "2026-11-23 11:00:01"}
	got, stats = rowsOf(t, s)
	if len(got) != 3600 || stats.Conns != 4 || stats.Shared {
		t.Errorf("%d rows of an hour, %+v", len(got), stats)
	}
}

// TestARangeThatIsNotClosedIsAnError writes into a range that was declared closed, between its snapshots and its end.
func TestARangeThatIsNotClosedIsAnError(t *testing.T) {
	db := schema(t, "unclosed")
	payments(t, db, "payments", "BIGINT")
	s := limited(t, db, "unclosed_reader", source("unclosed", "payments")).withDefaults()
	s.Time = Range{"paid_at", "", "2026-12-01"}
	pool, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	r := &tableReader{source: s, db: pool}
	defer r.close()
	if err := r.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.stats.Shared {
		t.Fatal("an account without the right locked the table")
	}
	last := r.snap.conns[len(r.snap.conns)-1]
	if _, err := last.ExecContext(t.Context(), "COMMIT"); err != nil { // from here on it sees another moment
		t.Fatal(err)
	}
	exec(t, db, "INSERT INTO payments VALUES (1000000000, 1, 'PAID', '2026-11-24')")
	r.out = &Stream{blocks: make(chan []byte, 10_000)}
	r.out.free.New = func() any { b := make([]byte, 0, blockSize); return &b }
	if err := r.run(t.Context()); !errors.Is(err, ErrIncomplete) {
		t.Errorf("got %v", err)
	}
}

func TestALockThatIsNotToBeHadIsNotWaitedForLong(t *testing.T) {
	db := schema(t, "busy")
	want := payments(t, db, "payments", "BIGINT")
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(t.Context(), "UPDATE payments SET amount = 0 WHERE id = -89993"); err != nil {
		t.Fatal(err)
	}
	s := source("busy", "payments")
	s.Options.LockWait = time.Second
	began := time.Now()
	got, stats := rowsOf(t, s)
	if !slices.Equal(got, want) || stats.Conns != 1 || time.Since(began) > 20*time.Second {
		t.Errorf("%d rows in %s, %+v", len(got), time.Since(began), stats)
	}
}

func TestABusyServerIsLeftAlone(t *testing.T) {
	db := schema(t, "throttled", "CREATE TABLE few (id INT PRIMARY KEY)", "INSERT INTO few VALUES (1)")
	ctx, wake := context.WithCancel(t.Context())
	defer wake()
	for range 5 {
		go db.ExecContext(ctx, "DO SLEEP(60)")
	}
	deadline := time.Now().Add(20 * time.Second)
	for running := 0; running < 6; {
		var err error
		if running, err = threadsRunning(t.Context(), db); err != nil || time.Now().After(deadline) {
			t.Fatal(running, err)
		}
	}
	s := source("throttled", "few")
	s.Options = Options{MaxRunning: 3, Patience: 300 * time.Millisecond, Metrics: NewMetrics(prometheus.NewRegistry())}
	stream, err := Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(stream); err == nil || !strings.Contains(err.Error(), "runs more than 3 threads") {
		t.Errorf("a busy server was read: %v", err)
	}
	stream.Close()
	s.Options.MaxRunning = 50
	if got, _ := rowsOf(t, s); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	s.Options.MaxLag, s.Options.Replicas = time.Second, []string{"root@tcp(" + server.Addr + ")/"}
	stream, err = Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(stream); err == nil || !strings.Contains(err.Error(), "does not replicate") {
		t.Errorf("a replica that does not replicate: %v", err)
	}
	stream.Close()
}

func TestAStreamThatEndsEarlyDoesNotEndLikeAWholeOne(t *testing.T) {
	db := schema(t, "cut")
	payments(t, db, "payments", "BIGINT")
	exec(t, db, "ALTER TABLE payments ADD note VARCHAR(1000)", "UPDATE payments SET note = REPEAT('x', 500)") // more than waits between server and reader
	s := source("cut", "payments")
	stream, err := Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	kill(t, db, "cut")
	if text, err := io.ReadAll(stream); err == nil {
		t.Errorf("%d rows and no error", strings.Count(string(text), "\n"))
	}
	stream.Close()
	if stream, err = Open(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := stream.Close(); err != nil {
		t.Errorf("a stream that nobody wants any more: %v", err)
	}
}

// kill ends all other connections to a schema.
func kill(t testing.TB, db *sql.DB, name string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT id FROM information_schema.processlist WHERE db = ? AND id <> CONNECTION_ID()", name)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var ids []int
	for rows.Next() {
		var id int
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		_, _ = db.ExecContext(t.Context(), fmt.Sprintf("KILL %d", id)) // it may be gone by now
	}
}

func TestWhatIsNotThereIsSaid(t *testing.T) {
	schema(t, "absent", "CREATE TABLE t (id INT PRIMARY KEY)")
	for name, c := range map[string]struct {
		s    Source
		want string
	}{
		"table":  {source("absent", "no"), "there is none"},
		"column": {source("absent", "t", "amount"), `no such column (got "amount"); try: one of id`},
		"key":    {Source{Config: source("absent", "t").Config, Table: "t", Key: "no"}, "no such column"},
	} {
		if _, err := Open(t.Context(), c.s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseURL(t *testing.T) {
	s, err := ParseURL("mysql://u:p%40ss@db:3307/shop?table=payments&columns=id,amount&key=id&time=paid_at&until=2026-11-24&parallel=2&max_running=40&max_lag=5s&zone=%2B00:00&tls=true")
	if err != nil {
		t.Fatal(err)
	}
	if s.Config.Passwd != "p@ss" || s.Config.Addr != "db:3307" || s.Name() != "db:3307/shop.payments" || !slices.Equal(s.Columns, []string{"id", "amount"}) ||
		s.Time != (Range{"paid_at", "", "2026-11-24"}) || s.Options.Parallel != 2 || s.Options.MaxRunning != 40 || s.Options.MaxLag != 5*time.Second || s.Zone != "+00:00" {
		t.Errorf("got %+v", s)
	}
	for text, want := range map[string]string{
		"postgres://u:hidden@h/s?table=t":                     "not a URL of a table",
		"mysql://u:hidden@h:port/s?table=t":                   "not a URL of a table",
		"mysql://:hidden@h/s?table=t":                         "no user",
		"mysql://u:hidden@h/?table=t":                         "no schema",
		"mysql://u:hidden@h/s":                                "table: is missing",
		"mysql://u:hidden@h/s?table=t&tabel=x":                "no such parameter",
		"mysql://u:hidden@h/s?table=t&parallel=0":             "not a whole number",
		"mysql://u:hidden@h/s?table=t&max_lag=5":              "not a duration",
		"mysql://u:hidden@h/s?table=t&until=2026-11-24":       "a range needs its column",
		"mysql://u:hidden@h/s?table=t&zone=%27--":             "not a zone",
		"mysql://u:hidden@h/s?table=t&tls=maybe":              "unknown",
		"mysql://u:hidden@h/s?table=t&password_file=/tmp/two": "stands beside",
		"mysql://u@h/s?table=t&password_file=/does/not/exist": "cannot be read",
	} {
		if _, err := ParseURL(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden") || !strings.Contains(err.Error(), "try: ") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// BenchmarkStream reads a table of 200,000 rows, client and server on one machine.
func BenchmarkStream(b *testing.B) {
	db, err := server.Open("")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	exec(b, db, "CREATE DATABASE IF NOT EXISTS speed", "CREATE OR REPLACE TABLE speed.payments (id VARCHAR(32) PRIMARY KEY, amount DECIMAL(20,2), state VARCHAR(9), paid_at DATETIME)",
		"INSERT INTO speed.payments SELECT CONCAT('P2026', LPAD(seq, 7, '0')), seq / 100, 'PAID', NOW() FROM seq_1_to_200000", "ANALYZE TABLE speed.payments")
	for _, n := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("%d connections", n), func(b *testing.B) {
			s := source("speed", "payments")
			s.Options.Parallel = n
			rows := int64(0)
			for b.Loop() {
				stream, err := Open(b.Context(), s)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, stream); err != nil {
					b.Fatal(err)
				}
				rows += stream.Stats().Rows
				stream.Close()
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
