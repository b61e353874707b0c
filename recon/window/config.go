package window

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/digest"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// Side is one of the two sides.
type Side int

// The sides.
const (
	Primary Side = iota
	Shadow
	sides
)

// String is the side's name.
func (s Side) String() string { return [...]string{"primary", "shadow"}[s] }

// Event is one record that was written, on one side.
type Event struct {
	Side   Side
	Time   time.Time     // of its tag, so that both sides' records fall into the same window
	Record *recon.Record // as it is now; nil = it was deleted
	Old    *recon.Record // as it was before; nil = it is new
}

// Fetch gives the records that a side wrote in a window and whose keys are in some buckets, as they are now.
type Fetch func(ctx context.Context, side Side, start time.Time, buckets *digest.Buckets) ([]recon.Record, error)

// Config says how windows are cut and when they close.
type Config struct {
	Hasher   *entry.Hasher
	Compared entry.Compared
	Size     time.Duration  // default 10 s; a day must be a multiple of it
	Lateness time.Duration  // a window closes when both sides have told of times that much behind its end; default 2 s
	Patience time.Duration  // or when the clock is that much further on, whatever a silent side does; default 30 s
	Ahead    time.Duration  // an event's time may be that much ahead of the clock; default 10 s
	Keep     int            // closed windows that are kept for late events; default 6
	MaxDays  int            // days whose digests are kept; default 2
	Shards   int            // a power of two; default 16
	Zone     *time.Location // of days; default UTC
	Fetch    Fetch          // nil: a result tells which buckets differ, not which records
	Alert    func(Result)   // of money that differs; nil = nobody listens
	Metrics  *Metrics       // nil: nothing is measured
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		is *time.Duration
		or time.Duration
	}{{&c.Size, 10 * time.Second}, {&c.Lateness, 2 * time.Second}, {&c.Patience, 30 * time.Second}, {&c.Ahead, 10 * time.Second}} {
		if *d.is == 0 {
			*d.is = d.or
		}
	}
	for _, n := range []struct {
		is *int
		or int
	}{{&c.Keep, 6}, {&c.MaxDays, 2}, {&c.Shards, 16}} {
		if *n.is == 0 {
			*n.is = n.or
		}
	}
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	return c
}

func (c Config) check() error {
	const day = 24 * time.Hour
	switch {
	case c.Hasher == nil:
		return fmt.Errorf("windows: no hasher")
	case c.Size < time.Millisecond || day%c.Size != 0:
		return fmt.Errorf("windows: size: a day is not a multiple of it (got %s); try: 10s", c.Size)
	case c.Lateness < 0 || c.Patience < 0 || c.Ahead < 0:
		return fmt.Errorf("windows: lateness, patience or ahead is negative")
	case c.Shards < 1 || c.Shards > digest.Count || c.Shards&(c.Shards-1) != 0:
		return fmt.Errorf("windows: shards: not a power of two up to %d (got %d); try: 16", digest.Count, c.Shards)
	case c.Keep < 1 || c.MaxDays < 1:
		return fmt.Errorf("windows: keep and days: at least one")
	case c.MaxWindows() > mostWindows:
		return fmt.Errorf("windows: %d could be open at a time, at most %d; try: a larger size, or less lateness and patience", c.MaxWindows(), mostWindows)
	}
	return nil
}

// mostWindows bounds the memory whatever the configuration says: a window of two sides is 4 MiB with one money column.
const mostWindows = 256

// MaxWindows is the largest number of windows that exist at a time: those that can be open, and those that are kept.
func (c Config) MaxWindows() int {
	return int((c.Lateness+c.Patience+c.Ahead)/c.Size) + 3 + c.Keep
}
