package compare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/ledger"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// tables are those sources of a comparison that are tables of a database, by side; nil where it is a file.
type tables []*ledger.Source

// isTable tells a table's URL from a file's name.
func isTable(source string) bool { return strings.HasPrefix(source, "mysql://") }

// readTables reads the URLs. A table delivers just the columns that its format names.
func readTables(sources []string, formats []*recon.FormatSpec) (tables, error) {
	out := make(tables, len(sources))
	var errs []error
	for i, source := range sources {
		if !isTable(source) {
			continue
		}
		table, err := ledger.ParseURL(source)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if len(table.Columns) == 0 {
			for _, c := range formats[i].Columns {
				table.Columns = append(table.Columns, c.Name)
			}
		}
		out[i] = &table
	}
	return out, errors.Join(errs...)
}

// both gives the two tables where both sides are tables.
func (t tables) both() (a, b *ledger.Source, ok bool) {
	if len(t) != 2 || t[0] == nil || t[1] == nil {
		return nil, nil, false
	}
	return t[0], t[1], true
}

// pushDown has the servers sum up their tables and leaves only the rows of buckets that differ to be read.
func (t tables) pushDown(ctx context.Context) (*ledger.Pushed, error) {
	a, b, ok := t.both()
	if !ok {
		return nil, errors.New("--pushdown: needs two tables; try: without it, files are read whole")
	}
	pushed, err := ledger.Compare(ctx, *a, *b)
	if err != nil {
		return nil, err
	}
	for i := range t {
		part := pushed.Part(*t[i], i)
		t[i] = &part
	}
	return pushed, nil
}

// open begins to read a table.
func (t tables) open(ctx context.Context, side int, o scan.Options) (*scan.Side, error) {
	o.Name, o.Table = t[side].Name(), true
	stream, err := ledger.Open(ctx, *t[side])
	if err != nil {
		return nil, err
	}
	s, err := scan.OpenStream(stream, o)
	if err != nil {
		return nil, errors.Join(err, stream.Close())
	}
	return s, nil
}

// maxRechecked bounds how many breaks are held back until they were looked at again.
const maxRechecked = 100_000

// recheck looks at breaks between live tables again after a delay: a row that was only under way agrees by then.
type recheck struct {
	tables tables
	delay  time.Duration
	held   []match.Difference
	to     func(*match.Difference) error
}

// hold keeps a break until it was looked at again.
func (r *recheck) hold(d *match.Difference) error {
	if len(r.held) == maxRechecked {
		return fmt.Errorf("more than %d breaks to look at again; try: without --recheck", maxRechecked)
	}
	r.held = append(r.held, *d)
	return nil
}

// settle looks again, hands on what still differs, and gives the breaks that settled by name.
func (r *recheck) settle(ctx context.Context) (map[recon.Break]int64, error) {
	settled := map[recon.Break]int64{}
	if len(r.held) == 0 {
		return settled, nil
	}
	a, b, ok := r.tables.both()
	if !ok {
		return nil, errors.New("--recheck: needs two tables; try: without it, a file does not change")
	}
	var keys []string
	for i := range r.held {
		keys = append(keys, firstPart(r.held[i].Key.ID))
	}
	slices.Sort(keys)
	still, err := ledger.Recheck(ctx, r.delay, slices.Compact(keys), *a, *b)
	if err != nil {
		return nil, err
	}
	slices.Sort(still)
	for i := range r.held {
		d := &r.held[i]
		if _, found := slices.BinarySearch(still, firstPart(d.Key.ID)); !found {
			settled[d.Break]++
			continue
		}
		if r.to != nil {
			if err := r.to(d); err != nil {
				return nil, err
			}
		}
	}
	return settled, nil
}

// firstPart is the first column of a key, as the scanner joins them: parts with a slash between, slashes inside escaped.
func firstPart(id string) string {
	var b strings.Builder
	for i := 0; i < len(id); i++ {
		switch {
		case id[i] == '/':
			return b.String()
		case id[i] == '\\' && i+1 < len(id):
			i++
		}
		b.WriteByte(id[i])
	}
	return b.String()
}
