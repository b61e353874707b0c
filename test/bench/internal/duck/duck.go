package duck

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// DB is a DuckDB with two sides as views: ours and theirs.
type DB struct {
	conn *sql.Conn
	db   *sql.DB
}

// Open starts DuckDB with so many threads; spilled data goes below dir.
func Open(ctx context.Context, threads int, dir string) (*DB, error) {
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, fmt.Errorf("open duckdb: %w", err)
	}
	d := &DB{db: sql.OpenDB(connector)}
	if d.conn, err = d.db.Conn(ctx); err != nil {
		_ = d.db.Close() // the first error says it
		return nil, fmt.Errorf("connect to duckdb: %w", err)
	}
	for _, s := range []string{
		fmt.Sprintf("SET threads = %d", threads), "SET preserve_insertion_order = false", "SET temp_directory = " + literal(dir),
	} {
		if err := d.Exec(ctx, s); err != nil {
			d.Close()
			return nil, err
		}
	}
	return d, nil
}

// Close ends it.
func (d *DB) Close() {
	_ = d.conn.Close() // nothing is kept
	_ = d.db.Close()
}

// Exec runs a statement.
func (d *DB) Exec(ctx context.Context, statement string) error {
	if _, err := d.conn.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("duckdb: %w in: %s", err, statement)
	}
	return nil
}

// Version is DuckDB's own.
func (d *DB) Version(ctx context.Context) (v string, err error) {
	err = d.conn.QueryRowContext(ctx, "SELECT version()").Scan(&v)
	return v, err
}

// columns are those of recongen's files.
const columns = `{'order_id': 'VARCHAR', 'refund_id': 'VARCHAR', 'kind': 'VARCHAR', 'amount': 'DECIMAL(18,2)', 'fee': 'DECIMAL(18,2)', ` +
	`'currency': 'VARCHAR', 'status': 'VARCHAR', 'created_at': 'TIMESTAMP', 'merchant_id': 'VARCHAR', 'payer_id': 'VARCHAR', 'subject': 'VARCHAR'}`

// Files makes the two sides views of CSV files: a query reads them, in parallel, and only the columns it needs.
func (d *DB) Files(ctx context.Context, ours, theirs string) error {
	for view, file := range map[string]string{"ours": ours, "theirs": theirs} {
		if err := d.Exec(ctx, fmt.Sprintf("CREATE OR REPLACE VIEW %s AS SELECT * FROM %s", view, scan(file, true))); err != nil {
			return err
		}
	}
	return nil
}

// scan reads a file. Where cells hold line ends it cannot be read in parallel.
func scan(file string, parallel bool) string {
	return fmt.Sprintf(`read_csv(%s, header = true, auto_detect = false, delim = ',', quote = '"', escape = '"', parallel = %t, `+
		`force_not_null = ['order_id', 'refund_id', 'payer_id', 'subject'], columns = %s)`, literal(file), parallel, columns)
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
