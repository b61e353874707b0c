package match

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/cpu"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// Plan says how a reconciliation is done. The answer is the same.
type Plan string

// The plans.
const (
	PlanAuto   Plan = ""       // digest, or with Unique join
	PlanJoin   Plan = "join"   // every entry is kept until the join
	PlanDigest Plan = "digest" // digests first; then the lines of buckets that differ are read again, and joined
	PlanSpill  Plan = "spill"  // what became of a join whose entries exceed the memory: they go to disk
	PlanParts  Plan = "parts"  // of Parts: what is done is kept in a folder; nobody chooses it here
)

// Config says how sides are held against each other. The sides' own Compared must be this one.
type Config struct {
	Plan     Plan
	Compared entry.Compared
	Threads  int   // default 1
	Memory   int64 // bytes for entries and what joins them; default 1 GiB
	Temp     string
	Pin      bool                    // joining workers stand on one processor each
	Unique   bool                    // equal copies on every side are breaks too
	Parts    int                     // partitions, a power of two; 0 = by size
	PartSize int64                   // of Parts: bytes of text in a part; 0 = 256 MiB
	Each     func(*Difference) error // gets every difference, by key and copy; nil = only numbers
	Progress func(Progress)          // is told now and then; may be nil
	coarse   trace                   // see marks
}

// Progress is how far a run is.
type Progress struct {
	Side string // that is scanned; "" while partitions are joined
	Done int64  // partitions; of Parts: parts of the side, or of the join
	All  int64  // 0 while a side is scanned that has no parts
}

// SideResult is what one side delivered.
type SideResult struct {
	Name string
	*scan.Result
	In Totals
}

// Result is the outcome of a reconciliation.
type Result struct {
	Sides   []SideResult
	Matched Totals // bookings that agree on every side
	Breaks  []BreakTotals
	Classes map[recon.Class]int64 // of three sides: what the bookings with a break mean for the shadow
	Plan    Plan
	Spilled int64 // bytes that went to disk
	Reused  int64 // chunks of memory that were used again
}

// Equal tells whether nothing was found: no break, and no line that could not be read.
func (r *Result) Equal() bool {
	for _, s := range r.Sides {
		if s.Rejected > 0 {
			return false
		}
	}
	return len(r.Breaks) == 0
}

// maxSides is bounded by the notes of an entry.
const maxSides = 5

func (c Config) withDefaults() Config {
	if c.Threads < 1 {
		c.Threads = 1
	}
	if c.Memory <= 0 {
		c.Memory = 1 << 30
	}
	return c
}

// entryMemory is what entries may take: the rest is for tables, digests, buffers and breaks that wait for their order.
func (c *Config) entryMemory() int64 { return c.Memory - c.Memory/4 }

// Reconcile scans every side and joins them exactly. Of two sides the first is internal and the second the channel; a
// third is the shadow. An error means that nothing is known: no partial answer is ever given.
func Reconcile(ctx context.Context, cfg Config, sides ...*scan.Side) (result *Result, err error) {
	cfg = cfg.withDefaults()
	if len(sides) < 2 || len(sides) > maxSides {
		return nil, fmt.Errorf("reconcile %d sides: 2 to %d", len(sides), maxSides)
	}
	if cfg.Plan == PlanParts {
		return nil, fmt.Errorf("plan %s needs a folder that keeps them", PlanParts)
	}
	if cfg.Unique && cfg.Plan == PlanDigest {
		return nil, fmt.Errorf("equal copies do not show in digests; try: --plan join with --unique")
	}
	r := &reconciliation{cfg: &cfg, sides: sides, result: &Result{}}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.scan(ctx); err != nil {
		return nil, err
	}
	if err := r.join(ctx); err != nil {
		return nil, err
	}
	if err := r.result.conserved(); err != nil {
		return nil, err
	}
	return r.result, r.deliver()
}

// reconciliation is the state of one Reconcile.
type reconciliation struct {
	cfg     *Config
	sides   []*scan.Side
	scatter *scatter
	sorter  *sorter
	marks   *marks // where the plan has them
	result  *Result
}

