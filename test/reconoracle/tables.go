package reconoracle

import (
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

const rowsAtOnce = 500 // of one INSERT

// LoadTable creates a table with recongen's columns and copies a CSV file into it. Its primary key is the line of each
// record, so that an answer about the table can be held against one about the file.
func LoadTable(ctx context.Context, db *sql.DB, table string, file io.Reader) error {
	create := fmt.Sprintf("CREATE OR REPLACE TABLE %s (line BIGINT PRIMARY KEY, order_id VARCHAR(64) COLLATE utf8mb4_bin NOT NULL, refund_id VARCHAR(64) COLLATE utf8mb4_bin NOT NULL,"+
		" kind VARCHAR(16), amount DECIMAL(18,2), fee DECIMAL(18,2), currency CHAR(3), status VARCHAR(16), created_at DATETIME, merchant_id VARCHAR(32), payer_id VARCHAR(64) COLLATE utf8mb4_bin, subject TEXT)", table)
	if _, err := db.ExecContext(ctx, create); err != nil {
		return fmt.Errorf("create table: %w", err)
	}
	r := csv.NewReader(file)
	if _, err := r.Read(); err != nil {
		return fmt.Errorf("read header: %w", err)
	}
	for {
		values, err := batch(r)
		if err != nil {
			return err
		}
		if len(values) == 0 {
			return nil
		}
		places := strings.TrimSuffix(strings.Repeat("(?"+strings.Repeat(",?", 11)+"),", len(values)/12), ",")
		if _, err := db.ExecContext(ctx, "INSERT INTO "+table+" VALUES "+places, values...); err != nil {
			return fmt.Errorf("insert rows: %w", err)
		}
	}
}

// batch reads the values of some rows, the line in front.
func batch(r *csv.Reader) ([]any, error) {
	var values []any
	for range rowsAtOnce {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read row: %w", err)
		}
		line, _ := r.FieldPos(0)
		values = append(values, line)
		for _, cell := range cells {
			values = append(values, cell)
		}
	}
	return values, nil
}
