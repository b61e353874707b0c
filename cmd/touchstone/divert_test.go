package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/seed-3356bd69/touchstone/test/loopback"
)

// The candidate's port of the built sidecar: its own login, and tables that are read from the primary.
func TestDivertLoginAndReads(t *testing.T) {
	t.Parallel()
	f := newFaultRun(t, "")
	for db, texts := range map[string][]string{
		"primary": {"CREATE TABLE rates (currency CHAR(3) PRIMARY KEY, rate INT)", "INSERT INTO rates VALUES ('CNY', 7)", "CREATE USER reader@'%' IDENTIFIED BY 'r'", "GRANT SELECT ON pay.rates TO reader@'%'"},
		"shadow":  {"CREATE USER own@'%' IDENTIFIED BY 'o'", "GRANT SELECT, INSERT, UPDATE, DELETE ON pay.* TO own@'%'"},
	} {
		for _, text := range texts {
			on := f.direct
			if db == "shadow" {
				on = f.side
			}
			if _, err := on.Exec(text); err != nil {
				t.Fatal(text, err)
			}
		}
	}
	addrs, err := loopback.FreeAddrs(3)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(f.dir, "sidecar.yaml")
	text := string(must(os.ReadFile(file)))
	text = strings.NewReplacer("cutover: database", "cutover: service", "stable: http://127.0.0.1:9\n", "stable: http://127.0.0.1:9\n  candidate: http://127.0.0.1:10\n",
		"mysql:\n", fmt.Sprintf("egress:\n  channel: http://127.0.0.1:9\n  primary: {listen: %s}\n  shadow: {listen: %s}\n  operations: [{name: pay, method: POST, path: /pay, class: money}]\nmysql:\n", addrs[1], addrs[2]),
		"  apply: {shadow_dsn_file: shadow.dsn, journal: ./journal, queue: 200, workers: 4, drain: 30s}\n", fmt.Sprintf(`  divert:
    listen: %s
    upstream: %s
    schema: pay
    login: {user: candidate, password_file: shown.pass, own_user: own, own_password_file: own.pass}
    reads: {dsn_file: reads.dsn, tables: [rates]}
`, addrs[0], f.shadow.Addr)).Replace(text)
	f.write(map[string]string{"sidecar.yaml": text, "shown.pass": "candidate-password", "own.pass": "o", "reads.dsn": fmt.Sprintf("reader:r@tcp(%s)/pay", f.primary.Addr)})
	if out, err := exec.Command(f.binary, "check", file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	f.start()
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr, cfg.DBName, cfg.Logger = "candidate", "candidate-password", "tcp", addrs[0], "pay", &mysql.NopLogger{}
	db := f.openAs(cfg)
	var rate int
	if err := db.QueryRow("SELECT rate FROM rates WHERE currency = ?", "CNY").Scan(&rate); err != nil || rate != 7 {
		t.Fatal(rate, err)
	}
	if _, err := db.Exec("INSERT INTO orders (order_no, amount) VALUES ('C', 1)"); err != nil {
		t.Fatal(err)
	}
	var e *mysql.MySQLError
	if _, err := db.Exec("UPDATE rates SET rate = 8"); !errors.As(err, &e) || !strings.Contains(e.Message, "rule mixed") {
		t.Fatal(err)
	}
	root := cfg.Clone()
	root.User, root.Passwd = "root", ""
	if err := f.openAs(root).Ping(); !errors.As(err, &e) || e.Number != 1045 {
		t.Fatalf("the server's root logged in at the port: %v", err)
	}
	var n int
	if err := errors.Join(f.direct.QueryRow("SELECT COUNT(*) FROM orders").Scan(&n), f.direct.QueryRow("SELECT rate FROM rates").Scan(&rate)); err != nil || n != 0 || rate != 7 {
		t.Fatalf("the primary has %d orders and rate %d: %v", n, rate, err)
	}
	f.kill()
	f.write(map[string]string{"reads.dsn": fmt.Sprintf("root@tcp(%s)/pay", f.primary.Addr)})
	if out, err := exec.Command(f.binary, "sidecar", file).CombinedOutput(); err == nil || !strings.Contains(string(out), "more than read") {
		t.Fatalf("an account that can write opened the port: %v: %s", err, out)
	}
}

func (f *faultRun) write(files map[string]string) {
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
}
