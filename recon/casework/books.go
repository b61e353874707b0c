package casework

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// Books is the merchant's own database, as the target of supplements. The change and the repair's ID are written in one
// transaction of it: the ID is there if and only if the change is.
type Books struct {
	DB     *sql.DB  // that counts rows that changed, not rows that were found
	Tables []string // that may be changed
}

// books' own table is made once; whoever may only write the declared tables needs it made beforehand.
const booksTable = `CREATE TABLE IF NOT EXISTS touchstone_repairs (
	id VARBINARY(64) NOT NULL PRIMARY KEY,
	at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)
) ENGINE = InnoDB`

// noSuchTable is the error of a database about a table that is not there.
const noSuchTable = 1146

// NewBooks makes the table that remembers what was applied, where there is none. Making it needs a right of its own, also
// where it is there: so it is looked for first.
func NewBooks(ctx context.Context, db *sql.DB, tables []string) (*Books, error) {
	_, err := db.ExecContext(ctx, "SELECT 1 FROM touchstone_repairs LIMIT 0")
	var said *mysql.MySQLError
	if errors.As(err, &said) && said.Number == noSuchTable {
		_, err = db.ExecContext(ctx, booksTable)
	}
	if err != nil {
		return nil, fmt.Errorf("make table of applied repairs: %w", err)
	}
	return &Books{db, tables}, nil
}

// asked is a statement with its arguments.
type asked struct {
	text string
	args []any
}

// Look reads whether the repair is applied and, if not, whether the row still says what it must. The ID counts before all
// else, also before the configuration, which may have changed since. A row that says something else may say so because another
// applied the repair just now: the ID is asked for again before it is refused.
func (b *Books) Look(ctx context.Context, r *Repair) (Standing, string, error) {
	if at, err := b.applied(ctx, r.ID); err != nil || at != "" {
		return StandingApplied, at, err
	}
	seen, holds, err := b.ready(ctx, r)
	if err != nil {
		return "", "", err
	}
	if holds {
		return StandingReady, seen, nil
	}
	if at, err := b.applied(ctx, r.ID); err != nil || at != "" {
		return StandingApplied, at, err
	}
	return StandingRefused, seen, nil
}

// applied tells since when the books have the repair's ID, "" if they have not.
func (b *Books) applied(ctx context.Context, id string) (string, error) {
	var at string
	switch err := b.DB.QueryRowContext(ctx, "SELECT at FROM touchstone_repairs WHERE id = ?", id).Scan(&at); {
	case errors.Is(err, sql.ErrNoRows):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("ask books about repair %s: %w", id, err)
	}
	return "applied at " + at, nil
}

func (b *Books) ready(ctx context.Context, r *Repair) (seen string, holds bool, err error) {
	if err := b.known(&r.Proposal); err != nil {
		return err.Error(), false, nil
	}
	return precondition(ctx, b.DB, &r.Proposal, "")
}

// Apply changes the row in one transaction with the repair's ID, under a lock on the row.
func (b *Books) Apply(ctx context.Context, r *Repair) error {
	tx, err := b.DB.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin in books: %w", err)
	}
	if err := b.apply(ctx, tx, r); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit in books: %w", err)
	}
	return nil
}

func (b *Books) apply(ctx context.Context, tx *sql.Tx, r *Repair) error {
	added, err := exec(ctx, tx, asked{"INSERT INTO touchstone_repairs (id) VALUES (?) ON DUPLICATE KEY UPDATE id = id", []any{r.ID}})
	if err != nil || added == 0 {
		return err // none: it was applied before
	}
	if err := b.known(&r.Proposal); err != nil {
		return err
	}
	seen, holds, err := precondition(ctx, tx, &r.Proposal, " FOR UPDATE")
	switch {
	case err != nil:
		return err
	case !holds:
		return fmt.Errorf("%w: %s", ErrRefused, seen)
	}
	changed, err := exec(ctx, tx, r.Proposal.statement())
	if err == nil && changed != 1 {
		err = fmt.Errorf("%w: the change would touch %d rows", ErrRefused, changed)
	}
	return err
}

