package dualwrite

import (
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/stmt"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

// Mode says what write sets are for.
type Mode uint8

// The modes.
const (
	Observe Mode = iota // tell of them
	Apply               // and hand them to the shadow: spoilt by everything that is not an insert by value
	Follow              // the row log tells of them: only those whose tag it does not show
)

// Table is the policy of one table.
type Table struct {
	Name          string   // without schema
	Key           []string // columns of the natural key; a row without them cannot be told from others
	OrderColumn   string   // holds the order's key; "" = this table binds no transaction to an order
	AutoIncrement string   // column the server numbers; "" = none
	Ignore        bool     // its writes are left out, on purpose
	Shared        []string // amounts in rows that many orders change: what is told is how much an order adds
}

// late tells whether write sets are told after the client has its answer.
func (c *Config) late() bool { return c.Mode == Apply && !c.Sync }

// Observer takes write sets. It must not block: a client's answer or its next command waits for it.
type Observer interface {
	WriteSet(ws shadow.WriteSet)
}

// Config is what the recorders of one port share.
type Config struct {
	Port              string      // name of the port in metrics
	Side              shadow.Side // whose writes these are
	Mode              Mode
	Schema            string // the schema of the tables; "" = any
	Tables            []Table
	Tagging           Tagging
	Journal           Journal // of Apply; nil = none
	Shadow            Shadow  // of Apply
	Sync              bool    // of Apply: the client's answer waits for Shadow.Submit
	Reads             Reads   // takes tagged reads to be compared; nil = they are not
	RollbackOnTimeout bool    // the server runs with innodb_rollback_on_timeout
	MaxRows           int     // of one transaction that are kept; 0 = 10000
	Observer          Observer
	Log               *slog.Logger
	Metrics           prometheus.Registerer
	Now               func() time.Time // nil = time.Now
	NewID             func() string    // nil = random UUIDs
}

const (
	logPort       = "port"
	logConnection = "connection"
)

// Recorders makes one Recorder for each connection of a port. It is a wire.Opener.
type Recorders struct {
	cfg        Config
	tables     map[string]Table // by lower-case name
	classifier *stmt.Classifier
	metrics    *metrics
	known      known
	plain      *work // of every untagged statement that controls no transaction
}

// New prepares the recorders of one port.
func New(cfg Config) *Recorders {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.NewID == nil {
		cfg.NewID = uuid.NewString
	}
	if cfg.MaxRows <= 0 {
		cfg.MaxRows = 10_000
	}
	rs := &Recorders{cfg: cfg, tables: map[string]Table{}, classifier: stmt.New(), metrics: newMetrics(cfg.Metrics, cfg.Port)}
	rs.plain = &work{items: []item{{}}}
	for _, t := range cfg.Tables {
		rs.tables[strings.ToLower(t.Name)] = t
	}
	return rs
}

// Open makes the recorder of one connection.
func (rs *Recorders) Open(connection uint64) wire.Session { return rs.Recorder(connection) }

// Recorder is Open for who wraps it.
func (rs *Recorders) Recorder(connection uint64) *Recorder {
	return &Recorder{
		shared: rs, connection: connection, utf8: true, prepared: map[uint32]*prepared{},
		tx: transaction{rollbackOnTimeout: rs.cfg.RollbackOnTimeout, maxRows: rs.cfg.MaxRows},
	}
}

// table finds the policy of a statement's target, seen from the connection's schema.
func (rs *Recorders) table(t stmt.Table, current string) (Table, bool) {
	schema := t.Schema
	if schema == "" {
		schema = current
	}
	if rs.cfg.Schema != "" && !strings.EqualFold(schema, rs.cfg.Schema) {
		return Table{}, false
	}
	policy, ok := rs.tables[strings.ToLower(t.Name)]
	return policy, ok
}
