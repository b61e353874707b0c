package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/pressly/goose/v3"
	"golang.org/x/sys/unix"
)

// migrations are numbered: 1 to 19 batches and operations, 20 to 39 cases, 40 to 49 what channels tell before their files, 50
// to 59 retention, from 60 on what came later. One folder for each dialect, with the same numbers. Each holds one change,
// since a server commits every change of a table by itself.
//
//go:embed migrations
var migrations embed.FS

// migrate brings the tables up to date, one process at a time.
func (db *DB) migrate(ctx context.Context) (err error) {
	unlock, err := db.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	folder, err := fs.Sub(migrations, "migrations/"+db.dialect.name)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	provider, err := goose.NewProvider(db.dialect.goose, db.write, folder, goose.WithAllowOutofOrder(true), goose.WithDisableGlobalRegistry(true), goose.WithTableName("touchstone_schema"))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	switch have, known, err := provider.GetVersions(ctx); {
	case err != nil:
		return fmt.Errorf("read version of tables: %w", err)
	case have > known:
		return fmt.Errorf("its tables are of version %d, this program knows %d; try: the newer program", have, known)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("bring tables up to date: %w", err)
	}
	return nil
}

// lock keeps other processes from changing the tables at the same time.
func (db *DB) lock(ctx context.Context) (unlock func() error, err error) {
	if db.dialect.name == "sqlite" {
		return lockFile(db.name + ".lock")
	}
	return lockServer(ctx, db.write)
}

func lockFile(path string) (func() error, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f.Close, nil
}

const lockSeconds = 60

func lockServer(ctx context.Context, db *sql.DB) (func() error, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(CONCAT('touchstone ', DATABASE()), ?)", lockSeconds).Scan(&got); err != nil {
		return nil, errors.Join(fmt.Errorf("lock tables: %w", err), conn.Close())
	}
	if got.Int64 != 1 {
		return nil, errors.Join(fmt.Errorf("another process changes the tables for more than %d s", lockSeconds), conn.Close())
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK(CONCAT('touchstone ', DATABASE()))")
		return errors.Join(err, conn.Close())
	}, nil
}
