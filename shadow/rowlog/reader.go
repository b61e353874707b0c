package rowlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/google/uuid"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/stmt"
)

// Open checks the server and finds where to begin: where an earlier run ended, or else at the present end of the log.
// Everything that commits after it has returned will be read.
func (r *Reader) Open(ctx context.Context) error {
	if err := Check(ctx, r.db); err != nil {
		return err
	}
	var err error
	if r.flavor, err = flavorOf(ctx, r.db); err != nil {
		return err
	}
	if r.charsets, err = readCharsets(ctx, r.db, r.flavor); err != nil {
		return err
	}
	if err := r.readOdd(ctx); err != nil {
		return err
	}
	position, saved, err := load(r.cfg.PositionFile)
	if err != nil {
		return err
	}
	if !saved {
		if position, err = end(ctx, r.db, r.flavor); err != nil {
			return err
		}
		if err := save(r.cfg.PositionFile, position); err != nil {
			return err
		}
	}
	if _, err := mysql.ParseGTIDSet(r.flavor, position); err != nil {
		return fmt.Errorf("position file %s: %w", r.cfg.PositionFile, err)
	}
	r.progress.start(position)
	return nil
}

// Position gives up to where all is done.
func (r *Reader) Position() string { return r.progress.position() }

// Run reads until ctx ends, and then what had committed by that time, for at most the drain time. It connects again for as
// long as that can help; an error is one that waiting does not heal.
func (r *Reader) Run(ctx context.Context) error {
	stop := make(chan struct{})
	saved := make(chan error, 1)
	go func() { saved <- r.keep(stop) }()
	hard, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(r.cfg.Drain, cancel) })()
	err := r.read(ctx, hard)
	close(stop)
	return errors.Join(err, <-saved)
}

// keep saves the position from time to time, and at the end.
func (r *Reader) keep(stop <-chan struct{}) error {
	last := r.Position()
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		ended := false
		select {
		case <-tick.C:
		case <-stop:
			ended = true
		}
		var err error
		if now := r.Position(); now != last {
			if err = save(r.cfg.PositionFile, now); err == nil {
				last = now
			} else if !ended {
				r.cfg.Log.Warn("position of the row log is not saved: a restart reads more again", logError, err)
			}
		}
		if ended {
			return err
		}
	}
}

const logError = "error"

// read connects again and again; what is on its way goes on until hard ends.
func (r *Reader) read(ctx, hard context.Context) error {
	at, err := mysql.ParseGTIDSet(r.flavor, r.Position())
	if err != nil {
		return fmt.Errorf("row log position: %w", err)
	}
	wait := r.cfg.Backoff
	for {
		before := at.String()
		err := r.stream(ctx, hard, at)
		switch {
		case errors.Is(err, errReached), hard.Err() != nil:
			return nil
		case denied(err):
			return fmt.Errorf("read the row log: %w; try: GRANT REPLICATION SLAVE ON *.* TO the account of the DSN", err)
		case permanent(err):
			return fmt.Errorf("read the row log from %s: %w; try: empty the shadow with 'touchstone shadow discard', remove %s, and start a new run", before, err, r.cfg.PositionFile)
		}
		if at.String() != before {
			wait = r.cfg.Backoff
		}
		r.metrics.reconnects.Inc()
		r.cfg.Log.Warn("row log connection ended", logError, err)
		select {
		case <-hard.Done():
			return nil
		case <-time.After(wait):
		}
		wait = min(2*wait, maxBackoff)
	}
}

// permanent tells whether the server said that it cannot give the log from there on.
func permanent(err error) bool {
	var refused *mysql.MyError
	return errors.As(err, &refused) && refused.Code == mysql.ER_MASTER_FATAL_ERROR_READING_BINLOG
}

