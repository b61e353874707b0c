package match

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
)

// align numbers the copies of one key. Nearly always there is one record a side; where there are more, records that
// agree on most sides find each other first, so that one wrong copy does not shift all the others.
func align(key recon.Key, lists [][]*recon.Record) []Group {
	for _, l := range lists {
		slices.SortFunc(l, compare)
	}
	var groups []Group
	take := func(members []int) bool {
		found := commonContent(lists, members)
		if found == nil {
			return false
		}
		g := Group{Key: key, Records: make([]*recon.Record, len(lists))}
		for at, side := range members {
			g.Records[side] = lists[side][found[at]]
			lists[side] = slices.Delete(lists[side], found[at], found[at]+1)
		}
		groups = append(groups, g)
		return true
	}
	for _, members := range subsets(len(lists)) {
		for take(members) {
		}
	}
	groups = fillUp(key, groups, lists)
	slices.SortStableFunc(groups, func(a, b Group) int { return present(b) - present(a) })
	for i := range groups {
		groups[i].Occurrence = i + 1
	}
	return groups
}

// fillUp gives the records that agree with nobody to the groups that lack their side, then to groups of their own.
func fillUp(key recon.Key, groups []Group, lists [][]*recon.Record) []Group {
	for side, list := range lists {
		for _, r := range list {
			at := slices.IndexFunc(groups, func(g Group) bool { return g.Records[side] == nil })
			if at < 0 {
				groups = append(groups, Group{Key: key, Records: make([]*recon.Record, len(lists))})
				at = len(groups) - 1
			}
			groups[at].Records[side] = r
		}
	}
	return groups
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

// commonContent finds, in every member side, a record with the same content: its index in each, or nil.
func commonContent(lists [][]*recon.Record, members []int) []int {
	for first, r := range lists[members[0]] {
		found := []int{first}
		for _, side := range members[1:] {
			at := slices.IndexFunc(lists[side], func(o *recon.Record) bool { return content(o) == content(r) })
			if at < 0 {
				break
			}
			found = append(found, at)
		}
		if len(found) == len(members) {
			return found
		}
	}
	return nil
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

// compare orders the records of one side and key by content, then by what else they hold, so that the order of input
// never shows.
func compare(a, b *recon.Record) int {
	return cmp.Or(
		strings.Compare(content(a), content(b)),
		strings.Compare(a.ChannelTxn, b.ChannelTxn),
		strings.Compare(a.Account, b.Account),
		a.Time.Compare(b.Time),
		strings.Compare(a.Origin.File, b.Origin.File),
		cmp.Compare(a.Origin.Line, b.Origin.Line),
		strings.Compare(a.Origin.Table, b.Origin.Table),
		strings.Compare(a.Origin.Row, b.Origin.Row),
	)
}
