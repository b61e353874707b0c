package dualwrite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// ReadComparerConfig is how tagged reads are compared. Both pools are of OpenShadow; neither is written.
type ReadComparerConfig struct {
	Primary, Shadow *sql.DB
	Behind          func() bool           // the shadow lacks something that was committed; nil = never
	Report          func(shadow.ReadNote) // a difference; it must not block
	Mappings        map[string]Mapping    // by the primary's table, lower case: these are not compared
	Workers         int                   // 0 = 2
	Queue           int                   // 0 = 1024
	Rechecks        int                   // of a read that differs, on both sides; 0 = 3
	Delay           time.Duration         // before the first; doubles; 0 = 500 ms
	Timeout         time.Duration         // of one statement; 0 = 5 s
	Log             *slog.Logger
	Metrics         prometheus.Registerer
}

// ReadComparer runs tagged reads again on the shadow and holds the rows against what the primary answered. What differs is
// read again on both sides after a delay, since both go on, and reported if it then still differs.
type ReadComparer struct {
	cfg     ReadComparerConfig
	queue   chan Read
	total   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

// Outcomes of reads that were compared.
const (
	readMatch    = "match"
	readMismatch = "mismatch"
	readFailed   = "failed" // the shadow refused the statement, or gave no answer
	readBehind   = "behind" // it differs, and the shadow was not up to date
)

// NewReadComparer makes a comparer; Run does the work.
func NewReadComparer(cfg ReadComparerConfig) *ReadComparer {
	for n, v := range map[*int]int{&cfg.Workers: 2, &cfg.Queue: 1024, &cfg.Rechecks: 3} {
		if *n <= 0 {
			*n = v
		}
	}
	for d, v := range map[*time.Duration]time.Duration{&cfg.Delay: 500 * time.Millisecond, &cfg.Timeout: 5 * time.Second} {
		if *d <= 0 {
			*d = v
		}
	}
	c := &ReadComparer{
		cfg: cfg, queue: make(chan Read, cfg.Queue),
		total:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "touchstone_reads_total", Help: "Tagged reads of a database cutover, by outcome."}, []string{"outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "touchstone_reads_seconds", Help: "Time of a compared read, by side.", Buckets: prometheus.ExponentialBuckets(1e-4, 2, 16)}, []string{"side"}),
	}
	for _, outcome := range append(readSkips(), readMatch, readMismatch, readFailed, readBehind) {
		c.total.WithLabelValues(outcome)
	}
	cfg.Metrics.MustRegister(c.total, c.seconds)
	return c
}

// Skip counts a read that is not compared.
func (c *ReadComparer) Skip(reason string) { c.total.WithLabelValues(reason).Inc() }

// Submit queues a read; without room it is counted and forgotten.
func (c *ReadComparer) Submit(r Read) {
	if _, mapped := c.cfg.Mappings[strings.ToLower(r.Table)]; mapped {
		c.Skip(skipMapped)
		return
	}
	select {
	case c.queue <- r:
	default:
		c.Skip(skipNoRoom)
	}
}

// Run compares until ctx ends; what waits then is counted as without room.
func (c *ReadComparer) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for range c.cfg.Workers {
		wg.Go(func() { c.work(ctx) })
	}
	wg.Wait()
	for {
		select {
		case <-c.queue:
			c.Skip(skipNoRoom)
		default:
			return nil
		}
	}
}

func (c *ReadComparer) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-c.queue:
			c.total.WithLabelValues(c.contained(ctx, r)).Inc()
		}
	}
}

func (c *ReadComparer) contained(ctx context.Context, r Read) (outcome string) {
	defer func() {
		if p := recover(); p != nil {
			outcome = readFailed
			c.cfg.Log.Error("comparing a read panicked", "panic", p)
		}
	}()
	return c.compare(ctx, r)
}

func (c *ReadComparer) compare(ctx context.Context, r Read) string {
	expected, err := answerRows(r)
	if err != nil {
		return skipUnread
	}
	delay := c.cfg.Delay
	for look := 0; ; look++ {
		start := time.Now()
		actual, err := c.run(ctx, c.cfg.Shadow, r)
		if err != nil {
			c.cfg.Log.Debug("a read failed on the shadow", logError, err)
			return readFailed
		}
		if look == 0 {
			c.seconds.WithLabelValues(string(shadow.Primary)).Observe(r.Took.Seconds())
			c.seconds.WithLabelValues(string(shadow.Shadow)).Observe(time.Since(start).Seconds())
		}
		found := readDifferences(r, expected, actual)
		switch {
		case len(found) == 0:
			return readMatch
		case look >= c.cfg.Rechecks && c.cfg.Behind != nil && c.cfg.Behind():
			return readBehind
		case look >= c.cfg.Rechecks:
			c.cfg.Report(shadow.ReadNote{Order: r.Order, Text: r.Masked, Mismatches: found})
			return readMismatch
		}
		select {
		case <-ctx.Done():
			return skipNoRoom
		case <-time.After(delay):
		}
		delay *= 2
		if expected, err = c.run(ctx, c.cfg.Primary, r); err != nil {
			return readFailed
		}
	}
}

// run reads on one side, in a transaction that cannot write, with the settings of the session that read first.
func (c *ReadComparer) run(ctx context.Context, db *sql.DB, r Read) ([]readRow, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing was written
	zone, mode := "DEFAULT", "DEFAULT"
	var args []any
	if r.Zoned {
		zone, args = "?", append(args, r.TimeZone)
	}
	if r.SQLMode != nil {
		mode, args = "?", append(args, *r.SQLMode)
	}
	if _, err := tx.ExecContext(ctx, "SET time_zone = "+zone+", sql_mode = "+mode, args...); err != nil {
		return nil, fmt.Errorf("set up session: %w", err)
	}
	rows, err := tx.QueryContext(ctx, r.Text, r.Args...)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	defer func() { _ = rows.Close() }() // databaseRows tells what went wrong
	return databaseRows(r, rows)
}
