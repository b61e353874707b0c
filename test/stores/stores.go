// Package stores runs a test on each database that Touchstone keeps its state in.
//
// In:    a MariaDB of the test's own.
// Out:   an empty store of each kind.
// Never: a store that two tests share.
package stores

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// Each runs do on a new store in SQLite and on one in MariaDB.
func Each(t *testing.T, server *mariadb.Server, do func(t *testing.T, db *store.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { do(t, Open(t, File(t))) })
	t.Run("mariadb", func(t *testing.T) { do(t, Open(t, Schema(t, server))) })
}

// File is the URL of a store in a new file.
func File(tb testing.TB) string { return "sqlite://" + filepath.Join(tb.TempDir(), "state.db") }

// Schema is the URL of a store in a new schema of the server.
func Schema(tb testing.TB, server *mariadb.Server) string {
	tb.Helper()
	name := strings.ToLower(regexp.MustCompile(`\W+`).ReplaceAllString(tb.Name(), "_"))
	name = fmt.Sprintf("%s_%x", name[max(0, len(name)-44):], time.Now().UnixNano()) // a benchmark comes several times
	admin, err := server.Open("")
	if err != nil {
		tb.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.ExecContext(tb.Context(), "CREATE DATABASE "+name); err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprintf("mysql://root@%s/%s", server.Addr, name)
}

// Open opens a store that is closed after the test.
func Open(tb testing.TB, url string) *store.DB {
	tb.Helper()
	db, err := store.Open(context.Background(), url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}
