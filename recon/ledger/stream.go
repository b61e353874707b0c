package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Stream is a table as CSV text: a header, then the rows in no particular order. Its end is io.EOF only when every row was
// read: the number of rows is held against a count in the same snapshot.
type Stream struct {
	blocks chan []byte
	block  []byte
	rest   []byte
	free   sync.Pool
	cancel context.CancelFunc
	ended  chan struct{} // closed when err and stats are final
	err    error
	stats  Stats
}

// Stats is what reading a table took.
type Stats struct {
	Rows   int64
	Bytes  int64 // of text
	Conns  int   // that read
	Ranges int
	Shared bool          // all connections saw one moment
	Locked time.Duration // for so long nobody could write to the table
}

// ErrIncomplete is a table of which not every row was read, or that changed where nobody should have written.
var ErrIncomplete = errors.New("the rows that were read are not those that were counted")

const blockSize = 64 << 10

// Open begins to read a table. The stream must be closed.
func Open(ctx context.Context, s Source) (*Stream, error) {
	s = s.withDefaults()
	db, err := s.open()
	if err != nil {
		return nil, err
	}
	r := &tableReader{source: s, db: db}
	if err := r.prepare(ctx); err != nil {
		return nil, errors.Join(err, r.close())
	}
	ctx, cancel := context.WithCancel(ctx)
	out := &Stream{blocks: make(chan []byte, 2*len(r.snap.conns)), cancel: cancel, ended: make(chan struct{})}
	out.free.New = func() any { b := make([]byte, 0, blockSize+blockSize/4); return &b }
	out.rest = r.header()
	r.out = out
	go func() {
		defer close(out.ended)
		err := r.run(ctx)
		out.stats, out.err = r.stats, errors.Join(err, r.close())
		close(out.blocks)
	}()
	return out, nil
}