func (r *reconciliation) close() error {
	var errs []error
	if r.scatter != nil {
		errs = append(errs, r.scatter.close())
	}
	if r.sorter != nil {
		errs = append(errs, r.sorter.close())
	}
	if r.marks != nil {
		errs = append(errs, r.marks.close())
	}
	return errors.Join(errs...)
}

func (r *reconciliation) progress(p Progress) {
	if r.cfg.Progress != nil {
		r.cfg.Progress(p)
	}
}

// scan reads the sides one after the other, each with all threads, as the plan says.
func (r *reconciliation) scan(ctx context.Context) error {
	plan := r.cfg.choose()
	if plan == PlanDigest {
		if err := r.mark(ctx); err != nil {
			return err
		}
	}
	var err error
	parts, memory := r.room()
	if r.scatter, err = newScatter(len(r.sides), r.cfg.Threads, parts, memory, r.cfg.Temp); err != nil {
		return err
	}
	if plan == PlanDigest {
		err = r.again(ctx)
	} else {
		for i, side := range r.sides {
			if err = r.scanSide(ctx, side, sideSink{r.scatter, i}); err != nil {
				break
			}
		}
	}
	r.result.Plan, r.result.Spilled = plan, r.scatter.spilled()
	switch {
	case r.marks != nil:
		r.result.Spilled += r.marks.spilled()
	case plan == PlanJoin && r.result.Spilled > 0:
		r.result.Plan = PlanSpill
	}
	return err
}

// room is the number of partitions and the memory for the entries that are joined.
func (r *reconciliation) room() (parts int, memory int64) {
	if r.marks == nil {
		return r.cfg.partitions(mostRecords(r.sides)), r.cfg.entryMemory()
	}
	return r.cfg.partitions(int64(float64(r.mostRead()) * r.marks.share)), r.cfg.entryMemory() - r.marks.held()
}

// scanSide reads one side for the first time.
func (r *reconciliation) scanSide(ctx context.Context, side *scan.Side, sink scan.Sink) error {
	r.progress(Progress{Side: side.Name()})
	scanned, err := side.Scan(ctx, sink)
	if err != nil {
		return fmt.Errorf("scan %s: %w", side.Name(), err)
	}
	s, err := newSideResult(side.Name(), scanned)
	r.result.Sides = append(r.result.Sides, s)
	return err
}

func newSideResult(name string, scanned *scan.Result) (SideResult, error) {
	s := SideResult{Name: name, Result: scanned}
	for _, t := range scanned.Totals {
		if err := s.In.add(Total{Kind: t.Label.Kind(), Currency: t.Label.Currency(), Count: t.Count, Minor: t.Minor}); err != nil {
			return s, err
		}
	}
	return s, nil
}

// partBytes is how large a partition of one side should be: it is joined in the second cache.
const partBytes = 512 << 10

// partitions is how many are made for sides with so many records at most.
func (c *Config) partitions(records int64) int {
	if c.Parts > 0 {
		return c.Parts
	}
	parts := 16
	for int64(parts)*partBytes < records*entry.Size && parts < 4096 {
		parts *= 2
	}
	return parts
}

// mostRecords guesses how many records the longest side has.
func mostRecords(sides []*scan.Side) int64 {
	most := int64(0)
	for _, s := range sides {
		if n := s.Estimate(); n < 0 {
			most = max(most, 4<<20)
		} else {
			most = max(most, n)
		}
	}
	return most
}

// join joins all partitions.
func (r *reconciliation) join(ctx context.Context) error {
	if r.cfg.Each != nil {
		r.sorter = r.cfg.newSorter()
	}
	all, err := r.joinRange(ctx, r.scatter, 0, r.scatter.parts)
	if err != nil {
		return err
	}
	if r.marks != nil {
		clean, err := r.clean()
		if err := errors.Join(err, all.matched.Merge(clean)); err != nil {
			return err
		}
	}
	r.result.Matched, r.result.Breaks = all.matched, all.list()
	r.result.Classes = all.classes
	for _, w := range r.scatter.workers {
		r.result.Reused += w.arena.reused
	}
	return nil
}

