package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

// lookupOptions are those of the part that looks things up by their business ids.
type lookupOptions struct {
	Rows    int64         `default:"50000000" help:"Rows of operations and of cases together; fewer where loading takes longer than --load-for."`
	LoadFor time.Duration `default:"5m" help:"Longest time that rows are loaded."`
	Lookups int           `default:"20000" help:"Look-ups of each kind."`
	Buffer  string        `default:"2G" help:"Buffer pool of the server."`
}

const (
	loadAtOnce = 200_000
	lookupGoal = 8 * time.Millisecond // at the 99th percentile
)

// Rows as the product writes them, but for their audit, which look-ups do not touch. The server makes them itself, since
// they are many.
const (
	loadOperations = `INSERT INTO operations (id, kind, digest, payload, state, version, due_us, rest, made_us, moved_us)
		SELECT CONCAT('refund/P', seq, '/1'), 'refund', SHA2(seq, 256), '{"fen":100,"reason":"customer asked","notify":"https://shop.example/refunds"}', 'SUCCESS', 3, 0, 0, 1, 1 FROM seq_%d_to_%d`
	loadCases = `INSERT INTO cases (part, id, version, batch, statement, channel, account, day, break_name, class, key_kind, key_id, occurrence, order_id, gap_minor, gap_currency,
		state, resolution, owner, expected_us, opened_us, due_us, closed_us, facts, detail)
		SELECT p, CONCAT('C', LPAD(p, 2, '0'), '-', SUBSTR(h, 3, 16)), 1, CONCAT('wechat/1900000001/trade/2026-11-23@', h), 'wechat/1900000001/trade/2026-11-23', 'wechat', '1900000001', '2026-11-23',
			'amount-mismatch', '', 'payment', CONCAT('P', seq), 1, CONCAT('P', seq), 100, 'CNY', 'open', '', '', seq, seq, seq, 0, h, CONCAT('{"records":[', REPEAT(' ', 300), ']}')
		FROM (SELECT seq, SHA2(CONCAT('P', seq), 256) AS h, CONV(SUBSTR(SHA2(CONCAT('P', seq), 256), 1, 2), 16, 10) %% 64 AS p FROM seq_%d_to_%d) AS made`
)

// lookup loads operations and cases into a MariaDB of its own and looks for some of them.
func lookup(ctx context.Context, o options, out io.Writer) (err error) {
	dir, err := os.MkdirTemp(o.Day.Dir, "touchstone-lookup")
	if err != nil {
		return fmt.Errorf("create folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := mariadb.Start(ctx, dir, "--innodb-buffer-pool-size="+o.Lookup.Buffer, "--innodb-log-file-size=512M", "--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite")
	if err != nil {
		return err
	}
	defer server.Stop()
	db, raw, err := openLookup(ctx, server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, raw.Close(), db.Close()) }()
	begin := time.Now()
	n, err := load(ctx, raw, o.Lookup)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s operations and %s cases in 64 partitions, loaded in %s, buffer pool %s\n", humanize.Comma(n), humanize.Comma(n), time.Since(begin).Round(time.Second), o.Lookup.Buffer)
	return lookups(ctx, db, n, o.Lookup.Lookups, out)
}

// openLookup gives an empty store, and the server's own way in.
func openLookup(ctx context.Context, server *mariadb.Server) (*store.DB, *sql.DB, error) {
	admin, err := open(server.Addr, "", 1)
	if err != nil {
		return nil, nil, err
	}
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+schema); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("create schema: %w", err), admin.Close())
	}
	if err := admin.Close(); err != nil {
		return nil, nil, fmt.Errorf("close connection: %w", err)
	}
	db, err := store.Open(ctx, "mysql://root@"+server.Addr+"/"+schema)
	if err != nil {
		return nil, nil, err
	}
	raw, err := open(server.Addr, schema, 1)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, raw, nil
}

// load puts as many rows into both tables as the time allows, and tells how many each has.
func load(ctx context.Context, db *sql.DB, o lookupOptions) (n int64, err error) {
	for until := time.Now().Add(o.LoadFor); n < o.Rows/2 && time.Now().Before(until); {
		to := min(n+loadAtOnce, o.Rows/2)
		for _, rows := range []string{loadOperations, loadCases} {
			if _, err := db.ExecContext(ctx, fmt.Sprintf(rows, n+1, to)); err != nil {
				return n, fmt.Errorf("load rows: %w", err)
			}
		}
		n = to
	}
	return n, nil
}

// lookups asks for rows at random, one after the other, and wants the ones that were asked for.
func lookups(ctx context.Context, db *store.DB, rows int64, times int, out io.Writer) error {
	desk := &casework.Desk{DB: db}
	for _, kind := range []struct {
		name string
		ask  func(business string) (found string, err error)
	}{
		{"operation by business id", func(business string) (string, error) {
			o, err := batch.ReadOperation(ctx, db, "refund/"+business+"/1")
			if err != nil {
				return "", err
			}
			return o.ID[len("refund/") : len(o.ID)-len("/1")], nil
		}},
		{"cases of a business id", func(business string) (string, error) {
			all, err := desk.Of(ctx, business)
			if err != nil || len(all) != 1 {
				return "", errors.Join(err, fmt.Errorf("%d cases", len(all)))
			}
			return all[0].Key.ID, nil
		}},
		{"case by its id", func(business string) (string, error) {
			c, err := desk.Get(ctx, caseIDOf(business))
			return c.Key.ID, err
		}},
	} {
		took := make([]time.Duration, 0, times)
		for range times {
			business := fmt.Sprintf("P%d", 1+rand.Int64N(rows))
			begin := time.Now()
			found, err := kind.ask(business)
			took = append(took, time.Since(begin))
			if err == nil && found != business {
				err = fmt.Errorf("got %q", found)
			}
			if err != nil {
				return fmt.Errorf("%s: ask for %s: %w", kind.name, business, err)
			}
		}
		slices.Sort(took)
		fmt.Fprintf(out, "  %-26s %d look-ups: median %.2f ms, P99 %.2f ms (goal %s), most %.2f ms\n",
			kind.name, times, milli(took[times/2]), milli(took[times*99/100]), lookupGoal, milli(took[times-1]))
	}
	return nil
}

func milli(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// caseIDOf is the id that loadCases gives.
func caseIDOf(business string) string {
	sum := sha256.Sum256([]byte(business))
	return fmt.Sprintf("C%02d-%s", sum[0]%64, hex.EncodeToString(sum[:])[2:18])
}
