package schema

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/shadow/stmt"
)

var errGone = driver.ErrBadConn // closes a connection of a pool for good

// Prepare creates the tables that the shadow lacks and copies the rows of reference tables. What is there already and
// alike is left as it is, so that a second run does nothing; what a run left half done, the next does again.
func Prepare(ctx context.Context, cfg Config) ([]Step, error) {
	primary, err := session(ctx, cfg.Primary, forReading)
	if err != nil {
		return nil, fmt.Errorf("primary: %w", err)
	}
	defer closeConn(primary)
	second, err := session(ctx, cfg.Shadow, forWriting)
	if err != nil {
		return nil, fmt.Errorf("shadow: %w", err)
	}
	defer closeConn(second)
	if _, err := primary.ExecContext(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"); err != nil {
		return nil, fmt.Errorf("primary: make session read-only: %w", err)
	}
	if _, err := primary.ExecContext(ctx, "START TRANSACTION WITH CONSISTENT SNAPSHOT"); err != nil {
		return nil, fmt.Errorf("primary: start snapshot: %w", err)
	}
	p := preparing{cfg: cfg, primary: primary, shadow: second}
	for _, t := range cfg.Tables {
		if err := p.table(ctx, t); err != nil {
			return p.steps, fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	return p.steps, nil
}

type preparing struct {
	cfg             Config
	primary, shadow *sql.Conn
	steps           []Step
}

func (p *preparing) step(t Table, what, text string) {
	p.steps = append(p.steps, Step{t.Name, what, text})
}

func (p *preparing) table(ctx context.Context, t Table) error {
	there, err := exists(ctx, p.shadow, t.there())
	if err != nil {
		return err
	}
	switch {
	case !there && t.Differ:
		return fmt.Errorf("the shadow has no %s, and it is declared to be otherwise than on the primary; try: create it", t.there())
	case !there:
		if err := p.create(ctx, t); err != nil {
			return err
		}
	default:
		p.step(t, "is there", "")
	}
	if t.Kind != Reference {
		return nil
	}
	if !there && p.cfg.DryRun {
		p.step(t, "would be copied", "INSERT INTO "+stmt.Quote(t.there()))
		return nil
	}
	return p.copy(ctx, t)
}

func exists(ctx context.Context, conn *sql.Conn, table string) (bool, error) {
	var n int
	err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?", table).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for it: %w", err)
	}
	return n > 0, nil
}

func (p *preparing) create(ctx context.Context, t Table) error {
	var name, text string
	if err := p.primary.QueryRowContext(ctx, "SHOW CREATE TABLE "+stmt.Quote(t.Name)).Scan(&name, &text); err != nil {
		return fmt.Errorf("read its definition on the primary: %w", err)
	}
	text, left := adapt(text, t, p.cfg.Tables)
	for _, reference := range left {
		p.step(t, "goes without its foreign key to "+reference+", which is not prepared", "")
	}
	what := "created"
	if p.cfg.DryRun {
		what = "would be created"
	} else if _, err := p.shadow.ExecContext(ctx, text); err != nil {
		return fmt.Errorf("create it on the shadow: %w; try: create it by hand, this is the primary's definition: %s", err, text)
	}
	p.step(t, what, text)
	return nil
}

var (
	counter    = regexp.MustCompile(` AUTO_INCREMENT=\d+`)
	foreignKey = regexp.MustCompile("^\\s*CONSTRAINT .* FOREIGN KEY .* REFERENCES `((?:[^`]|``)+)`")
	tableName  = regexp.MustCompile("^CREATE TABLE `(?:[^`]|``)+`")
)

// adapt makes the shadow's definition of the primary's, and gives the tables of the foreign keys that it left out.
func adapt(text string, t Table, all []Table) (adapted string, left []string) {
	var lines []string
	for _, line := range strings.Split(text, "\n") {
		if m := foreignKey.FindStringSubmatch(line); m != nil {
			to := strings.ReplaceAll(m[1], "``", "`")
			i := slices.IndexFunc(all, func(o Table) bool { return strings.EqualFold(o.Name, to) && o.Shadow == "" })
			if i < 0 {
				left = append(left, to)
				continue
			}
		}
		lines = append(lines, line)
	}
	for i, line := range lines {
		if i+1 < len(lines) && strings.HasPrefix(lines[i+1], ")") {
			lines[i] = strings.TrimSuffix(line, ",") // the line behind it may be gone
		}
		if strings.HasPrefix(line, ")") {
			lines[i] = counter.ReplaceAllString(line, "")
		}
	}
	return tableName.ReplaceAllLiteralString(strings.Join(lines, "\n"), "CREATE TABLE "+stmt.Quote(t.there())), left
}

