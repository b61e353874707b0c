package store

import (
	"database/sql"
	"fmt"
	"net/url"

	_ "modernc.org/sqlite" // driver "sqlite"
)

// Mode says what a file of SQLite is opened for.
type Mode string

// The modes.
const (
	ReadWrite Mode = "rwc" // the file is made where it is missing
	ReadOnly  Mode = "ro"
)

// Sync says what a committed transaction survives.
type Sync string

// A process that dies loses nothing in either.
const (
	SyncFull   Sync = "FULL"   // a machine that dies loses nothing either
	SyncNormal Sync = "NORMAL" // a machine that dies may lose the last transactions
)

// SQLite opens a file in write-ahead mode. Transactions begin as writers, so that none fails half way for a lock.
func SQLite(path string, mode Mode, sync Sync) (*sql.DB, error) {
	query := url.Values{"mode": {string(mode)}, "_txlock": {"immediate"}, "_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(" + string(sync) + ")"}}
	if mode == ReadOnly {
		query["_pragma"] = []string{"busy_timeout(10000)", "query_only(1)"}
		query.Del("_txlock")
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+query.Encode())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return db, nil
}
