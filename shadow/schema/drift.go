package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Severity says what a difference means for a run.
type Severity string

// The severities.
const (
	Blocks Severity = "blocks" // writes would fail, or mean something else
	Warns  Severity = "warns"
)

// Difference is one thing that is otherwise on the shadow.
type Difference struct {
	Severity Severity
	Table    string // "" = the server
	Column   string // "" = the table
	What     string
	Primary  string
	Shadow   string
}

// String prints "blocks payments.amount type: decimal(18,2) on the primary, decimal(18,1) on the shadow".
func (d Difference) String() string {
	at := d.Table
	if at == "" {
		at = "server"
	}
	if d.Column != "" {
		at += "." + d.Column
	}
	return fmt.Sprintf("%s %s %s: %s on the primary, %s on the shadow", d.Severity, at, d.What, shown(d.Primary), shown(d.Shadow))
}

func shown(v string) string {
	if v == "" {
		return "nothing"
	}
	return v
}

// Drift compares definitions and the server settings that change what statements mean. It changes nothing.
func Drift(ctx context.Context, cfg Config) ([]Difference, error) {
	primary, err := session(ctx, cfg.Primary, forReading)
	if err != nil {
		return nil, fmt.Errorf("primary: %w", err)
	}
	defer closeConn(primary)
	second, err := session(ctx, cfg.Shadow, forReading)
	if err != nil {
		return nil, fmt.Errorf("shadow: %w", err)
	}
	defer closeConn(second)
	all, err := servers(ctx, primary, second)
	if err != nil {
		return nil, err
	}
	for _, t := range cfg.Tables {
		found, err := tables(ctx, primary, second, t)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", t.Name, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// settings that change what a statement does, with what a difference means.
func settings() map[string]Severity {
	return map[string]Severity{
		"sql_mode": Warns, "time_zone": Blocks, "system_time_zone": Warns, "character_set_server": Warns, "collation_server": Warns,
		"lower_case_table_names": Blocks, "auto_increment_increment": Warns, "explicit_defaults_for_timestamp": Warns,
		"innodb_rollback_on_timeout": Warns, "max_allowed_packet": Warns, "innodb_strict_mode": Warns,
	}
}

func servers(ctx context.Context, primary, second *sql.Conn) ([]Difference, error) {
	var all []Difference
	severities := settings()
	for _, name := range slices.Sorted(maps.Keys(severities)) {
		a, err := setting(ctx, primary, name)
		if err != nil {
			return nil, fmt.Errorf("primary: %w", err)
		}
		b, err := setting(ctx, second, name)
		if err != nil {
			return nil, fmt.Errorf("shadow: %w", err)
		}
		if a != b {
			all = append(all, Difference{severities[name], "", "", name, a, b})
		}
	}
	return all, nil
}

func setting(ctx context.Context, conn *sql.Conn, name string) (string, error) {
	var ignored, value string
	err := conn.QueryRowContext(ctx, "SHOW GLOBAL VARIABLES LIKE '"+name+"'").Scan(&ignored, &value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return value, nil
}

// definition is a table as information_schema describes it.
type definition struct {
	columns  map[string]map[string]string // by name: property, value
	keys     map[string]string            // by name: columns
	triggers []string
}

func tables(ctx context.Context, primary, second *sql.Conn, t Table) ([]Difference, error) {
	a, err := define(ctx, primary, t.Name)
	if err != nil {
		return nil, fmt.Errorf("primary: %w", err)
	}
	b, err := define(ctx, second, t.there())
	if err != nil {
		return nil, fmt.Errorf("shadow: %w", err)
	}
	var all []Difference
	add := func(s Severity, column, what, p, q string) {
		all = append(all, Difference{s, t.Name, column, what, p, q})
	}
	if len(a.columns) == 0 || len(b.columns) == 0 {
		add(Blocks, "", "table", present(len(a.columns) > 0), present(len(b.columns) > 0))
		return all, nil
	}
	for _, name := range b.triggers {
		add(Blocks, "", "trigger "+name+", which would write a second time", "", "there")
	}
	for _, name := range a.triggers {
		add(Warns, "", "trigger "+name+", of which only what it writes to declared tables is brought over", "there", "")
	}
	if t.Differ {
		return all, nil
	}
	for _, name := range names(a.columns, b.columns) {
		column(add, name, a.columns[name], b.columns[name])
	}
	for _, name := range names(a.keys, b.keys) {
		if p, q := a.keys[name], b.keys[name]; p != q {
			severity := Warns
			if name == "PRIMARY" {
				severity = Blocks
			}
			add(severity, "", "key "+name, p, q)
		}
	}
	return all, nil
}

func column(add func(s Severity, column, what, p, q string), name string, a, b map[string]string) {
	if a == nil || b == nil {
		add(Blocks, name, "column", present(a != nil), present(b != nil))
		return
	}
	for _, what := range names(a, b) {
		if a[what] != b[what] {
			add(Warns, name, what, a[what], b[what])
		}
	}
}

func present(there bool) string {
	if there {
		return "there"
	}
	return ""
}

func names[V any](a, b map[string]V) []string {
	all := slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b)))
	slices.Sort(all)
	return slices.Compact(all)
}

func define(ctx context.Context, conn *sql.Conn, table string) (definition, error) {
	d := definition{columns: map[string]map[string]string{}, keys: map[string]string{}}
	err := each(ctx, conn, `SELECT column_name, column_type, is_nullable, COALESCE(column_default, ''), COALESCE(character_set_name, ''), COALESCE(collation_name, ''), extra,
		COALESCE(generation_expression, '') FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?`, table, 8, func(v []string) {
		d.columns[v[0]] = map[string]string{"type": v[1], "nullable": v[2], "default": v[3], "character set": v[4], "collation": v[5], "extra": v[6], "expression": v[7]}
	})
	if err != nil {
		return d, err
	}
	err = each(ctx, conn, `SELECT index_name, GROUP_CONCAT(column_name ORDER BY seq_in_index), MAX(non_unique) FROM information_schema.statistics
		WHERE table_schema = DATABASE() AND table_name = ? GROUP BY index_name`, table, 3, func(v []string) {
		d.keys[v[0]] = map[string]string{"0": "unique ", "1": ""}[v[2]] + "(" + v[1] + ")"
	})
	if err != nil {
		return d, err
	}
	return d, each(ctx, conn, "SELECT trigger_name FROM information_schema.triggers WHERE event_object_schema = DATABASE() AND event_object_table = ? ORDER BY 1", table, 1, func(v []string) {
		d.triggers = append(d.triggers, v[0])
	})
}

func each(ctx context.Context, conn *sql.Conn, ask, table string, width int, take func([]string)) error {
	rows, err := conn.QueryContext(ctx, ask, table)
	if err != nil {
		return fmt.Errorf("read its definition: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	for rows.Next() {
		values, into := make([]string, width), make([]any, width)
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("read its definition: %w", err)
		}
		take(values)
	}
	return rows.Err()
}