// copy brings the rows of a reference table over in one transaction, unless they are there and alike.
func (p *preparing) copy(ctx context.Context, t Table) error {
	columns, key, err := copied(ctx, p.primary, t.Name)
	if err != nil {
		return err
	}
	if len(key) == 0 {
		return errors.New("a reference table needs a primary key; try: take it out of mysql.reference_tables")
	}
	want, err := p.digest(ctx, p.primary, t.Name, columns, key, nil)
	if err != nil {
		return fmt.Errorf("read the primary: %w", err)
	}
	have, err := p.digest(ctx, p.shadow, t.there(), columns, key, nil)
	if err != nil {
		return fmt.Errorf("read the shadow: %w", err)
	}
	if want == have {
		p.step(t, fmt.Sprintf("has its %d rows", want.rows), "")
		return nil
	}
	if p.cfg.DryRun {
		p.step(t, fmt.Sprintf("would get %d rows", want.rows), "DELETE FROM "+stmt.Quote(t.there()))
		return nil
	}
	tx, err := p.shadow.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin on the shadow: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if _, err := tx.ExecContext(ctx, "DELETE FROM "+stmt.Quote(t.there())); err != nil {
		return fmt.Errorf("empty it on the shadow: %w", err)
	}
	w := &writer{tx: tx, table: t.there(), columns: columns}
	if _, err := p.digest(ctx, p.primary, t.Name, columns, key, func(row []sql.RawBytes) error { return w.row(ctx, row) }); err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	if err := errors.Join(w.flush(ctx), tx.Commit()); err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	if have, err = p.digest(ctx, p.shadow, t.there(), columns, key, nil); err != nil {
		return fmt.Errorf("read the shadow: %w", err)
	}
	if have != want {
		return fmt.Errorf("the copy has %d rows and differs from the primary's %d; try: compare the definitions with 'touchstone shadow drift'", have.rows, want.rows)
	}
	p.step(t, fmt.Sprintf("got %d rows", want.rows), "")
	return nil
}

// copied gives the columns of a table that can be written, and those of its primary key.
func copied(ctx context.Context, conn *sql.Conn, table string) (columns, key []string, err error) {
	rows, err := conn.QueryContext(ctx, `SELECT column_name, column_key FROM information_schema.columns
		WHERE table_schema = DATABASE() AND table_name = ? AND COALESCE(generation_expression, '') = '' ORDER BY ordinal_position`, table)
	if err != nil {
		return nil, nil, fmt.Errorf("read columns: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	for rows.Next() {
		var name, in string
		if err := rows.Scan(&name, &in); err != nil {
			return nil, nil, fmt.Errorf("read columns: %w", err)
		}
		columns = append(columns, name)
		if in == "PRI" {
			key = append(key, name)
		}
	}
	return columns, key, rows.Err()
}

// content is what a table holds, in short.
type content struct {
	rows int
	hash [sha256.Size]byte
}

// digest reads all rows in the order of the key, one at a time.
func (p *preparing) digest(ctx context.Context, conn *sql.Conn, table string, columns, key []string, each func([]sql.RawBytes) error) (content, error) {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = stmt.Quote(c)
	}
	sorted := make([]string, len(key))
	for i, c := range key {
		sorted[i] = "BINARY " + stmt.Quote(c)
	}
	rows, err := conn.QueryContext(ctx, "SELECT "+strings.Join(names, ", ")+" FROM "+stmt.Quote(table)+" ORDER BY "+strings.Join(sorted, ", "))
	if err != nil {
		return content{}, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	raw, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
	for i := range raw {
		into[i] = &raw[i]
	}
	var out content
	sum := sha256.New()
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return content{}, err
		}
		out.rows++
		addRow(sum, raw)
		if each != nil {
			if err := each(raw); err != nil {
				return content{}, err
			}
		}
	}
	copy(out.hash[:], sum.Sum(nil))
	return out, rows.Err()
}

func addRow(sum hash.Hash, row []sql.RawBytes) {
	var size [8]byte
	for _, v := range row {
		binary.BigEndian.PutUint64(size[:], uint64(len(v))+1)
		if v == nil {
			binary.BigEndian.PutUint64(size[:], 0)
		}
		_, _ = sum.Write(size[:]) // a hash takes everything
		_, _ = sum.Write(v)
	}
}

// writer collects rows to statements of bounded size.
type writer struct {
	tx      *sql.Tx
	table   string
	columns []string
	args    []any
	rows    int
	bytes   int
}

func (w *writer) row(ctx context.Context, raw []sql.RawBytes) error {
	for _, v := range raw {
		if v == nil {
			w.args = append(w.args, nil)
			continue
		}
		w.args = append(w.args, string(v))
		w.bytes += len(v)
	}
	if w.rows++; w.rows >= batchRows || w.bytes >= batchBytes || len(w.args) > 60_000 {
		return w.flush(ctx)
	}
	return nil
}

func (w *writer) flush(ctx context.Context) error {
	if w.rows == 0 {
		return nil
	}
	names, marks := make([]string, len(w.columns)), make([]string, len(w.columns))
	for i, c := range w.columns {
		names[i], marks[i] = stmt.Quote(c), "?"
	}
	one := "(" + strings.Join(marks, ", ") + ")"
	text := "INSERT INTO " + stmt.Quote(w.table) + " (" + strings.Join(names, ", ") + ") VALUES " + one + strings.Repeat(", "+one, w.rows-1)
	_, err := w.tx.ExecContext(ctx, text, w.args...)
	w.args, w.rows, w.bytes = w.args[:0], 0, 0
	return err
}
