package match

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// maxCopies bounds how often one key may occur beyond what agrees: a column that names no single booking is no key.
const maxCopies = 100_000

// resolver says what is wrong with the dirty tags: it reads their lines again, verifies their full keys, numbers the copies
// and names the breaks. Each worker has one.
type resolver struct {
	cfg     *Config
	sides   []*scan.Side
	readers []*scan.Reader
	tally   *tally
	emit    func(Difference) error // nil: only numbers are wanted
	ids     [][]byte
}

func newResolver(cfg *Config, sides []*scan.Side, emit func(Difference) error) *resolver {
	r := &resolver{cfg: cfg, sides: sides, tally: newTally(len(sides)), emit: emit, ids: make([][]byte, len(sides))}
	for _, s := range sides {
		r.readers = append(r.readers, s.Reader())
	}
	return r
}

// run resolves the dirty entries of a partition, sorted by tag.
func (r *resolver) run(dirty []sided) error {
	for start := 0; start < len(dirty); {
		end := start + 1
		for end < len(dirty) && dirty[end].Tag == dirty[start].Tag {
			end++
		}
		if err := r.group(dirty[start:end]); err != nil {
			return err
		}
		start = end
	}
	return nil
}

// group resolves the entries of one tag.
func (r *resolver) group(g []sided) error {
	if r.emit == nil && r.oneEach(g) {
		same, err := r.sameKey(g)
		if err != nil {
			return err
		}
		if same {
			return r.tally.entries(r.cfg, g)
		}
	}
	agreed, rest := r.cancel(g)
	return r.align(agreed, rest)
}

// oneEach tells whether no side has two of the entries.
func (r *resolver) oneEach(g []sided) bool {
	for i := 1; i < len(g); i++ {
		if g[i].side == g[i-1].side {
			return false
		}
	}
	return true
}

// sameKey verifies the full keys of entries that share a tag.
func (r *resolver) sameKey(g []sided) (bool, error) {
	if len(g) == 1 {
		return true, nil
	}
	first, err := r.readers[g[0].side].Key(g[0].At.Place())
	if err != nil {
		return false, err
	}
	for i := 1; i < len(g); i++ {
		id, err := r.readers[g[i].side].Key(g[i].At.Place())
		if err != nil {
			return false, err
		}
		if !bytes.Equal(first, id) {
			return false, nil
		}
	}
	return true, nil
}

// cancel takes out the entries that agree on every side, copy against copy, and gives their number and what is left.
func (r *resolver) cancel(g []sided) (agreed []sided, rest []sided) {
	slices.SortFunc(g, func(a, b sided) int {
		return cmp.Or(cmp.Compare(a.Rest, b.Rest), cmp.Compare(a.Amount, b.Amount), cmp.Compare(a.At.Label(), b.At.Label()), compareSided(a, b))
	})
	for start := 0; start < len(g); {
		end := start + 1
		for end < len(g) && g[end].Same(&g[start].Entry) {
			end++
		}
		run := g[start:end]
		counts := make([]int, len(r.sides))
		for i := range run {
			counts[run[i].side]++
		}
		common := slices.Min(counts)
		clear(counts)
		for i := range run { // by place: the first copies agree, the later ones are too many
			side := run[i].side
			counts[side]++
			if counts[side] > common {
				rest = append(rest, run[i])
			} else if side == 0 {
				agreed = append(agreed, run[i])
			}
		}
		start = end
	}
	return agreed, rest
}

// align reads the records that are left, sorts them by their full keys, and names what is wrong with each.
func (r *resolver) align(agreed, rest []sided) error {
	for i := range agreed {
		if !r.cfg.Unique || i == 0 {
			r.tally.agree(&agreed[i].Entry)
		}
	}
	byKey := map[recon.Key][][]*recon.Record{}
	if len(rest) > maxCopies {
		record, err := r.readers[rest[0].side].Record(rest[0].At.Place())
		if err != nil {
			return err
		}
		return fmt.Errorf("%s: %d records share the key %s: it names no single booking; try: further columns in --key", r.sides[rest[0].side].Name(), len(rest), record.Key)
	}
	for i := range rest {
		record, err := r.record(&rest[i])
		if err != nil {
			return err
		}
		lists := byKey[record.Key]
		if lists == nil {
			lists = make([][]*recon.Record, len(r.sides))
			byKey[record.Key] = lists
		}
		lists[rest[i].side] = append(lists[rest[i].side], record)
	}
	for key, lists := range byKey {
		groups := align(key, lists, r.cfg.content)
		for _, g := range groups {
			g.Occurrence += len(agreed)
			if err := r.name(g, len(agreed) > 0 || allPresent(lists)); err != nil {
				return err
			}
		}
	}
	return r.uniqueness(agreed)
}

// uniqueness reports the copies that agree on every side, where that was asked for.
func (r *resolver) uniqueness(agreed []sided) error {
	if !r.cfg.Unique {
		return nil
	}
	for i := 1; i < len(agreed); i++ {
		record, err := r.record(&agreed[i])
		if err != nil {
			return err
		}
		g := Group{Key: record.Key, Occurrence: i + 1, Records: make([]*recon.Record, len(r.sides))}
		for side := range g.Records {
			g.Records[side] = record
		}
		if err := r.put(Difference{Break: recon.Duplicate, Group: g}); err != nil {
			return err
		}
	}
	return nil
}

func (r *resolver) record(e *sided) (*recon.Record, error) {
	record, err := r.readers[e.side].Record(e.At.Place())
	if err != nil {
		return nil, err
	}
	if r.emit != nil && record.Origin.Table == "" {
		record.Origin.Line = r.sides[e.side].Line(e.At.Place())
	}
	return &record, nil
}

func allPresent(lists [][]*recon.Record) bool {
	for _, l := range lists {
		if len(l) == 0 {
			return false
		}
	}
	return true
}

// name says what is wrong with one group; everywhere tells whether every side has the key at all.
func (r *resolver) name(g Group, everywhere bool) error {
	d := Difference{Group: g, Fields: r.cfg.fields(g)}
	switch missing := slices.Contains(g.Records, nil); {
	case missing && everywhere && g.Occurrence > 1:
		d.Break = recon.Duplicate
	case missing:
		d.Break = r.cfg.missing(g.has())
	case len(d.Fields) == 0:
		e := entry.Entry{Amount: g.Records[0].Amount.Minor}
		label, _ := entry.NewLabel(g.Key.Kind, g.Records[0].Status, g.Records[0].Amount.Currency)
		e.At = entry.NewAt(0, label)
		r.tally.agree(&e)
		return nil
	default:
		d.Break = worstOf(d.Fields)
	}
	return r.put(d)
}

func (r *resolver) put(d Difference) error {
	if err := r.tally.difference(&d); err != nil {
		return err
	}
	if r.emit == nil {
		return nil
	}
	return r.emit(d)
}
