package divert

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow/dualwrite"
	"github.com/seed-3356bd69/touchstone/shadow/stmt"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

// guards makes the guard of each connection.
type guards struct {
	schema     string
	known      map[string]bool // tables that may be named, in lower case; empty = all of the schema
	elsewhere  map[string]bool // tables that are read from the primary, in lower case
	recorders  *dualwrite.Recorders
	classifier *stmt.Classifier
	refused    *prometheus.CounterVec
}

func newGuards(cfg Config, recorders *dualwrite.Recorders) *guards {
	g := &guards{schema: cfg.Schema, known: map[string]bool{}, elsewhere: map[string]bool{}, recorders: recorders, classifier: stmt.New(), refused: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "touchstone_mysql_refused_total", Help: "Commands the divert port refused, by rule."}, []string{"rule"})}
	for _, name := range cfg.Known {
		g.known[strings.ToLower(name)] = true
	}
	if cfg.Reads != nil {
		for _, name := range cfg.Reads.Tables {
			g.elsewhere[strings.ToLower(name)] = true
		}
	}
	for _, r := range rules() {
		g.refused.WithLabelValues(string(r))
	}
	cfg.Metrics.MustRegister(g.refused)
	return g
}

// Open makes the guard of one connection.
func (g *guards) Open(connection uint64) wire.Session {
	return &guard{Recorder: g.recorders.Recorder(connection), shared: g}
}

// guard refuses what is not allowed and records the rest.
type guard struct {
	*dualwrite.Recorder
	shared *guards
}

// OnCommand refuses, or lets the recorder look.
func (g *guard) OnCommand(cmd *wire.Command) *wire.Refusal {
	if r := g.check(cmd); r != nil {
		g.shared.refused.WithLabelValues(string(r.rule)).Inc()
		return r.refusal()
	}
	if cmd.Second {
		return nil // it writes nothing, so it belongs to no write set
	}
	return g.Recorder.OnCommand(cmd)
}

// OnResult lets the recorder look at what the shadow server answered.
func (g *guard) OnResult(cmd *wire.Command, res *wire.Result) {
	if !cmd.Second {
		g.Recorder.OnResult(cmd, res)
	}
}

func (g *guard) check(cmd *wire.Command) *refused {
	switch cmd.Code {
	case wire.ComQuery, wire.ComStmtPrepare:
		if cmd.Truncated {
			return &refused{ruleTooLong, ""}
		}
		return g.shared.checkText(g.Mode(), cmd)
	case wire.ComLogin, wire.ComChangeUser, wire.ComInitDB:
		if cmd.Schema != g.shared.schema && (cmd.Schema != "" || cmd.Code == wire.ComInitDB) {
			return &refused{ruleSchema, cmd.Schema}
		}
	case wire.ComStmtExecute, wire.ComStmtClose, wire.ComStmtReset, wire.ComStmtSendLong, wire.ComStmtFetch,
		wire.ComPing, wire.ComResetConnection, wire.ComStatistics, wire.ComFieldList, wire.ComSetOption:
	default:
		return &refused{ruleCommand, ""}
	}
	return nil
}
