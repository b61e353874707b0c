package match

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
)

// align numbers the copies of one key. Nearly always there is one record a side; where there are more, records that
// agree on most sides find each other first, so that one wrong copy does not shift all the others; what is left joins in
// the order of what it says: amounts as numbers, then currency, state, fee, time. content says what a record's compared
// fields are.
func align(key recon.Key, lists [][]*recon.Record, content func(*recon.Record) string) []Group {
	a := &alignment{key: key, sides: len(lists), queues: map[string][][]*recon.Record{}}
	var all []*recon.Record
	for _, list := range lists {
		all = append(all, list...)
	}
	slices.SortStableFunc(all, func(x, y *recon.Record) int {
		return cmp.Or(compareSaid(x, y), strings.Compare(content(x), content(y)))
	})
	for _, r := range all {
		if c := content(r); a.queues[c] == nil {
			a.queues[c] = make([][]*recon.Record, a.sides)
			a.contents = append(a.contents, c)
		}
	}
	for side, list := range lists {
		slices.SortFunc(list, compareRecords)
		for _, r := range list {
			a.queues[content(r)][side] = append(a.queues[content(r)][side], r)
		}
	}
	for _, members := range subsets(len(lists)) {
		for _, c := range a.contents {
			a.take(c, members)
		}
	}
	a.fillUp()
	slices.SortStableFunc(a.groups, func(x, y Group) int { return present(y) - present(x) })
	for i := range a.groups {
		a.groups[i].Occurrence = i + 1
	}
	return a.groups
}

// alignment is the state of one align: for each content, each side's records that have no partner yet.
type alignment struct {
	key      recon.Key
	sides    int
	contents []string // in the order of what they say
	queues   map[string][][]*recon.Record
	groups   []Group
}

// take makes a group of each set of records with one content that all members have.
func (a *alignment) take(content string, members []int) {
	q := a.queues[content]
	for {
		for _, side := range members {
			if len(q[side]) == 0 {
				return
			}
		}
		g := Group{Key: a.key, Records: make([]*recon.Record, a.sides)}
		for _, side := range members {
			g.Records[side], q[side] = q[side][0], q[side][1:]
		}
		a.groups = append(a.groups, g)
	}
}

// fillUp gives the records that agree with nobody to the groups that lack their side, then to groups of their own.
func (a *alignment) fillUp() {
	for side := range a.sides {
		at := 0
		for _, c := range a.contents {
			for _, r := range a.queues[c][side] {
				for at < len(a.groups) && a.groups[at].Records[side] != nil {
					at++
				}
				if at == len(a.groups) {
					a.groups = append(a.groups, Group{Key: a.key, Records: make([]*recon.Record, a.sides)})
				}
				a.groups[at].Records[side] = r
			}
		}
	}
}

// subsets lists the sets of at least two of n sides, larger sets first.
func subsets(n int) [][]int {
	var sets [][]int
	for mask := range 1 << n {
		var set []int
		for i := range n {
			if mask&(1<<i) != 0 {
				set = append(set, i)
			}
		}
		if len(set) > 1 {
			sets = append(sets, set)
		}
	}
	slices.SortStableFunc(sets, func(a, b []int) int { return len(b) - len(a) })
	return sets
}

func present(g Group) int {
	n := 0
	for _, r := range g.Records {
		if r != nil {
			n++
		}
	}
	return n
}

// content is the canonical form of the fields every side has, each with its length in front:
// ("x0","y") is never the same as ("x","0y").
func content(r *recon.Record) string {
	var b strings.Builder
	for _, field := range []string{r.Order, strconv.FormatInt(r.Amount.Minor, 10), string(r.Amount.Currency), string(r.Status)} {
		b.WriteString(strconv.Itoa(len(field)))
		b.WriteByte(':')
		b.WriteString(field)
	}
	return b.String()
}

// compareSaid orders records of one key by what they say.
func compareSaid(a, b *recon.Record) int {
	fee := func(r *recon.Record) int64 {
		if r.Fee == nil {
			return math.MinInt64
		}
		return r.Fee.Minor
	}
	return cmp.Or(
		cmp.Compare(a.Amount.Minor, b.Amount.Minor),
		strings.Compare(string(a.Amount.Currency), string(b.Amount.Currency)),
		strings.Compare(string(a.Status), string(b.Status)),
		cmp.Compare(fee(a), fee(b)),
		a.Time.Compare(b.Time),
		slices.CompareFunc(a.Further, b.Further, func(x, y recon.Text) int { return strings.Compare(x.Value, y.Value) }),
	)
}

// compareRecords orders the records of one side, key and content by what else they hold, so that the order of input never
// shows.
func compareRecords(a, b *recon.Record) int {
	return cmp.Or(
		strings.Compare(a.ChannelTxn, b.ChannelTxn),
		strings.Compare(a.Account, b.Account),
		a.Time.Compare(b.Time),
		strings.Compare(a.Origin.File, b.Origin.File),
		cmp.Compare(a.Origin.Line, b.Origin.Line),
		strings.Compare(a.Origin.Table, b.Origin.Table),
		strings.Compare(a.Origin.Row, b.Origin.Row),
	)
}
