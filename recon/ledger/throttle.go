package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

// errDiscard makes database/sql close a connection for good.
var errDiscard = driver.ErrBadConn

// throttle waits while a server is busy.
type throttle struct {
	source   Source
	db       *sql.DB
	replicas []*sql.DB

	mu   sync.Mutex
	seen time.Time // when the server was found idle enough
}

const (
	lookAgain = 200 * time.Millisecond // between two looks at a busy server
	trusted   = 200 * time.Millisecond // for so long an idle server is taken for idle
)

func newThrottle(s Source, db *sql.DB) (*throttle, error) {
	t := &throttle{source: s, db: db}
	if s.Options.MaxLag == 0 {
		return t, nil
	}
	for i, dsn := range s.Options.Replicas {
		replica, err := mysql.ParseDSN(dsn)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("replica %d of %s: not a DSN of the form user:password@tcp(host:port)/", i+1, s.Name()), t.close())
		}
		connector, err := mysql.NewConnector(replica)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open replica at %s: %w", replica.Addr, err), t.close())
		}
		t.replicas = append(t.replicas, sql.OpenDB(connector))
	}
	return t, nil
}

func (t *throttle) close() error {
	var errs []error
	for _, db := range t.replicas {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}

// wait returns when the server is idle enough, or with an error when that does not come.
func (t *throttle) wait(ctx context.Context) error {
	t.mu.Lock() // one looks for all
	defer t.mu.Unlock()
	if time.Since(t.seen) < trusted {
		return nil
	}
	for began := time.Now(); ; {
		busy, err := t.busy(ctx)
		if err != nil {
			return fmt.Errorf("look at the load of %s: %w", t.source.Name(), err)
		}
		if busy == "" {
			t.seen = time.Now()
			return nil
		}
		if time.Since(began) > t.source.Options.Patience {
			return fmt.Errorf("read %s: %s for %s; try: at a quieter time, or with other bounds", t.source.Name(), busy, t.source.Options.Patience)
		}
		t.source.Options.Metrics.waited(lookAgain)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}

// busy says why a server should be left alone; "" = it need not.
func (t *throttle) busy(ctx context.Context) (string, error) {
	o := t.source.Options
	if o.MaxRunning > 0 {
		running, err := threadsRunning(ctx, t.db)
		if err != nil {
			return "", err
		}
		if running > o.MaxRunning {
			return fmt.Sprintf("the server runs more than %d threads (%d)", o.MaxRunning, running), nil
		}
	}
	if o.MaxLag == 0 {
		return "", nil
	}
	servers := t.replicas
	if len(servers) == 0 {
		servers = []*sql.DB{t.db}
	}
	for _, db := range servers {
		lag, replicates, err := lagOf(ctx, db)
		switch {
		case err != nil:
			return "", err
		case !replicates && len(t.replicas) > 0:
			return "", errors.New("a replica does not replicate: nobody knows how far it is behind")
		case lag > o.MaxLag:
			return fmt.Sprintf("a replica is more than %s behind (%s)", o.MaxLag, lag), nil
		}
	}
	return "", nil
}

func threadsRunning(ctx context.Context, db *sql.DB) (int, error) {
	n := -1
	err := each(ctx, db, "SHOW GLOBAL STATUS LIKE 'Threads_running'", func(rows *sql.Rows) error {
		var name string
		return rows.Scan(&name, &n)
	})
	if err == nil && n < 0 {
		err = errors.New("it does not tell Threads_running")
	}
	return n, err
}

// lagOf reads how far a replica is behind. Older servers know the statement by its old name only.
func lagOf(ctx context.Context, db *sql.DB) (lag time.Duration, replicates bool, err error) {
	for _, query := range []string{"SHOW REPLICA STATUS", "SHOW SLAVE STATUS"} {
		err = each(ctx, db, query, func(rows *sql.Rows) error {
			names, err := rows.Columns()
			if err != nil {
				return err
			}
			values, into := make([]sql.NullString, len(names)), make([]any, len(names))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				return err
			}
			for i, name := range names {
				if strings.HasPrefix(name, "Seconds_Behind_") && values[i].Valid {
					seconds, err := strconv.Atoi(values[i].String)
					lag, replicates = max(lag, time.Duration(seconds)*time.Second), true
					return err
				}
			}
			return nil
		})
		var syntax *mysql.MySQLError
		if !errors.As(err, &syntax) || syntax.Number != 1064 {
			return lag, replicates, err
		}
	}
	return lag, replicates, err
}
