package rowlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

const (
	flavorMySQL   = "mysql"
	flavorMariaDB = "mariadb"
)

// setting is one of the server's settings without which the log does not tell enough.
type setting struct {
	name, want, cure string
	flavor           string // "" = both
}

func settings() []setting {
	return []setting{
		{"log_bin", "1", "log_bin in the server's configuration, and a restart", ""},
		{"binlog_format", "ROW", "SET GLOBAL binlog_format = 'ROW', and in the server's configuration", ""},
		{"binlog_row_image", "FULL", "SET GLOBAL binlog_row_image = 'FULL', and in the server's configuration", ""},
		{"binlog_row_metadata", "FULL", "SET GLOBAL binlog_row_metadata = 'FULL', and in the server's configuration", ""},
		{"binlog_annotate_row_events", "1", "SET GLOBAL binlog_annotate_row_events = ON, and in the server's configuration", flavorMariaDB},
		{"binlog_rows_query_log_events", "1", "SET GLOBAL binlog_rows_query_log_events = ON, and in the server's configuration", flavorMySQL},
		{"gtid_mode", "ON", "gtid_mode = ON and enforce_gtid_consistency = ON in the server's configuration", flavorMySQL},
	}
}

// Check tells whether the server's log says enough: full images with the columns' names, and the text of each statement.
// Each setting that does not is one error, which names its value and its cure.
func Check(ctx context.Context, db *sql.DB) error {
	flavor, err := flavorOf(ctx, db)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range settings() {
		if s.flavor != "" && s.flavor != flavor {
			continue
		}
		var value string
		if err := db.QueryRowContext(ctx, "SELECT @@GLOBAL."+s.name).Scan(&value); err != nil {
			errs = append(errs, fmt.Errorf("row log: %s cannot be read: %w; try: a server that has it (MariaDB 10.5, MySQL 8.0)", s.name, err))
			continue
		}
		if !strings.EqualFold(value, s.want) {
			errs = append(errs, fmt.Errorf("row log: %s is %s on the primary, %s is needed; try: %s", s.name, value, s.want, s.cure))
		}
	}
	return errors.Join(errs...)
}

func flavorOf(ctx context.Context, db *sql.DB) (string, error) {
	var version string
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return "", fmt.Errorf("row log: ask the primary for its version: %w", err)
	}
	if strings.Contains(strings.ToLower(version), "mariadb") {
		return flavorMariaDB, nil
	}
	return flavorMySQL, nil
}

// end gives the position behind everything that the log holds now.
func end(ctx context.Context, db *sql.DB, flavor string) (string, error) {
	ask := "SELECT @@GLOBAL.gtid_executed"
	if flavor == flavorMariaDB {
		ask = "SELECT @@GLOBAL.gtid_binlog_pos"
	}
	var position string
	if err := db.QueryRowContext(ctx, ask).Scan(&position); err != nil {
		return "", fmt.Errorf("row log: ask for the end of the log: %w", err)
	}
	return strings.ReplaceAll(position, "\n", ""), nil
}
