package schema

import (
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

var server *mariadb.Server

func TestMain(m *testing.M) { os.Exit(mariadb.Main(m, &server)) }

func database(t *testing.T, name string) *sql.DB {
	t.Helper()
	cfg := server.Config("")
	cfg.MultiStatements = true
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	root := sql.OpenDB(c)
	defer root.Close()
	run(t, root, "CREATE DATABASE "+name)
	cfg = server.Config(name)
	cfg.MultiStatements = true
	if c, err = mysql.NewConnector(cfg); err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func run(t *testing.T, db *sql.DB, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if _, err := db.Exec(text); err != nil {
			t.Fatalf("%.200s: %v", text, err)
		}
	}
}

const primarySchema = `
CREATE TABLE countries (code CHAR(2) PRIMARY KEY, name VARCHAR(50) CHARACTER SET gbk, flag BLOB, seen TIMESTAMP(3) NULL, bits BIT(9), upper_name VARCHAR(50) AS (UPPER(name)) STORED, hidden INT INVISIBLE DEFAULT 3);
INSERT INTO countries (code, name, flag, seen, bits, hidden) VALUES ('CN', '中国', x'00ff27', '2026-03-29 02:30:00.123', b'100000001', 7), ('DE', 'Grü''n\\', NULL, NULL, NULL, NULL);
CREATE TABLE elsewhere (id INT PRIMARY KEY);
CREATE TABLE payments (id BIGINT AUTO_INCREMENT PRIMARY KEY, country CHAR(2) NOT NULL, other INT, amount DECIMAL(18,2) NOT NULL DEFAULT '0.00' COMMENT ') AUTO_INCREMENT=7', KEY (amount),
 CONSTRAINT c1 FOREIGN KEY (country) REFERENCES countries (code), CONSTRAINT c2 FOREIGN KEY (other) REFERENCES elsewhere (id)) ENGINE=InnoDB;
INSERT INTO payments (country, amount) VALUES ('CN', 1), ('DE', 2)`

func pair(t *testing.T) Config {
	t.Helper()
	name := fmt.Sprintf("x%d", time.Now().UnixNano())
	cfg := Config{Primary: database(t, name+"_p"), Shadow: database(t, name+"_s"), Own: []string{"touchstone_applied"},
		Tables: []Table{{Name: "payments", Kind: Written}, {Name: "countries", Kind: Reference}}}
	run(t, cfg.Primary, primarySchema)
	return cfg
}

func whole(t *testing.T, db *sql.DB, table string) string {
	t.Helper()
	rows, err := db.Query("SELECT CONCAT_WS('|', code, IFNULL(name, '-'), IFNULL(HEX(flag), '-'), IFNULL(seen, '-'), IFNULL(bits + 0, '-'), upper_name, IFNULL(hidden, '-')) FROM " + table + " ORDER BY code")
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
	return strings.Join(out, "\n")
}

func prepare(t *testing.T, cfg Config) string {
	t.Helper()
	steps, err := Prepare(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, s := range steps {
		out = append(out, s.Table+" "+s.What)
	}
	return strings.Join(out, "; ")
}

func TestPrepareDriftDiscard(t *testing.T) {
	cfg := pair(t)
	dry := cfg
	dry.DryRun = true
	if got := prepare(t, dry); !strings.Contains(got, "payments would be created") {
		t.Error(got)
	}
	if n := count(t, cfg.Shadow, "information_schema.tables WHERE table_schema = DATABASE()"); n != 0 {
		t.Fatalf("a dry run made %d tables", n)
	}
	want := "payments goes without its foreign key to elsewhere, which is not prepared; payments created; countries created; countries got 2 rows"
	if got := prepare(t, cfg); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if a, b := whole(t, cfg.Primary, "countries"), whole(t, cfg.Shadow, "countries"); a != b {
		t.Errorf("primary\n%s\nshadow\n%s", a, b)
	}
	if got := prepare(t, cfg); got != "payments is there; countries is there; countries has its 2 rows" {
		t.Errorf("second run: %s", got)
	}
	drift, err := Drift(t.Context(), cfg)
	if err != nil || len(drift) > 1 { // the foreign key that went missing took its index along, or not
		t.Errorf("drift %v %v", drift, err)
	}
	run(t, cfg.Shadow, "INSERT INTO payments (country, amount) VALUES ('CN', 5)", "CREATE TABLE touchstone_applied (id VARCHAR(64) PRIMARY KEY)", "INSERT INTO touchstone_applied VALUES ('x')")
	var next int
	if err := cfg.Shadow.QueryRow("SELECT MAX(id) FROM payments").Scan(&next); err != nil || next != 1 {
		t.Errorf("numbering began at %d %v, not at 1: the primary's counter came along", next, err)
	}
	if _, err := Discard(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	for table, rows := range map[string]int{"payments": 0, "touchstone_applied": 0, "countries": 2} {
		if n := count(t, cfg.Shadow, table); n != rows {
			t.Errorf("%s has %d rows after discard, want %d", table, n, rows)
		}
	}
	if n := count(t, cfg.Primary, "payments"); n != 2 {
		t.Errorf("the primary has %d payments", n)
	}
}

func count(t *testing.T, db *sql.DB, from string) (n int) {
	t.Helper()
	if err := db.QueryRow("SELECT COUNT(*) FROM " + from).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// What a killed run left, or somebody changed, is put right by the next.
func TestReferenceRowsArePutRight(t *testing.T) {
	for name, spoil := range map[string]string{
		"row missing": "DELETE FROM countries WHERE code = 'CN'", "row extra": "INSERT INTO countries (code) VALUES ('XX')",
		"value": "UPDATE countries SET flag = x'00ff28' WHERE code = 'CN'", "null": "UPDATE countries SET flag = '' WHERE code = 'DE'", "empty": "DELETE FROM countries",
	} {
		cfg := pair(t)
		prepare(t, cfg)
		run(t, cfg.Shadow, "SET foreign_key_checks = 0", spoil)
		if got := prepare(t, cfg); !strings.HasSuffix(got, "countries got 2 rows") {
			t.Errorf("%s: %s", name, got)
		}
		if a, b := whole(t, cfg.Primary, "countries"), whole(t, cfg.Shadow, "countries"); a != b {
			t.Errorf("%s: primary\n%s\nshadow\n%s", name, a, b)
		}
	}
}

func TestManyReferenceRows(t *testing.T) {
	cfg := pair(t)
	run(t, cfg.Primary, "CREATE TABLE rates (id INT, day DATE, rate DECIMAL(20,10), note TEXT, PRIMARY KEY (id, day))",
		"INSERT INTO rates SELECT seq, '2026-11-24', seq / 7, IF(seq % 3, REPEAT('x', seq % 500), NULL) FROM seq_1_to_20000")
	cfg.Tables = append(cfg.Tables, Table{Name: "rates", Kind: Reference})
	if got := prepare(t, cfg); !strings.HasSuffix(got, "rates got 20000 rows") {
		t.Error(got)
	}
}

func TestDriftNamesEachDifference(t *testing.T) {
	for want, change := range map[string]string{
		"blocks payments table: there on the primary, nothing on the shadow":                               "DROP TABLE payments",
		"blocks payments.amount column: there on the primary, nothing on the shadow":                       "ALTER TABLE payments DROP COLUMN amount",
		"blocks payments.more column: nothing on the primary, there on the shadow":                         "ALTER TABLE payments ADD COLUMN more INT",
		"warns payments.amount type: decimal(18,2) on the primary, decimal(18,1) on the shadow":            "ALTER TABLE payments MODIFY amount DECIMAL(18,1) NOT NULL DEFAULT '0.0'",
		"warns payments.amount nullable: NO on the primary, YES on the shadow":                             "ALTER TABLE payments MODIFY amount DECIMAL(18,2) DEFAULT '0.00'",
		"warns countries.name character set: gbk on the primary, utf8mb4 on the shadow":                    "ALTER TABLE countries MODIFY name VARCHAR(50) CHARACTER SET utf8mb4",
		"blocks payments key PRIMARY: unique (id) on the primary, unique (id,country) on the shadow":       "ALTER TABLE payments DROP PRIMARY KEY, ADD PRIMARY KEY (id, country)",
		"blocks payments trigger twice, which would write a second time: nothing on the primary, there on": "CREATE TRIGGER twice BEFORE INSERT ON payments FOR EACH ROW SET NEW.amount = 1",
		"warns payments.id extra: auto_increment on the primary, nothing on the shadow":                    "ALTER TABLE payments MODIFY id BIGINT NOT NULL",
	} {
		cfg := pair(t)
		prepare(t, cfg)
		run(t, cfg.Shadow, "SET foreign_key_checks = 0; "+change)
		drift, err := Drift(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(drift, func(d Difference) bool { return strings.HasPrefix(d.String(), want) }) {
			t.Errorf("%s\nis not in %v", want, drift)
		}
	}
}

func TestDeclaredOtherwiseIsLeftAlone(t *testing.T) {
	cfg := pair(t)
	cfg.Tables = []Table{{Name: "payments", Kind: Written, Shadow: "pay", Differ: true}}
	if _, err := Prepare(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "try: create it") {
		t.Errorf("a missing table that differs: %v", err)
	}
	run(t, cfg.Shadow, "CREATE TABLE pay (no INT PRIMARY KEY)")
	if got := prepare(t, cfg); got != "payments is there" {
		t.Error(got)
	}
	if drift, err := Drift(t.Context(), cfg); err != nil || len(drift) != 0 {
		t.Errorf("%v %v", drift, err)
	}
}
