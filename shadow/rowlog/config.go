package rowlog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	driver "github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Policy says which changes of a table are taken.
type Policy uint8

// The policies. A table without one is not written to the shadow: a tagged change of it is a cause.
const (
	All        Policy = iota + 1 // inserts, updates and deletes
	InsertOnly                   // an update or delete spoils the write set
	Ignore                       // nothing, on purpose
)

// Table is the policy of one table.
type Table struct {
	Name        string // without schema
	Policy      Policy
	OrderColumn string   // holds the order's key; "" = none
	Key         []string // columns that name a row; nil = those of the primary key
}

// Sink takes what was read.
type Sink interface {
	// WriteSet takes a tagged transaction. It waits while there is no room. done is called once, from anywhere, when the
	// transaction need not be read again.
	WriteSet(ctx context.Context, ws shadow.WriteSet, done func()) error
	// Foreign tells that an untagged transaction wrote rows of an order that a tagged one wrote before; "" = rows of
	// nobody knows which order.
	Foreign(order string)
}

// Config is what a reader needs.
type Config struct {
	DSN          string // of an account with the right to read the log
	ServerID     uint32 // this reader's, unlike that of any server or other reader of the log
	Schema       string // of the tables
	Tables       []Table
	PositionFile string // keeps the position over a restart
	MaxRows      int    // of one transaction; 0 = 10000
	Backoff      time.Duration
	Drain        time.Duration // for what committed before Run's context ended; 0 = 10 s
	Sink         Sink
	Log          *slog.Logger
	Metrics      prometheus.Registerer
}

// Defaults and bounds.
const (
	defaultMaxRows = 10_000
	defaultBackoff = 200 * time.Millisecond
	defaultDrain   = 10 * time.Second
	maxBackoff     = 5 * time.Second
	heartbeat      = 5 * time.Second
	silence        = 20 * time.Second // without even a heartbeat the connection is given up
	saveEvery      = time.Second
	eventsAhead    = 256
)

// Reader reads one primary's log. Open it, then Run it.
type Reader struct {
	cfg      Config
	account  *driver.Config
	host     string
	port     uint16
	db       *sql.DB
	flavor   string
	charsets charsets
	odd      odd
	tables   map[string]Table // by lower-case name
	progress progress
	known    recent // orders of tagged transactions
	metrics  *metrics
}

// New makes a reader; its errors are of configuration only.
func New(cfg Config) (*Reader, error) {
	account, err := driver.ParseDSN(cfg.DSN)
	if err != nil {
		return nil, errors.New("row log: the DSN cannot be read; try: USER:PASSWORD@tcp(HOST:PORT)/SCHEMA")
	}
	host, text, err := net.SplitHostPort(account.Addr)
	port, perr := strconv.ParseUint(text, 10, 16)
	if account.Net != "tcp" || err != nil || perr != nil {
		return nil, errors.New("row log: the DSN names no TCP address; try: USER:PASSWORD@tcp(HOST:PORT)/SCHEMA")
	}
	if cfg.ServerID == 0 {
		return nil, errors.New("row log: the server id is 0; try: a number that no server and no other reader uses")
	}
	if cfg.MaxRows <= 0 {
		cfg.MaxRows = defaultMaxRows
	}
	if cfg.Backoff <= 0 {
		cfg.Backoff = defaultBackoff
	}
	if cfg.Drain <= 0 {
		cfg.Drain = defaultDrain
	}
	connector, err := driver.NewConnector(account)
	if err != nil {
		return nil, fmt.Errorf("row log: %w", err)
	}
	r := &Reader{
		cfg: cfg, account: account, host: host, port: uint16(port), db: sql.OpenDB(connector),
		tables: map[string]Table{}, metrics: newMetrics(cfg.Metrics),
	}
	for _, t := range cfg.Tables {
		r.tables[strings.ToLower(t.Name)] = t
	}
	return r, nil
}

// Close gives the connections back; Run has ended by then.
func (r *Reader) Close() error { return r.db.Close() }

// table finds the policy of a table of the log.
func (r *Reader) table(schema, name string) (Table, bool) {
	if !strings.EqualFold(schema, r.cfg.Schema) {
		return Table{}, false
	}
	t, ok := r.tables[strings.ToLower(name)]
	return t, ok
}
