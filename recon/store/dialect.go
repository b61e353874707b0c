package store

import (
	"errors"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
)

// dialect is all in which the two databases differ.
type dialect struct {
	name     string // of its folder of migrations
	goose    goose.Dialect
	conflict func(key, set []string) string // the end of an INSERT whose key may be there
	again    func(error) bool               // the server undid the transaction: it may be tried again
}

func sqliteDialect() dialect {
	return dialect{name: "sqlite", goose: goose.DialectSQLite3, conflict: sqliteConflict, again: sqliteBusy}
}

func mysqlDialect() dialect {
	return dialect{name: "mysql", goose: goose.DialectMySQL, conflict: mysqlConflict, again: mysqlBusy}
}

func sqliteConflict(key, set []string) string {
	if len(set) == 0 {
		return " ON CONFLICT (" + strings.Join(key, ", ") + ") DO NOTHING"
	}
	return " ON CONFLICT (" + strings.Join(key, ", ") + ") DO UPDATE SET " + each(set, func(c string) string { return c + " = excluded." + c })
}

// mysqlConflict sets a column to itself where nothing shall change: INSERT IGNORE would swallow other errors too.
func mysqlConflict(key, set []string) string {
	if len(set) == 0 {
		return " ON DUPLICATE KEY UPDATE " + key[0] + " = " + key[0]
	}
	return " ON DUPLICATE KEY UPDATE " + each(set, func(c string) string { return c + " = VALUES(" + c + ")" })
}

func each(names []string, form func(string) string) string {
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = form(name)
	}
	return strings.Join(parts, ", ")
}

func sqliteBusy(err error) bool {
	const busy, locked = 5, 6
	var refused *sqlite.Error
	if !errors.As(err, &refused) {
		return false
	}
	code := refused.Code() & 0xff // without the extended part
	return code == busy || code == locked
}

// mysqlBusy knows deadlock, lock wait, a record that changed since it was read (MariaDB), and TiDB's write conflicts.
func mysqlBusy(err error) bool {
	var refused *mysql.MySQLError
	return errors.As(err, &refused) && slices.Contains([]uint16{1213, 1205, 1020, 8002, 8022, 9007}, refused.Number)
}