// joinRange joins the partitions first to end, each on one thread. The differences go to the sorter, if there is one.
func (r *reconciliation) joinRange(ctx context.Context, from partitions, first, end int) (*tally, error) {
	var emit func(Difference) error
	if r.sorter != nil {
		emit = r.sorter.add
	}
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	next.Store(int64(first))
	tallies := make([]*tally, r.cfg.Threads)
	for i := range tallies {
		resolver := newResolver(r.cfg, r.sides, emit)
		tallies[i] = resolver.tally
		group.Go(func() error {
			if r.cfg.Pin {
				free, err := cpu.Pin(i)
				if err != nil {
					return err
				}
				defer free()
			}
			return scan.Guard(func() error { return r.joinSome(ctx, from, &next, end, resolver) })
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := newTally(len(r.sides))
	for _, t := range tallies {
		if err := all.merge(t); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// joinSome takes partitions until there are no more.
func (r *reconciliation) joinSome(ctx context.Context, from partitions, next *atomic.Int64, end int, to *resolver) error {
	p := &probe{sides: len(r.sides), unique: r.cfg.Unique}
	for {
		part := int(next.Add(1)) - 1
		if part >= end {
			return errors.Join(to.tally.sums(p.sums.all), to.tally.settle())
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		dirty, err := p.run(from, part)
		if err != nil {
			return err
		}
		if err := to.run(dirty); err != nil {
			return err
		}
		r.progress(Progress{Done: int64(part) + 1, All: int64(end)})
	}
}

// differenceBytes is about what one held difference takes.
const differenceBytes = 2048

func (c *Config) newSorter() *sorter {
	return newSorter(int(min(c.Memory/8/differenceBytes, 1<<20)), c.Temp)
}

// deliver hands the differences out in order, once all of them are known.
func (r *reconciliation) deliver() error {
	if r.sorter == nil {
		return nil
	}
	return r.sorter.each(r.cfg.Each)
}

// conserved asserts, on every run, that each side's records are those that agree and those with a break, in number and in
// money; and that the sides differ by just what the breaks add up to.
func (r *Result) conserved() error {
	surplus := make([]map[Bucket]int64, len(r.Sides)) // of each side over the matched bookings
	for i, s := range r.Sides {
		var out Totals
		surplus[i] = map[Bucket]int64{}
		if err := out.Merge(r.Matched); err != nil {
			return err
		}
		for _, b := range r.Breaks {
			if err := out.Merge(b.Sides[i]); err != nil {
				return err
			}
			for _, t := range b.Sides[i].Rows() {
				surplus[i][Bucket{t.Kind, t.Currency}] += t.Minor
			}
		}
		if !out.Equal(s.In) {
			return fmt.Errorf("conservation broken on side %s: in %s, out %s", s.Name, s.In, out)
		}
		if n := s.In.Count(); n != s.Records {
			return fmt.Errorf("conservation broken on side %s: %d records, %d in the totals", s.Name, s.Records, n)
		}
	}
	for i := 1; i < len(r.Sides); i++ {
		if err := r.balanced(i, surplus); err != nil {
			return err
		}
	}
	return nil
}

// balanced asserts that the sum of side 0 minus that of side i is the signed sum of all breaks.
func (r *Result) balanced(i int, surplus []map[Bucket]int64) error {
	difference := map[Bucket]int64{}
	for _, t := range r.Sides[0].In.Rows() {
		difference[Bucket{t.Kind, t.Currency}] += t.Minor
	}
	for _, t := range r.Sides[i].In.Rows() {
		difference[Bucket{t.Kind, t.Currency}] -= t.Minor
	}
	for b, d := range difference {
		if found := surplus[0][b] - surplus[i][b]; found != d {
			return fmt.Errorf("conservation broken: %s minus %s is %d %s of %s, the breaks add up to %d", r.Sides[0].Name, r.Sides[i].Name, d, b.Currency, b.Kind, found)
		}
	}
	return nil
}
