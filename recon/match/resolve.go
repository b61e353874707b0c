package match

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// maxCopies bounds how often one key may occur beyond what agrees: a column that names no single booking is no key.
const maxCopies = 100_000

// threeSides have classes: primary, channel and shadow.
const threeSides = 3

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

// run resolves the dirty entries of a partition, those of each tag together.
func (r *resolver) run(dirty []sided) error {
	for start := 0; start < len(dirty); {
		end := start + 1
		for end < len(dirty) && dirty[end].Tag == dirty[start].Tag {
			end++
		}
		for i := start + lookAhead; i < min(end+lookAhead, len(dirty)); i++ {
			r.readers[dirty[i].side].Prefetch(dirty[i].At.Place())
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
	if r.emit == nil && len(r.sides) != threeSides && r.oneEach(g) {
		same, err := r.sameKey(g)
		if err != nil {
			return err
		}
		if same {
			r.tally.entries(r.cfg, g)
			return nil
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

// cancel takes out the entries that agree on every side, copy against copy: each such group has one entry a side. What is
// left comes second.
func (r *resolver) cancel(g []sided) (agreed [][]sided, rest []sided) {
	slices.SortFunc(g, func(a, b sided) int {
		return cmp.Or(cmp.Compare(a.Rest, b.Rest), cmp.Compare(a.Amount, b.Amount), cmp.Compare(a.At.Label(), b.At.Label()), compareSided(a, b))
	})
	for start := 0; start < len(g); {
		end := start + 1
		for end < len(g) && g[end].Same(&g[start].Entry) {
			end++
		}
		bySide := make([][]sided, len(r.sides))
		for _, e := range g[start:end] { // by place: the first copies agree, the later ones are too many
			bySide[e.side] = append(bySide[e.side], e)
		}
		common := len(bySide[0])
		for _, list := range bySide {
			common = min(common, len(list))
		}
		for i := range common {
			group := make([]sided, len(r.sides))
			for side, list := range bySide {
				group[side] = list[i]
			}
			agreed = append(agreed, group)
		}
		for _, list := range bySide {
			rest = append(rest, list[common:]...)
		}
		start = end
	}
	return agreed, rest
}

// align reads the records that are left, sorts them by their full keys, and names what is wrong with each.
func (r *resolver) align(agreed [][]sided, rest []sided) error {
	for i := range agreed {
		if !r.cfg.Unique || len(agreed) == 1 {
			r.tally.agree(&agreed[i][0].Entry)
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

// uniqueness reports the copies that agree on every side, where that was asked for: all but the first, in the order of
// what they say.
func (r *resolver) uniqueness(agreed [][]sided) error {
	if !r.cfg.Unique || len(agreed) < 2 {
		return nil
	}
	groups := make([]Group, 0, len(agreed))
	for _, entries := range agreed {
		g := Group{Records: make([]*recon.Record, len(entries))}
		for side := range entries {
			var err error
			if g.Records[side], err = r.record(&entries[side]); err != nil {
				return err
			}
		}
		g.Key = g.Records[0].Key
		groups = append(groups, g)
	}
	slices.SortStableFunc(groups, func(a, b Group) int {
		x, y := a.Records[0], b.Records[0]
		return cmp.Or(compareSaid(x, y), strings.Compare(r.cfg.content(x), r.cfg.content(y)), compareRecords(x, y))
	})
	e := entryOf(groups[0].Records[0])
	r.tally.agree(&e)
	for i, g := range groups[1:] {
		g.Occurrence = i + 2
		if err := r.put(Difference{Break: recon.Duplicate, Group: g}); err != nil {
			return err
		}
	}
	return nil
}

// entryOf is what a tally needs of a record.
func entryOf(record *recon.Record) entry.Entry {
	label, _ := entry.NewLabel(record.Key.Kind, record.Status, record.Amount.Currency) // it was read from an entry
	return entry.Entry{Amount: record.Amount.Minor, At: entry.NewAt(0, label)}
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
		e := entryOf(g.Records[0])
		r.tally.agree(&e)
		return nil
	default:
		d.Break = worstOf(d.Fields)
	}
	return r.put(d)
}

func (r *resolver) put(d Difference) error {
	if len(r.sides) == threeSides {
		d.Class = classOf(&d)
	}
	if err := r.tally.difference(&d); err != nil {
		return err
	}
	if r.emit == nil {
		return nil
	}
	return r.emit(d)
}
