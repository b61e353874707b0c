package audit_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/audit"
)

// TestMain runs the tests, or, in a process of its own, the writer that a test kills or starves.
func TestMain(m *testing.M) {
	audit.LogTo(slog.New(slog.DiscardHandler))
	if os.Getenv(writerEnv) != "" {
		os.Exit(writer())
	}
	os.Exit(m.Run())
}

// place is a log with its key and its witness.
type place struct {
	dir, key, out string
}

func newPlace(tb testing.TB) place {
	tb.Helper()
	base := tb.TempDir()
	p := place{dir: filepath.Join(base, "log"), key: filepath.Join(base, "audit.key"), out: filepath.Join(base, "outside")}
	if err := audit.NewKey(p.key, "test/audit"); err != nil {
		tb.Fatal(err)
	}
	if err := os.Mkdir(p.out, 0o755); err != nil {
		tb.Fatal(err)
	}
	return p
}

func (p place) config() (audit.Config, error) {
	secret, err := os.ReadFile(p.key)
	if err != nil {
		return audit.Config{}, err
	}
	key, err := audit.ReadKey(secret)
	if err != nil {
		return audit.Config{}, err
	}
	witness, err := audit.NewFolder(p.out)
	return audit.Config{Dir: p.dir, Key: key, Witness: witness, Who: "test", Now: time.Now}, err
}

func (p place) open(tb testing.TB) *audit.Log {
	tb.Helper()
	cfg, err := p.config()
	if err != nil {
		tb.Fatal(err)
	}
	l, err := audit.Open(context.Background(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func closed(tb testing.TB, l *audit.Log) {
	tb.Helper()
	if err := l.Close(context.Background()); err != nil {
		tb.Fatal(err)
	}
}

func (p place) verify(tb testing.TB, witness bool) *audit.Report {
	tb.Helper()
	verifier, err := audit.ReadVerifier(p.key + ".pub")
	if err != nil {
		tb.Fatal(err)
	}
	var w *audit.Folder
	if witness {
		if w, err = audit.NewFolder(p.out); err != nil {
			tb.Fatal(err)
		}
	}
	r, err := audit.Verify(tb.Context(), p.dir, verifier, w)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func entry(n int) audit.Entry {
	return audit.Entry{
		ID: fmt.Sprint("e", n), Time: time.Date(2026, 11, 27, 8, 0, n%60, 0, time.UTC), Trace: "4bf92f3577b34da6a3ce929d0e0e4736", Actor: "li", Action: "case close",
		Subject: fmt.Sprint("C-", n), Also: []string{"B-1"}, SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		Archive: "sha256/e3/b0", Basis: map[string]string{"reason": "渠道已补单 <ok>", "amount": "1.00 CNY"},
	}
}

// filled is a closed log of n entries.
func filled(tb testing.TB, n int) place {
	tb.Helper()
	p := newPlace(tb)
	l := p.open(tb)
	entries := make([]audit.Entry, n)
	for i := range entries {
		entries[i] = entry(i)
	}
	if _, err := l.AppendBatch(tb.Context(), entries); err != nil {
		tb.Fatal(err)
	}
	closed(tb, l)
	return p
}