// denied tells whether it said that it does not give it to this account.
func denied(err error) bool {
	var refused *mysql.MyError
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Code {
	case mysql.ER_ACCESS_DENIED_ERROR, mysql.ER_SPECIFIC_ACCESS_DENIED_ERROR, mysql.ER_DBACCESS_DENIED_ERROR:
		return true
	}
	return false
}

var errReached = errors.New("all that had committed was read")

const annotate = 2 // flag of the dump command: the statements' texts are wanted

// stream reads over one connection and moves at behind each transaction that was handed over.
func (r *Reader) stream(ctx, hard context.Context, at mysql.GTIDSet) error {
	cfg := replication.BinlogSyncerConfig{
		ServerID: r.cfg.ServerID, Flavor: r.flavor, Host: r.host, Port: r.port, User: r.account.User, Password: r.account.Passwd,
		TLSConfig: r.account.TLS, TimestampStringLocation: time.UTC, HeartbeatPeriod: heartbeat, ReadTimeout: silence, DisableRetrySync: true,
		VerifyChecksum: true, DiscardGTIDSet: true, EventCacheCount: eventsAhead, RowsEventDecodeFunc: r.decode,
		Logger: slog.New(slog.DiscardHandler), Localhost: "touchstone",
	}
	if r.flavor == flavorMariaDB {
		cfg.DumpCommandFlag = annotate
	}
	syncer := replication.NewBinlogSyncer(cfg)
	defer syncer.Close()
	streamer, err := syncer.StartSyncGTID(at.Clone())
	if err != nil {
		return err
	}
	g := &group{reader: r}
	var until mysql.GTIDSet // set when ctx has ended
	for pull := ctx; ; {
		event, err := streamer.GetEvent(pull)
		if err != nil && ctx.Err() != nil && hard.Err() == nil && until == nil {
			pull = hard
			if until, err = r.end(hard); err == nil && at.Contain(until) {
				return errReached
			} else if err == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
		ended, err := g.take(event)
		if err != nil {
			return err
		}
		if ended == nil {
			continue
		}
		if !ended.begun {
			if err := r.readOdd(hard); err != nil { // it may have been a definition
				return err
			}
		}
		if err := at.Update(ended.gtid); err != nil {
			return fmt.Errorf("transaction %s: %w", ended.gtid, err)
		}
		if err := r.hand(hard, ended, at.String()); err != nil {
			return err
		}
		if until != nil && at.Contain(until) {
			return errReached
		}
	}
}

// end gives the present end of the log.
func (r *Reader) end(ctx context.Context) (mysql.GTIDSet, error) {
	position, err := end(ctx, r.db, r.flavor)
	if err != nil {
		return nil, err
	}
	return mysql.ParseGTIDSet(r.flavor, position)
}

// decode reads the rows of the tables that have a policy, and only the head of others.
func (r *Reader) decode(e *replication.RowsEvent, data []byte) error {
	at, err := e.DecodeHeader(data)
	if err != nil {
		return err
	}
	if t, declared := r.table(string(e.Table.Schema), string(e.Table.Table)); !declared || t.Policy == Ignore {
		return nil
	}
	return e.DecodeData(at, data)
}

// hand gives a whole transaction to who wants it.
func (r *Reader) hand(ctx context.Context, t *transaction, position string) error {
	r.metrics.lag.Set(max(0, time.Since(t.at).Seconds()))
	if t.release == "" || len(t.statements) == 0 {
		r.untagged(t)
		r.progress.pass(position)
		return nil
	}
	r.metrics.tagged.Inc()
	ws := t.writeSet()
	for _, order := range t.orders {
		r.known.add(order)
	}
	return r.cfg.Sink.WriteSet(ctx, ws, r.progress.add(position))
}

func (r *Reader) untagged(t *transaction) {
	foreign := false
	for _, order := range t.orders {
		if r.known.has(order) {
			foreign = true
			r.cfg.Sink.Foreign(order)
		}
	}
	if t.nameless && t.release == "" {
		foreign = true
		r.cfg.Sink.Foreign("")
	}
	if foreign {
		r.metrics.foreign.Inc()
	} else {
		r.metrics.other.Inc()
	}
}

// group puts events together to transactions.
type group struct {
	reader *Reader
	tx     *transaction // that is read now; nil = none
}

var errOutside = errors.New("the log has an event outside of a transaction")

// take reads one event and gives the transaction that it ends.
func (g *group) take(event *replication.BinlogEvent) (*transaction, error) {
	switch e := event.Event.(type) {
	case *replication.MariadbGTIDEvent:
		g.start(event, e.GTID.String())
	case *replication.GTIDEvent:
		id, err := uuid.FromBytes(e.SID)
		if err != nil {
			return nil, fmt.Errorf("transaction id: %w", err)
		}
		g.start(event, id.String()+":"+strconv.FormatInt(e.GNO, 10))
	case *replication.TransactionPayloadEvent:
		for _, inner := range e.Events {
			if ended, err := g.take(inner); ended != nil || err != nil {
				return ended, err
			}
		}
	case *replication.MariadbAnnotateRowsEvent:
		return nil, g.with(func(t *transaction) { t.comment(e.Query) })
	case *replication.RowsQueryEvent:
		return nil, g.with(func(t *transaction) { t.comment(e.Query) })
	case *replication.RowsEvent:
		return nil, g.with(func(t *transaction) { g.reader.add(t, e) })
	case *replication.QueryEvent:
		return g.query(e)
	case *replication.XIDEvent:
		return g.end()
	}
	if event.Header.EventType == replication.XA_PREPARE_LOG_EVENT {
		if err := g.with(func(t *transaction) { t.prepared = true }); err != nil {
			return nil, err
		}
		return g.end()
	}
	return nil, nil
}

func (g *group) start(event *replication.BinlogEvent, gtid string) {
	standalone := false
	if e, ok := event.Event.(*replication.MariadbGTIDEvent); ok {
		standalone = e.IsStandalone()
	}
	g.tx = &transaction{gtid: gtid, at: time.Unix(int64(event.Header.Timestamp), 0)}
	_, mariadb := event.Event.(*replication.MariadbGTIDEvent)
	g.tx.begun = mariadb && !standalone // MariaDB leaves BEGIN out
}

func (g *group) with(do func(*transaction)) error {
	if g.tx == nil {
		return errOutside
	}
	do(g.tx)
	return nil
}

func (g *group) end() (*transaction, error) {
	ended := g.tx
	if ended == nil {
		return nil, errOutside
	}
	g.tx = nil
	return ended, nil
}

// query reads a statement that the log holds as text.
func (g *group) query(e *replication.QueryEvent) (*transaction, error) {
	if g.tx == nil {
		return nil, errOutside
	}
	text := string(e.Query)
	control := stmt.ControlOf(text, 0)
	switch {
	case control.Kind == stmt.Begin, strings.HasPrefix(text, "XA START"):
		g.tx.begun = true
		return nil, nil
	case control.Kind == stmt.Savepoint:
		g.tx.savepoint(control.Name)
		return nil, nil
	case control.Kind == stmt.RollbackTo:
		g.tx.back(control.Name)
		return nil, nil
	case control.Kind == stmt.Commit:
		return g.end()
	case control.Kind == stmt.Rollback:
		g.tx.rolledBack()
		return g.end()
	case strings.HasPrefix(text, "XA "), strings.HasPrefix(text, "# "):
	default:
		g.reader.written(g.tx, string(e.Schema), text)
	}
	if g.tx.begun {
		return nil, nil
	}
	return g.end()
}

// rolledBack forgets what a transaction wrote. That it stands in the log at all says that tables without transactions
// were written too, and which of its rows stayed is not told.
func (t *transaction) rolledBack() {
	if len(t.statements) > 0 {
		t.nameless = true
		t.statements = []shadow.Statement{{Verb: "unknown", Affected: 1, Cause: shadow.CauseUnclassified}}
	}
}
