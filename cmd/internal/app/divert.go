package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/shadow/divert"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

// divert opens the candidate's database port.
func (s *sidecar) divert(ctx context.Context) error {
	m := s.cfg.MySQL
	encrypt, err := portTLS(m.Divert.TLS)
	if err != nil {
		return fmt.Errorf("mysql.divert.tls: %w", err)
	}
	cfg := divert.Config{
		TLS: encrypt, Listen: string(m.Divert.Listen), Shadow: string(m.Divert.Upstream), Schema: m.Divert.Schema, Tables: writtenTables(m.Tables),
		Known: knownTables(m), Observer: s.sink, DrainTimeout: sqlDrain, Log: s.log, Metrics: s.registry,
	}
	if l := m.Divert.Login; l != nil {
		cfg.Login = &wire.Login{Accept: wire.Account{User: l.User, Password: l.Password.Text()}, Own: wire.Account{User: l.OwnUser, Password: l.OwnPassword.Text()}}
	}
	if m.Divert.Reads != nil {
		if cfg.Reads, err = s.routedReads(ctx, m.Divert.Reads); err != nil {
			return fmt.Errorf("mysql.divert.reads: %w", err)
		}
	}
	return s.mysql("divert", divert.New(cfg))
}

// routedReads proves that the account of routed reads can read its tables and write none.
func (s *sidecar) routedReads(ctx context.Context, r *config.Reads) (*divert.Reads, error) {
	db, err := s.open(r.DSN)
	if err != nil {
		return nil, err
	}
	dsn, err := mysql.ParseDSN(r.DSN.Text())
	if err != nil || dsn.Net != "tcp" || dsn.DBName == "" {
		return nil, errors.New("the DSN file does not hold a DSN of the form user:password@tcp(host:port)/schema")
	}
	ctx, cancel := context.WithTimeout(ctx, proveBound)
	defer cancel()
	if err := divert.ProveReadOnly(ctx, db, r.Tables); err != nil {
		return nil, fmt.Errorf("prove that the account only reads: %w", err)
	}
	return &divert.Reads{Tables: r.Tables, Addr: dsn.Addr, Account: wire.Account{User: dsn.User, Password: dsn.Passwd}, Schema: dsn.DBName, TLS: dsn.TLS}, nil
}
