package world

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/go-sql-driver/mysql"

	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/embeddb"
	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/payservice"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// Schema is the service's schema on both servers.
const Schema = "pay"

// Kind names a database server that the demo can run on.
type Kind string

// The kinds of servers.
const (
	Embedded Kind = "embedded"
	MariaDB  Kind = "mariadb"
)

// Capture names what a database cutover reads the service's writes from.
type Capture string

// The captures.
const (
	Wire   Capture = "wire"
	RowLog Capture = "rowlog"
)

// Database is one running server with the service's schema.
type Database struct {
	Addr  string
	Stop  func() error
	Break func() error                // as a crash would
	Mend  func(context.Context) error // runs again what was broken, with its data and address
}

// StartDatabase runs a server and creates the service's tables in it. dir is where MariaDB keeps its data, args are for it.
func StartDatabase(ctx context.Context, kind Kind, dir string, columns payservice.Columns, args ...string) (*Database, error) {
	db, err := start(ctx, kind, dir, args)
	if err != nil {
		return nil, err
	}
	if err := create(ctx, db, kind, columns); err != nil {
		return nil, errors.Join(err, db.Stop())
	}
	return db, nil
}

func start(ctx context.Context, kind Kind, dir string, args []string) (*Database, error) {
	if kind == MariaDB {
		s, err := mariadb.Start(ctx, filepath.Clean(dir), args...)
		if err != nil {
			return nil, fmt.Errorf("start MariaDB: %w", err)
		}
		return &Database{
			Addr: s.Addr, Stop: func() error { s.Stop(); return nil },
			Break: func() error { s.Kill(); return nil }, Mend: s.Restart,
		}, nil
	}
	s, err := embeddb.Start(Schema)
	if err != nil {
		return nil, err
	}
	return &Database{Addr: s.Addr, Stop: s.Stop, Break: s.Break, Mend: func(context.Context) error { return s.Mend() }}, nil
}

func create(ctx context.Context, d *Database, kind Kind, columns payservice.Columns) error {
	schema := Schema
	statements := payservice.Schema(columns)
	if kind == MariaDB {
		schema = ""
		statements = append([]string{"CREATE DATABASE " + Schema, "USE " + Schema}, statements...)
	}
	db, err := OpenDSN(DSN(d.Addr, schema))
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect to the new database: %w", err)
	}
	defer conn.Close()
	for _, s := range statements {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("create tables (%s): %w", s, err)
		}
	}
	return nil
}

// DSN is how the demo's only database user reaches a server or a port of the sidecar.
func DSN(addr, schema string) string { return fmt.Sprintf("root@tcp(%s)/%s", addr, schema) }

// OpenDSN opens a pool without the driver's own log.
func OpenDSN(dsn string) (*sql.DB, error) {
	c, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("parse DSN: %w", err)
	}
	c.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return sql.OpenDB(connector), nil
}