func exec(ctx context.Context, tx *sql.Tx, a asked) (int64, error) {
	result, err := tx.ExecContext(ctx, a.text, a.args...)
	if err != nil {
		return 0, fmt.Errorf("write to books: %w", err)
	}
	return result.RowsAffected()
}

// known refuses tables that were not declared, and names that are none.
func (b *Books) known(p *Proposal) error {
	if !slices.Contains(b.Tables, p.Table) {
		return fmt.Errorf("%w: table: is not among those that repairs may change (got %q)", ErrRefused, p.Table)
	}
	name := regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
	columns := append(append(names(p.Before), names(p.After)...), sortedKeys(p.Key)...)
	for _, column := range columns {
		if !name.MatchString(column) {
			return fmt.Errorf("%w: column: is no plain name (got %q)", ErrRefused, column)
		}
	}
	return nil
}

func names(r Row) []string { return sortedKeys(r) }

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

func (p *Proposal) where() asked {
	var terms []string
	var a asked
	for _, column := range sortedKeys(p.Key) {
		terms, a.args = append(terms, quoted(column)+" = ?"), append(a.args, p.Key[column])
	}
	a.text = " WHERE " + strings.Join(terms, " AND ")
	return a
}

func quoted(name string) string { return "`" + name + "`" }

// statement is the change: an insert, a delete or an update of one row.
func (p *Proposal) statement() asked {
	where := p.where()
	switch {
	case len(p.Before) == 0:
		return p.insert()
	case len(p.After) == 0:
		return asked{"DELETE FROM " + quoted(p.Table) + where.text, where.args}
	}
	var sets []string
	var args []any
	for _, column := range names(p.After) {
		sets, args = append(sets, quoted(column)+" = ?"), append(args, p.After[column])
	}
	return asked{"UPDATE " + quoted(p.Table) + " SET " + strings.Join(sets, ", ") + where.text, append(args, where.args...)}
}

func (p *Proposal) insert() asked {
	var columns []string
	var args []any
	for _, column := range sortedKeys(p.Key) {
		columns, args = append(columns, quoted(column)), append(args, p.Key[column])
	}
	for _, column := range names(p.After) {
		if _, key := p.Key[column]; !key {
			columns, args = append(columns, quoted(column)), append(args, p.After[column])
		}
	}
	return asked{"INSERT INTO " + quoted(p.Table) + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ") + ")", args}
}

// querier is a database or a transaction of it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// precondition compares the row with what it must say, as the database writes its values; seen tells what it says.
func precondition(ctx context.Context, from querier, p *Proposal, lock string) (seen string, holds bool, err error) {
	columns := names(p.Before)
	list := "1"
	if len(columns) > 0 {
		list = "CAST(" + strings.Join(quoteAll(columns), " AS CHAR), CAST(") + " AS CHAR)"
	}
	where := p.where()
	rows, err := from.QueryContext(ctx, "SELECT "+list+" FROM "+quoted(p.Table)+where.text+lock, where.args...)
	if err != nil {
		return "", false, fmt.Errorf("read books: %w", err)
	}
	defer rows.Close()
	found := 0
	for ; rows.Next(); found++ {
		values := make([]*string, max(len(columns), 1))
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return "", false, fmt.Errorf("read books: %w", err)
		}
		seen = differing(columns, p.Before, values)
	}
	if err := rows.Err(); err != nil {
		return "", false, fmt.Errorf("read books: %w", err)
	}
	switch want := min(len(columns), 1); {
	case found != want:
		return fmt.Sprintf("the books have %d such rows, not %d", found, want), false, nil
	case seen != "":
		return seen, false, nil
	}
	return "as it was", true, nil
}

func quoteAll(columns []string) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = quoted(c)
	}
	return out
}

// differing names the first column that says something else.
func differing(columns []string, want Row, got []*string) string {
	for i, column := range columns {
		if w, g := want[column], got[i]; (w == nil) != (g == nil) || (w != nil && *w != *g) {
			return fmt.Sprintf("%s is %s, not %s", column, shown(g), shown(w))
		}
	}
	return ""
}

func shown(v *string) string {
	if v == nil {
		return "NULL"
	}
	return fmt.Sprintf("%q", *v)
}
