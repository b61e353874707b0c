package dualwrite

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

// OpenShadow gives the pool an applier with so many workers needs: a connection for each that stays, and statements that
// take one round trip.
func OpenShadow(dsn string, workers int) (*sql.DB, error) {
	cfg, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, errors.New("the DSN cannot be read; try: USER:PASSWORD@tcp(HOST:PORT)/SCHEMA")
	}
	cfg.Logger, cfg.InterpolateParams, cfg.MultiStatements, cfg.ParseTime = &mysql.NopLogger{}, true, true, false
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("open shadow at %s: %w", cfg.Addr, err)
	}
	db := sql.OpenDB(connector)
	db.SetMaxIdleConns(workers)
	db.SetMaxOpenConns(workers + 1)
	return db, nil
}
