package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Rows as the product writes them, but for their audit, which look-ups do not touch. They come in the order of each
// table's primary key, and the further keys are made at the end: 50 million rows at random would take hours.
const (
	generation = 5_000_000 // business ids whose rows are sorted together
	loadAtOnce = 250_000   // rows of one LOAD DATA

	operationColumns = "id, kind, digest, payload, state, version, due_us, rest, made_us, moved_us"
	caseColumns      = "part, id, version, batch, statement, channel, account, day, break_name, class, key_kind, key_id, occurrence, order_id, gap_minor, gap_currency, " +
		"state, resolution, owner, expected_us, opened_us, due_us, closed_us, facts, detail"
	rowPayload = `{"fen":100,"reason":"customer asked","notify":"https://shop.example/refunds"}`
)

// businessID is the number of the nth booking; ids are in the order of n.
func businessID(n int64) string { return fmt.Sprintf("P%09d", n) }

// load puts as many rows into both tables as the time allows, and tells how many each has.
func load(ctx context.Context, db *sql.DB, o lookupOptions) (n int64, err error) {
	if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM operations").Scan(&n); err != nil || n > 0 {
		return n, err // kept from another run
	}
	keys, err := dropKeys(ctx, db)
	if err != nil {
		return 0, err
	}
	for until := time.Now().Add(o.LoadFor); n < o.Rows/2 && time.Now().Before(until); {
		to := min(n+generation, o.Rows/2)
		if err := loadGeneration(ctx, db, n+1, to); err != nil {
			return n, fmt.Errorf("load rows: %w", err)
		}
		n = to
	}
	for _, add := range keys {
		if _, err := db.ExecContext(ctx, add); err != nil {
			return n, fmt.Errorf("make keys: %w", err)
		}
	}
	return n, nil
}

// dropKeys takes off the further keys of the cases, and gives the statements that make them again.
func dropKeys(ctx context.Context, db *sql.DB) (again []string, err error) {
	rows, err := db.QueryContext(ctx, "SELECT index_name, GROUP_CONCAT(column_name ORDER BY seq_in_index) FROM information_schema.statistics "+
		"WHERE table_schema = DATABASE() AND table_name = 'cases' AND index_name <> 'PRIMARY' GROUP BY index_name")
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	defer rows.Close()
	var drops []string
	for rows.Next() {
		var name, columns string
		if err := rows.Scan(&name, &columns); err != nil {
			return nil, fmt.Errorf("read keys: %w", err)
		}
		drops, again = append(drops, "DROP KEY "+name), append(again, "ALTER TABLE cases ADD KEY "+name+" ("+columns+")")
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	if _, err := db.ExecContext(ctx, "ALTER TABLE cases "+strings.Join(drops, ", ")); err != nil {
		return nil, fmt.Errorf("drop keys: %w", err)
	}
	return again, nil
}

type caseRow struct {
	sum [sha256.Size]byte
	n   int64
}

func loadGeneration(ctx context.Context, db *sql.DB, from, to int64) error {
	cases := make([]caseRow, 0, to-from+1)
	for n := from; n <= to; n++ {
		cases = append(cases, caseRow{sha256.Sum256([]byte(businessID(n))), n})
	}
	slices.SortFunc(cases, func(a, b caseRow) int {
		return cmp.Or(cmp.Compare(a.sum[0]%64, b.sum[0]%64), bytes.Compare(a.sum[1:], b.sum[1:]))
	})
	for at := 0; at < len(cases); at += loadAtOnce {
		page := cases[at:min(at+loadAtOnce, len(cases))]
		if err := loadPage(ctx, db, "operations", operationColumns, len(page), func(w io.Writer, i int) { writeOperation(w, from+int64(at+i)) }); err != nil {
			return err
		}
		if err := loadPage(ctx, db, "cases", caseColumns, len(page), func(w io.Writer, i int) { writeCase(w, page[i]) }); err != nil {
			return err
		}
	}
	return nil
}

// loadPage has the server read lines that are written while it reads them.
func loadPage(ctx context.Context, db *sql.DB, table, columns string, rows int, write func(w io.Writer, i int)) error {
	r, w := io.Pipe()
	defer r.Close()
	name := "touchstone-" + table
	mysql.RegisterReaderHandler(name, func() io.Reader { return r })
	defer mysql.DeregisterReaderHandler(name)
	go func() {
		lines := bufio.NewWriterSize(w, 64<<10)
		for i := range rows {
			write(lines, i)
		}
		w.CloseWithError(lines.Flush())
	}()
	if _, err := db.ExecContext(ctx, "LOAD DATA LOCAL INFILE 'Reader::"+name+"' INTO TABLE "+table+" CHARACTER SET binary FIELDS TERMINATED BY '\t' ESCAPED BY '' ("+columns+")"); err != nil {
		return fmt.Errorf("load %s: %w", table, err)
	}
	return nil
}

func writeOperation(w io.Writer, n int64) {
	business := businessID(n)
	fmt.Fprintf(w, "refund/%s/1\trefund\t%x\t%s\tSUCCESS\t3\t0\t0\t1\t1\n", business, sha256.Sum256([]byte(business)), rowPayload)
}

func writeCase(w io.Writer, c caseRow) {
	business, sum := businessID(c.n), hex.EncodeToString(c.sum[:])
	fmt.Fprintf(w, "%d\t%s\t1\twechat/1900000001/trade/2026-11-23@%s\twechat/1900000001/trade/2026-11-23\twechat\t1900000001\t2026-11-23\t"+
		"amount-mismatch\t\tpayment\t%s\t1\t%s\t100\tCNY\topen\t\t\t%d\t%d\t%d\t0\t%s\t{\"records\":[%300s]}\n",
		c.sum[0]%64, caseIDOf(business), sum, business, business, c.n, c.n, c.n, sum, "")
}

// caseIDOf is the id of the case about a business id.
func caseIDOf(business string) string {
	sum := sha256.Sum256([]byte(business))
	return fmt.Sprintf("C%02d-%s", sum[0]%64, hex.EncodeToString(sum[:])[2:18])
}
