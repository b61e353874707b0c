package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"
)

// DB is an open store. It is safe for concurrent use, also by several processes.
type DB struct {
	name    string // without credentials
	dialect dialect
	write   *sql.DB
	read    *sql.DB
	retries atomic.Int64
}

const (
	maxConnections = 64 // of a server
	maxReaders     = 8  // of a file
	idleTime       = 5 * time.Minute
)

// Open opens the store of a URL and brings its tables up to date.
func Open(ctx context.Context, url string) (*DB, error) {
	at, err := parse(url)
	if err != nil {
		return nil, err
	}
	db, err := at.open()
	if err != nil {
		return nil, err
	}
	if err := db.migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", db.name, err), db.Close())
	}
	return db, nil
}

func (p place) open() (*DB, error) {
	if p.config != nil {
		return openServer(p.config)
	}
	return openFile(p.path)
}

// openFile has one connection that writes, which is what SQLite allows, and some that read beside it.
func openFile(path string) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("create store folder: %w", err)
	}
	write, err := SQLite(path, ReadWrite, SyncFull)
	if err != nil {
		return nil, err
	}
	read, err := SQLite(path, ReadOnly, SyncFull)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	write.SetMaxOpenConns(1)
	read.SetMaxOpenConns(maxReaders)
	return &DB{name: path, dialect: sqliteDialect(), write: write, read: read}, nil
}

func openServer(c *mysql.Config) (*DB, error) {
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("open store %s/%s: %w", c.Addr, c.DBName, err)
	}
	db := sql.OpenDB(committed{connector})
	db.SetMaxOpenConns(maxConnections)
	db.SetMaxIdleConns(maxConnections)
	db.SetConnMaxIdleTime(idleTime)
	return &DB{name: c.Addr + "/" + c.DBName, dialect: mysqlDialect(), write: db, read: db}, nil
}

// Close gives the connections back.
func (db *DB) Close() error {
	if db.read == db.write {
		return db.write.Close()
	}
	return errors.Join(db.read.Close(), db.write.Close())
}

// Name is how messages call the store: without credentials.
func (db *DB) Name() string { return db.name }

// Measure registers the store's metrics; once for a registry.
func (db *DB) Measure(reg prometheus.Registerer) {
	reg.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "touchstone_store_retries_total", Help: "Transactions that the database undid for another one and that were tried again."},
			func() float64 { return float64(db.retries.Load()) }))
}

// Query runs a reading statement outside of any transaction. It sees what is committed.
func (db *DB) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return db.read.QueryContext(ctx, query, args...)
}

// QueryRow is Query for one row.
func (db *DB) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return db.read.QueryRowContext(ctx, query, args...)
}