// Read gives CSV text.
func (s *Stream) Read(p []byte) (int, error) {
	for len(s.rest) == 0 {
		if s.block != nil {
			block := s.block[:0]
			s.free.Put(&block)
			s.block = nil
		}
		var ok bool
		if s.block, ok = <-s.blocks; !ok {
			<-s.ended
			if s.err != nil {
				return 0, s.err
			}
			return 0, io.EOF
		}
		s.rest = s.block
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Close ends the reading and blocks until its connections are closed.
func (s *Stream) Close() error {
	s.cancel()
	for range s.blocks {
	}
	<-s.ended
	if errors.Is(s.err, context.Canceled) {
		return nil
	}
	return s.err
}

// Stats tells what the reading took; final after the stream's end.
func (s *Stream) Stats() Stats {
	<-s.ended
	return s.stats
}

// tableReader reads one table.
type tableReader struct {
	source Source
	db     *sql.DB
	layout *layout
	snap   *snapshots
	load   *throttle
	ranges []keyRange
	out    *Stream
	mu     sync.Mutex
	stats  Stats
}

// prepare asks about the table, opens the snapshots and cuts the ranges in the first of them.
func (r *tableReader) prepare(ctx context.Context) (err error) {
	if r.layout, err = readLayout(ctx, r.db, r.source); err != nil {
		return err
	}
	if r.load, err = newThrottle(r.source, r.db); err != nil {
		return err
	}
	n := r.source.Options.Parallel
	if r.layout.key == nil || r.layout.rows < smallTable || !strings.EqualFold(r.layout.engine, "InnoDB") {
		n = 1
	}
	if r.snap, err = openSnapshots(ctx, r.db, r.source, n); err != nil {
		return err
	}
	n = len(r.snap.conns)
	r.ranges, err = cutRanges(ctx, r.snap.conns[0], r.source, r.layout, n*rangesPerConnection)
	r.stats = Stats{Conns: n, Ranges: len(r.ranges), Shared: r.snap.shared, Locked: r.snap.locked}
	if n == 1 {
		r.ranges = []keyRange{{}}
		if r.source.Options.MaxRunning > 0 || r.source.Options.MaxLag > 0 {
			r.ranges, err = cutRanges(ctx, r.snap.conns[0], r.source, r.layout, rangesPerConnection) // to look at the load in between
		}
		r.stats.Ranges = len(r.ranges)
	}
	return err
}

func (r *tableReader) close() error {
	if r.snap != nil {
		r.snap.close()
	}
	var err error
	if r.load != nil {
		err = r.load.close()
	}
	return errors.Join(err, r.db.Close())
}

func (r *tableReader) header() []byte {
	var names []driver.Value
	for _, c := range r.layout.columns {
		names = append(names, []byte(c.name))
	}
	return appendCSV(nil, names)
}

// run reads all ranges, then counts in the first and the last snapshot: they differ only where two moments were seen.
func (r *tableReader) run(ctx context.Context) error {
	todo := make(chan keyRange, len(r.ranges))
	for _, part := range r.ranges {
		todo <- part
	}
	close(todo)
	group, inside := errgroup.WithContext(ctx)
	for _, conn := range r.snap.conns {
		group.Go(func() error {
			for part := range todo {
				if err := r.load.wait(inside); err != nil {
					return err
				}
				if err := r.read(inside, conn, part); err != nil {
					return fmt.Errorf("read table %s: %w", r.source.Name(), err)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, conn := range []*sql.Conn{r.snap.conns[0], r.snap.conns[len(r.snap.conns)-1]} {
		if err := r.verify(ctx, conn); err != nil {
			return err
		}
		if r.snap.shared {
			break
		}
	}
	return nil
}

func (r *tableReader) where(part keyRange) string {
	var all []string
	if r.layout.key != nil {
		all = append(all, part.condition(r.layout.key.name))
	}
	t := r.source.Time
	if t.From != "" {
		all = append(all, quote(t.Column)+" >= "+literal(t.From))
	}
	if t.Until != "" {
		all = append(all, quote(t.Column)+" < "+literal(t.Until))
	}
	var used []string
	for _, c := range append(all, r.source.where) {
		if c != "" {
			used = append(used, c)
		}
	}
	if len(used) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(used, " AND ")
}

// verify holds the number of rows that were read against a count.
func (r *tableReader) verify(ctx context.Context, conn *sql.Conn) error {
	var n int64
	if err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+quote(r.source.Table)+r.where(keyRange{})).Scan(&n); err != nil {
		return fmt.Errorf("count rows of %s: %w", r.source.Name(), err)
	}
	if n != r.stats.Rows {
		return fmt.Errorf("table %s: %w: %d read, %d counted; try: again, with an until before which nobody writes any more", r.source.Name(), ErrIncomplete, r.stats.Rows, n)
	}
	return nil
}

// read reads one range: below database/sql, whose Scan would convert every value by reflection.
func (r *tableReader) read(ctx context.Context, conn *sql.Conn, part keyRange) error {
	var names []string
	for _, c := range r.layout.columns {
		names = append(names, c.expression())
	}
	query := "SELECT " + strings.Join(names, ", ") + " FROM " + quote(r.source.Table) + r.where(part)
	return conn.Raw(func(raw any) error {
		queryer, ok := raw.(driver.QueryerContext)
		if !ok {
			return errors.New("the driver has no queries")
		}
		rows, err := queryer.QueryContext(ctx, query, nil)
		if err != nil {
			return err
		}
		return errors.Join(r.copy(ctx, rows), rows.Close())
	})
}

// copy turns rows into blocks of text.
func (r *tableReader) copy(ctx context.Context, rows driver.Rows) error {
	values := make([]driver.Value, len(r.layout.columns))
	block := *r.out.free.Get().(*[]byte)
	n := int64(0)
	for {
		switch err := rows.Next(values); {
		case errors.Is(err, io.EOF):
			return r.send(ctx, block, n)
		case err != nil:
			return err
		}
		block = appendCSV(block, values)
		n++
		if len(block) >= blockSize {
			if err := r.send(ctx, block, n); err != nil {
				return err
			}
			block, n = *r.out.free.Get().(*[]byte), 0
		}
	}
}

func (r *tableReader) send(ctx context.Context, block []byte, rows int64) error {
	if rows == 0 {
		return nil
	}
	select {
	case r.out.blocks <- block:
	case <-ctx.Done():
		return ctx.Err()
	}
	r.source.Options.Metrics.read(rows)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Rows += rows
	r.stats.Bytes += int64(len(block))
	return nil
}

// appendCSV appends one row. Only cells that need it stand in quotes; NULL is an empty cell.
func appendCSV(b []byte, values []driver.Value) []byte {
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		switch v := v.(type) {
		case []byte:
			b = appendCell(b, v, len(values) == 1)
		case int64:
			b = strconv.AppendInt(b, v, 10)
		case uint64:
			b = strconv.AppendUint(b, v, 10)
		case nil:
			b = appendCell(b, nil, len(values) == 1)
		default:
			b = appendCell(b, fmt.Append(nil, v), false)
		}
	}
	return append(b, '\n')
}

func appendCell(b, cell []byte, alone bool) []byte {
	if bytes.IndexByte(cell, '"') < 0 && bytes.IndexByte(cell, ',') < 0 && bytes.IndexByte(cell, '\n') < 0 && bytes.IndexByte(cell, '\r') < 0 && (len(cell) > 0 || !alone) {
		return append(b, cell...)
	}
	b = append(b, '"')
	for _, c := range cell {
		if c == '"' {
			b = append(b, '"')
		}
		b = append(b, c)
	}
	return append(b, '"')
}
