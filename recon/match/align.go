package match

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
)

// align numbers the copies of one key. Nearly always there is one record a side; where there are more, records that
// agree on most sides find each other first, so that one wrong copy does not shift all the others. content says what a
// record's compared fields are.
func align(key recon.Key, lists [][]*recon.Record, content func(*recon.Record) string) []Group {
	a := &alignment{key: key, sides: len(lists), queues: map[string][][]*recon.Record{}}
	for side, list := range lists {
		slices.SortFunc(list, func(x, y *recon.Record) int {
			return cmp.Or(strings.Compare(content(x), content(y)), compareRecords(x, y))
		})
		for _, r := range list {
			a.push(content(r), side, r)
		}
	}
	slices.Sort(a.contents)
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
	contents []string
	queues   map[string][][]*recon.Record
	groups   []Group
}

func (a *alignment) push(content string, side int, r *recon.Record) {
	q := a.queues[content]
	if q == nil {
		q = make([][]*recon.Record, a.sides)
		a.queues[content] = q
		a.contents = append(a.contents, content)
	}
	q[side] = append(q[side], r)
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
