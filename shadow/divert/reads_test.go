package divert

import (
	"database/sql"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

// guarded opens a port that answers logins itself and reads table rates from schema live.
func guarded(t *testing.T) (*mysql.Config, *notes, *prometheus.Registry) {
	t.Helper()
	cfg, seen, reg := port(t, func(c *Config) {
		c.Login = &wire.Login{Accept: wire.Account{User: "candidate", Password: "shown"}, Own: wire.Account{User: "own", Password: "own-secret"}}
		c.Reads = &Reads{Tables: []string{"rates", "names"}, Addr: server.Addr, Account: wire.Account{User: "reader", Password: "reader-secret"}, Schema: "live"}
	})
	sqlExec(t, direct(t, ""), "CREATE OR REPLACE USER own@'%' IDENTIFIED BY 'own-secret'", "GRANT ALL ON *.* TO own@'%'",
		"CREATE OR REPLACE USER reader@'%' IDENTIFIED BY 'reader-secret'",
		"CREATE TABLE live.rates (currency CHAR(3) PRIMARY KEY, rate DECIMAL(20,8), at TIMESTAMP NOT NULL DEFAULT '2026-01-01 00:00:00')", "INSERT INTO live.rates (currency, rate) VALUES ('CNY', 7.1), ('EUR', 0.9)",
		"CREATE TABLE live.names (id INT PRIMARY KEY)", "GRANT SELECT ON live.rates TO reader@'%'", "GRANT SELECT ON live.names TO reader@'%'")
	cfg.User, cfg.Passwd = "candidate", "shown"
	return cfg, seen, reg
}

func TestPortAnswersLoginsItself(t *testing.T) {
	cfg, _, _ := guarded(t)
	db := open(t, cfg)
	var user string
	if err := db.QueryRow("SELECT CURRENT_USER()").Scan(&user); err != nil || user != "own@%" {
		t.Fatalf("the server sees %q: %v", user, err)
	}
	for name, change := range map[string]func(*mysql.Config){
		"wrong password":   func(c *mysql.Config) { c.Passwd = "guessed" },
		"no password":      func(c *mysql.Config) { c.Passwd = "" },
		"server's account": func(c *mysql.Config) { c.User, c.Passwd = "own", "own-secret" },
		"wrong user":       func(c *mysql.Config) { c.User = "root" },
	} {
		other := cfg.Clone()
		change(other)
		var e *mysql.MySQLError
		if err := open(t, other).Ping(); !errors.As(err, &e) || e.Number != 1045 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, method := range []string{"mysql_native_password", "caching_sha2_password", "client_ed25519"} {
		out, err := commandLine(t, cfg, "-e", "SELECT 1+1 AS two", "--default-auth="+method)
		if err != nil || !strings.Contains(out, "two") {
			t.Errorf("%s: %v: %s", method, err, out)
		}
	}
}

// commandLine runs the mariadb client on the port.
func commandLine(t *testing.T, cfg *mysql.Config, args ...string) (string, error) {
	t.Helper()
	host, at, _ := strings.Cut(cfg.Addr, ":")
	args = append([]string{"--no-defaults", "--skip-ssl", "-h" + host, "-P" + at, "-u" + cfg.User, "-p" + cfg.Passwd, cfg.DBName}, args...)
	out, err := exec.CommandContext(t.Context(), "mariadb", args...).CombinedOutput()
	return string(out), err
}

func TestDeclaredTablesAreReadFromThePrimary(t *testing.T) {
	cfg, seen, reg := guarded(t)
	cfg.MultiStatements = true
	db := open(t, cfg)
	sqlExec(t, db, "BEGIN", "/* gray='v2' */ INSERT INTO orders (order_no, amount) VALUES ('A', 1)")
	var rate string
	for range 2 {
		if err := db.QueryRow("/* gray='v2' */ SELECT rate FROM rates WHERE currency = 'EUR'").Scan(&rate); err != nil || rate != "0.90000000" {
			t.Fatalf("%s: %v", rate, err)
		}
		if err := db.QueryRow("SELECT rate FROM rates WHERE currency = ?", "CNY").Scan(&rate); err != nil || rate != "7.10000000" {
			t.Fatalf("prepared: %s: %v", rate, err)
		}
	}
	s, err := db.Prepare("SELECT COUNT(*) FROM rates r WHERE r.rate > ?")
	if err != nil {
		t.Fatal(err)
	}
	own, err := db.Prepare("SELECT COUNT(*) FROM orders WHERE amount > ?") // the servers number their statements alike
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		var n, m int
		if err := errors.Join(s.QueryRow(1).Scan(&n), own.QueryRow(0).Scan(&m)); err != nil || n != 1 || m != 1 {
			t.Fatalf("%d %d: %v", n, m, err)
		}
	}
	if err := errors.Join(s.Close(), own.Close()); err != nil {
		t.Fatal(err)
	}
	sqlExec(t, db, "COMMIT") // reads elsewhere have not ended the transaction
	sets := seen.take()
	if len(sets) != 1 || sets[0].Order != "A" || len(sets[0].Statements) != 1 {
		t.Fatalf("%+v", sets)
	}
	if n := routed(t, reg); n < 10 {
		t.Fatalf("%v commands went to the primary", n)
	}
}

func routed(t *testing.T, reg *prometheus.Registry) (n float64) {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.GetName() == "touchstone_mysql_routed_total" {
			n += m.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return n
}

func TestSettingsFollowToThePrimaryAndTransactionsDoNot(t *testing.T) {
	cfg, _, _ := guarded(t)
	db := open(t, cfg)
	at := func() (s string) {
		t.Helper()
		if err := db.QueryRow("SELECT CAST(at AS CHAR) FROM rates LIMIT 1").Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	sqlExec(t, db, "SET time_zone = '+00:00'")
	one := at()
	sqlExec(t, db, "SET time_zone = '+08:00', @mine = 'EUR'", "SET autocommit = 0", "SET SESSION TRANSACTION READ WRITE")
	if two := at(); one[11:13] == two[11:13] {
		t.Fatalf("%s and %s", one, two)
	}
	var rate string
	if err := db.QueryRow("SELECT rate FROM rates WHERE currency = @mine").Scan(&rate); err != nil || rate != "0.90000000" {
		t.Fatalf("%s: %v", rate, err)
	}
	sqlExec(t, direct(t, "live"), "UPDATE rates SET rate = 0.8 WHERE currency = 'EUR'") // autocommit = 0 keeps no snapshot there
	if err := db.QueryRow("SELECT rate FROM rates WHERE currency = 'EUR'").Scan(&rate); err != nil || rate != "0.80000000" {
		t.Fatalf("%s: %v", rate, err)
	}
}

func TestPrimaryIsOnlyReadPlainly(t *testing.T) {
	cfg, _, reg := guarded(t)
	cfg.MultiStatements = true
	db := open(t, cfg)
	for _, c := range []struct{ query, rule string }{
		{"SELECT * FROM rates FOR UPDATE", "mixed"},
		{"SELECT * FROM rates LOCK IN SHARE MODE", "mixed"},
		{"INSERT INTO rates (currency) VALUES ('x')", "mixed"},
		{"UPDATE rates SET rate = 1", "mixed"},
		{"DELETE FROM rates", "mixed"},
		{"INSERT INTO orders (order_no) SELECT currency FROM rates", "mixed"},
		{"SELECT * FROM rates JOIN orders ON order_no = currency", "mixed"},
		{"SELECT * FROM rates WHERE currency IN (SELECT order_no FROM orders)", "mixed"},
		{"SELECT * FROM side.rates", "mixed"},
		{"SELECT * FROM live.rates", "schema"},
		{"SELECT LAST_INSERT_ID() FROM rates", "mixed"},
		{"SELECT * FROM rates; SELECT * FROM orders", "mixed"},
		{"SELECT f() FROM rates", "function"},
		{"SELECT GET_LOCK('a', 1) FROM rates", "function"},
		{"SELECT * FROM rates INTO OUTFILE '/tmp/x'", "file"},
		{"DROP TABLE rates", "ddl"},
		{"SELECT * FROM unknown_table", "table"},
	} {
		count := refusals(t, reg)[c.rule]
		var e *mysql.MySQLError
		if _, err := db.Exec(c.query); !errors.As(err, &e) || !strings.Contains(e.Message, "rule "+c.rule) {
			t.Errorf("%s: %v", c.query, err)
		}
		if got := refusals(t, reg)[c.rule]; got != count+1 {
			t.Errorf("%s: %v refusals were counted", c.query, got-count)
		}
	}
	sqlExec(t, db, "SELECT 1 FROM rates; SELECT 2 FROM names", "WITH c AS (SELECT * FROM rates) SELECT * FROM c", "SELECT * FROM rates r JOIN names n ON n.id = 1")
	if n := routed(t, reg); n != 3 {
		t.Fatalf("%v commands went to the primary", n)
	}
}

func TestPrimaryThatIsAwayFailsTheReadAlone(t *testing.T) {
	cfg, _, _ := guarded(t)
	db := open(t, cfg)
	root := direct(t, "")
	sqlExec(t, root, "ALTER USER reader@'%' IDENTIFIED BY 'changed'")
	var e *mysql.MySQLError
	if _, err := db.Exec("SELECT * FROM rates"); !errors.As(err, &e) || !strings.Contains(e.Message, "routed reads") {
		t.Fatal(err)
	}
	sqlExec(t, db, "SELECT * FROM orders")
	sqlExec(t, root, "ALTER USER reader@'%' IDENTIFIED BY 'reader-secret'")
	sqlExec(t, db, "SELECT * FROM rates")
	var id int
	if err := root.QueryRow("SELECT id FROM information_schema.processlist WHERE user = 'reader'").Scan(&id); err != nil {
		t.Fatal(err)
	}
	if _, err := root.Exec("KILL ?", id); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("SELECT * FROM rates"); err == nil {
		t.Fatal("a dead connection answered")
	}
	sqlExec(t, db, "SELECT * FROM rates") // on a new connection of both
}

func TestAccountThatCanWriteIsFound(t *testing.T) {
	cfg, _, _ := guarded(t)
	root := direct(t, "")
	reader := func() *sql.DB {
		c := server.Config("live")
		c.User, c.Passwd = "reader", "reader-secret"
		return open(t, c)
	}
	if err := ProveReadOnly(t.Context(), reader(), []string{"rates", "names"}); err != nil {
		t.Fatal(err)
	}
	if err := ProveReadOnly(t.Context(), reader(), []string{"orders"}); err == nil || !strings.Contains(err.Error(), "table orders: read") {
		t.Fatal(err)
	}
	for _, right := range []string{"INSERT ON live.orders", "UPDATE (rate) ON live.rates", "EXECUTE ON *.*", "ALL ON live.*", "SELECT ON live.names TO reader@'%' WITH GRANT OPTION -- "} {
		sqlExec(t, root, "GRANT "+right+" TO reader@'%'")
		if err := ProveReadOnly(t.Context(), reader(), []string{"rates"}); !errors.Is(err, ErrCanWrite) {
			t.Errorf("%s: %v", right, err)
		}
		sqlExec(t, root, "REVOKE ALL, GRANT OPTION FROM reader@'%'", "GRANT SELECT ON live.rates TO reader@'%'", "GRANT SELECT ON live.names TO reader@'%'")
	}
	_ = cfg
}
