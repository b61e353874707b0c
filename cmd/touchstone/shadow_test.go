package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The commands on the shadow, as an operator runs them.
func TestShadowCommands(t *testing.T) {
	t.Parallel()
	f := newFaultRun(t, "")
	command := func(want int, args ...string) string {
		t.Helper()
		cmd := exec.Command(f.binary, append([]string{"shadow"}, args...)...)
		out, _ := cmd.CombinedOutput() // its exit code is looked at below
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Fatalf("%v: exit code %d, want %d: %s", args, got, want, out)
		}
		return string(out)
	}
	file := filepath.Join(f.dir, "sidecar.yaml")
	drop := func(table string) {
		t.Helper()
		if _, err := f.side.Exec("DROP TABLE " + table); err != nil {
			t.Fatal(err)
		}
	}
	drop("orders")
	if out := command(1, "drift", file); !strings.Contains(out, "blocks orders table") || !strings.Contains(out, "try:") {
		t.Error(out)
	}
	if out := command(0, "prepare", "--dry-run", file); !strings.Contains(out, "CREATE TABLE `orders`") {
		t.Error(out)
	}
	if out := command(0, "prepare", file); !strings.Contains(out, "orders") || !strings.Contains(out, "created") {
		t.Error(out)
	}
	command(0, "drift", file)
	if _, err := f.side.Exec("INSERT INTO orders (order_no, amount) VALUES ('x', 1)"); err != nil {
		t.Fatal(err)
	}
	journal := filepath.Join(f.dir, "journal")
	if err := os.MkdirAll(journal, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(journal, "position"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := command(1, "discard", file); !strings.Contains(out, "--yes") {
		t.Error(out)
	}
	if out := command(0, "discard", "--dry-run", file); !strings.Contains(out, "would lose its 1 rows") {
		t.Error(out)
	}
	f.start()
	if out := command(1, "discard", "--yes", file); !strings.Contains(out, "stop the sidecar") {
		t.Error(out)
	}
	f.kill()
	if out := command(0, "discard", "--yes", file); !strings.Contains(out, "lost its 1 rows") {
		t.Error(out)
	}
	var left int
	if err := f.side.QueryRow("SELECT COUNT(*) FROM orders").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d rows are left, %v", left, err)
	}
	if entries, err := os.ReadDir(journal); err != nil || len(entries) != 1 || entries[0].Name() != "evidence" {
		t.Errorf("the journal holds %v, %v: an old position would bring old writes back, and evidence stays", entries, err)
	}
	same := strings.ReplaceAll(string(must(os.ReadFile(file))), "primary_dsn_file: primary.dsn", "primary_dsn_file: same.dsn")
	if err := os.WriteFile(filepath.Join(f.dir, "same.dsn"), []byte("root@tcp(localhost:"+f.shadow.Addr[strings.LastIndexByte(f.shadow.Addr, ':')+1:]+")/pay"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.dir, "same.yaml"), []byte(same), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := command(1, "discard", "--yes", filepath.Join(f.dir, "same.yaml")); !strings.Contains(out, "same database") {
		t.Error(out)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
