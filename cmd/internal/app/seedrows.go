package app

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/ledger"
)

// seededBooks are a database's books, of which one row may be read as another than it is.
type seededBooks struct {
	connector driver.Connector
	tables    []ledger.Table
	reader    bookReader
}

// bookReader is what reads books: ledger.Records.
type bookReader func(ctx context.Context, db *sql.DB, tables ...ledger.Table) iter.Seq2[recon.Record, error]

// rowChange changes the one value it is given, a row's amount as the driver gave it; false = the row is dropped.
type rowChange func(values []any) bool

// open gives the database through a driver that changes one record's row. Nothing is changed in the database.
func (b seededBooks) open(struck recon.Record, change rowChange) *sql.DB {
	at := slices.IndexFunc(b.tables, func(t ledger.Table) bool { return t.Name == struck.Origin.Table })
	c := &seededConnector{Connector: b.connector, change: change, id: struck.Key.ID}
	if at >= 0 {
		c.key, c.amount = b.tables[at].Key, b.tables[at].Amount
	}
	return sql.OpenDB(c)
}

// seededConnector opens connections whose queries give one row otherwise. Statements with parameters are refused: their rows
// would come another way.
type seededConnector struct {
	driver.Connector
	key, amount string // columns
	id          string // of the row
	change      rowChange
}

// Connect opens a connection.
func (c *seededConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &seededConn{Conn: conn, seed: c}, nil
}

type seededConn struct {
	driver.Conn
	seed *seededConnector
}

// BeginTx begins a transaction as the driver does.
func (c *seededConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	begin, ok := c.Conn.(driver.ConnBeginTx)
	if !ok {
		return nil, fmt.Errorf("driver %T begins no read-only transactions", c.Conn)
	}
	return begin.BeginTx(ctx, opts)
}

// QueryContext runs a query without parameters.
func (c *seededConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	asks, ok := c.Conn.(driver.QueryerContext)
	if !ok || len(args) > 0 {
		return nil, fmt.Errorf("a query with %d parameters through %T cannot be seeded", len(args), c.Conn)
	}
	rows, err := asks.QueryContext(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return &seededRows{Rows: rows, seed: c.seed}, nil
}

type seededRows struct {
	driver.Rows
	seed *seededConnector
	done bool
}

// Next gives the next row that is not dropped.
func (r *seededRows) Next(values []driver.Value) error {
	for {
		if err := r.Rows.Next(values); err != nil {
			return err
		}
		key, amount := r.column(r.seed.key), r.column(r.seed.amount)
		if r.done || key < 0 || amount < 0 || textOf(values[key]) != r.seed.id {
			return nil
		}
		r.done = true
		one := []any{values[amount]}
		if r.seed.change(one) {
			values[amount] = one[0]
			return nil
		}
	}
}

func (r *seededRows) column(name string) int {
	return slices.IndexFunc(r.Columns(), func(c string) bool { return strings.EqualFold(c, name) })
}

func textOf(v driver.Value) string {
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	return fmt.Sprint(v)
}

// centInRow makes an amount a cent more or less: the second digit behind a point, or the last of a whole number.
func centInRow(values []any) bool {
	text := []byte(textOf(values[0]))
	at := len(text) - 1
	if point := bytes.IndexByte(text, '.'); point >= 0 && point+2 < len(text) {
		at = point + 2
	}
	if len(text) > 0 && text[at] >= '0' && text[at] <= '9' {
		values[0] = digitOff(text, at)
	}
	return true
}
