package main

import (
	"context"
	"database/sql"
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
	LoadFor time.Duration `default:"30m" help:"Longest time that rows are loaded."`
	RowsIn  string        `type:"path" help:"Folder that keeps the loaded database: the next run with it looks up at once."`
	Lookups int           `default:"20000" help:"Look-ups of each kind."`
	Buffer  string        `default:"2G" help:"Buffer pool of the server."`
}

const lookupGoal = 8 * time.Millisecond // at the 99th percentile

// lookup looks for some of the operations and cases of a MariaDB of its own.
func lookup(ctx context.Context, o options, out io.Writer) (err error) {
	dir := o.Lookup.RowsIn
	if dir == "" {
		if dir, err = os.MkdirTemp(o.Day.Dir, "touchstone-lookup"); err != nil {
			return fmt.Errorf("create folder: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	server, err := mariadb.Start(ctx, dir, "--innodb-buffer-pool-size="+o.Lookup.Buffer, "--innodb-log-file-size=512M", "--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite", "--local-infile")
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
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS "+schema); err != nil {
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
			business := businessID(1 + rand.Int64N(rows))
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
