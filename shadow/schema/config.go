package schema

import (
	"context"
	"database/sql"
	"fmt"
)

// Kind says what a table is for.
type Kind uint8

// The kinds.
const (
	Written   Kind = iota + 1 // gray runs write it: it starts empty and is emptied again
	Reference                 // gray runs read it or refer to it: its rows are copied and stay
)

// Table is one table of the shadow.
type Table struct {
	Name   string
	Kind   Kind
	Shadow string // its name there; "" = the same
	Differ bool   // it is declared to be otherwise there: it is not created, and its columns are not compared
}

func (t Table) there() string {
	if t.Shadow != "" {
		return t.Shadow
	}
	return t.Name
}

// Config is the two databases, each with its schema chosen, and the tables.
type Config struct {
	Primary *sql.DB
	Shadow  *sql.DB
	Tables  []Table
	Own     []string // tables that Touchstone keeps on the shadow: emptied by Discard
	DryRun  bool     // say what would be done
}

const (
	batchRows  = 200
	batchBytes = 1 << 20
)

// Step is one thing that was done, or would be.
type Step struct {
	Table string
	What  string
	SQL   string // "" = nothing was to be done
}

// session gives a connection of a database under settings that change no value on its way.
func session(ctx context.Context, db *sql.DB, settings string) (*sql.Conn, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if _, err := conn.ExecContext(ctx, "SET "+settings); err != nil {
		_ = conn.Close() // the error below says more
		return nil, fmt.Errorf("set up session: %w", err)
	}
	return conn, nil
}

const (
	forReading = "time_zone = '+00:00', sql_mode = '', sql_quote_show_create = 1"
	forWriting = "time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO', foreign_key_checks = 0"
)

// closeConn ends a connection for good: nobody else gets its settings.
func closeConn(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return errGone })
	_ = conn.Close()
}
