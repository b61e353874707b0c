package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	mark    = "/* gray='v2' */ "
	insert  = "INSERT INTO entries (order_no, amount, note) VALUES (?, ?, 'a note of some length, as such rows have')"
	writers = 16
)

// drive writes at a fixed rate, each write at its time whether or not those before it are answered, and gives the
// latencies in microseconds from the time a write was due.
func drive(ctx context.Context, db *sql.DB, prefix, statement string, rate int, span time.Duration) ([]float64, error) {
	type due struct {
		n  int
		at time.Time
	}
	queue := make(chan due, rate*10)
	var mu sync.Mutex
	var all []float64
	var failed error
	var wg sync.WaitGroup
	for range writers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for d := range queue {
				_, err := db.ExecContext(ctx, statement, fmt.Sprintf("%s-%d", prefix, d.n), d.n)
				took := float64(time.Since(d.at).Microseconds())
				mu.Lock()
				all, failed = append(all, took), errors.Join(failed, err)
				mu.Unlock()
				if err != nil {
					return
				}
			}
		}()
	}
	start := time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		at := start.Add(time.Duration(n) * time.Second / time.Duration(rate))
		if at.Sub(start) >= span {
			break
		}
		time.Sleep(time.Until(at))
		select {
		case queue <- due{n, at}:
		case <-ctx.Done():
		}
	}
	close(queue)
	wg.Wait()
	if failed != nil {
		return nil, fmt.Errorf("write: %w", failed)
	}
	return all, ctx.Err()
}

// latency compares tagged writes with the same writes untagged, both through the port.
func latency(ctx context.Context, m *machine, o options) error {
	db, err := open(m.port, schema, writers)
	if err != nil {
		return err
	}
	defer db.Close()
	span := time.Duration(o.Seconds) * time.Second
	if _, err := drive(ctx, db, "warm", mark+insert, o.Rate, span/2); err != nil {
		return err
	}
	var plain, tagged, ratios []float64
	for pair := range 2 * o.Pairs {
		a, err := drive(ctx, db, fmt.Sprint("u", pair), insert, o.Rate, span)
		if err != nil {
			return err
		}
		b, err := drive(ctx, db, fmt.Sprint("g", pair), mark+insert, o.Rate, span)
		if err != nil {
			return err
		}
		plain, tagged, ratios = append(plain, median(a)), append(tagged, median(b)), append(ratios, median(b)/median(a))
	}
	fmt.Printf("dual-write, median latency of an insert at %d a second, median of %d pairs of %s\n", o.Rate, 2*o.Pairs, span)
	fmt.Printf("  untagged %.0f us, tagged %.0f us, ratio %.3f, goal at most 1.10\n", median(plain), median(tagged), median(ratios))
	return m.printMemory()
}

const kills = 3

// loss writes tagged rows while the shadow is killed and restarted, and counts what it lacks once it has caught up.
func loss(ctx context.Context, m *machine, o options) error {
	db, err := open(m.port, schema, writers)
	if err != nil {
		return err
	}
	defer db.Close()
	type result struct {
		latencies []float64
		err       error
	}
	done := make(chan result, 1)
	start := time.Now()
	go func() {
		l, err := drive(ctx, db, "g", mark+insert, o.LossRate, o.LossFor)
		done <- result{l, err}
	}()
	for range kills {
		time.Sleep(o.LossFor / (kills + 2))
		m.shadow.Kill()
		time.Sleep(o.LossFor / 20)
		if err := m.shadow.Restart(ctx); err != nil {
			return err
		}
	}
	r := <-done
	if r.err != nil {
		return r.err
	}
	took := time.Since(start)
	written := len(r.latencies)
	caught, lost, extra, err := m.catchUp(ctx, written)
	if err != nil {
		return err
	}
	fmt.Printf("loss, %d tagged writes in %s (%.0f a second), the shadow killed and restarted %d times\n", written, took.Round(time.Second), float64(written)/took.Seconds(), kills)
	fmt.Printf("  lost %d, on the shadow alone %d, goal 0 and 0; it had caught up %s after the last write; the primary's median latency was %.0f us\n", lost, extra, caught.Round(100*time.Millisecond), median(r.latencies))
	if err := m.printMemory(); err != nil {
		return err
	}
	if lost != 0 || extra != 0 {
		return fmt.Errorf("%d rows lost, %d too many", lost, extra)
	}
	return nil
}

// catchUp waits until the shadow has so many rows, and compares it with the primary row by row.
func (m *machine) catchUp(ctx context.Context, rows int) (took time.Duration, lost, extra int, err error) {
	start := time.Now()
	second, err := open(m.shadow.Addr, schema, 1)
	if err != nil {
		return 0, 0, 0, err
	}
	defer second.Close()
	for have := 0; have < rows && time.Since(start) < 5*time.Minute; time.Sleep(100 * time.Millisecond) {
		if err := second.QueryRowContext(ctx, "SELECT COUNT(*) FROM entries").Scan(&have); err != nil {
			return 0, 0, 0, fmt.Errorf("count rows: %w", err)
		}
	}
	took = time.Since(start)
	a, err := content(ctx, m.primary.Addr)
	if err != nil {
		return 0, 0, 0, err
	}
	b, err := content(ctx, m.shadow.Addr)
	if err != nil {
		return 0, 0, 0, err
	}
	for row := range a {
		if !b[row] {
			lost++
		}
	}
	for row := range b {
		if !a[row] {
			extra++
		}
	}
	return took, lost, extra, nil
}

// content reads all rows of the table.
func content(ctx context.Context, addr string) (map[string]bool, error) {
	db, err := open(addr, schema, 1)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, "SELECT order_no, amount, note FROM entries")
	if err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	all := map[string]bool{}
	for rows.Next() {
		var cells [3]string
		if err := rows.Scan(&cells[0], &cells[1], &cells[2]); err != nil {
			return nil, fmt.Errorf("read rows: %w", err)
		}
		all[strings.Join(cells[:], "\x00")] = true
	}
	return all, rows.Err()
}
