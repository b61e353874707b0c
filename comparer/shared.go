package comparer

import (
	"cmp"
	"math/big"
	"slices"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// shared adds up what an order's transactions added to amounts in rows that other orders change too, by side. The rows'
// values differ between the sides, since each side has other traffic; what one order adds must not.
type shared map[sharedAmount]*[2]big.Rat

// sharedAmount is one amount of one shared row.
type sharedAmount struct{ table, row, column string }

func (s *shared) add(side shadow.Side, st shadow.Statement) {
	for _, d := range st.Deltas {
		by, ok := new(big.Rat).SetString(d.By)
		if !ok {
			continue // the sidecar tells decimals only
		}
		if *s == nil {
			*s = shared{}
		}
		at := sharedAmount{st.Table, d.Row, d.Column}
		if (*s)[at] == nil {
			(*s)[at] = &[2]big.Rat{}
		}
		i := atPrimary
		if side == shadow.Shadow {
			i = atShadow
		}
		sum := &(*s)[at][i]
		sum.Add(sum, by)
	}
}

func (s shared) clone() shared {
	out := make(shared, len(s))
	for at, sums := range s {
		own := &[2]big.Rat{}
		for i := range sums {
			own[i].Set(&sums[i])
		}
		out[at] = own
	}
	return out
}

// mismatches are the amounts to which the two sides added differently.
func (s shared) mismatches() []shadow.Mismatch {
	var all []shadow.Mismatch
	for at, sums := range s {
		if sums[atPrimary].Cmp(&sums[atShadow]) == 0 {
			continue
		}
		all = append(all, shadow.Mismatch{
			Place: shadow.InRow, Name: at.table, Field: at.column + " of " + at.row, Kind: shadow.KindValue, Class: shadow.ClassMoney,
			Expected: "added " + decimal(&sums[atPrimary]), Actual: "added " + decimal(&sums[atShadow]),
		})
	}
	slices.SortFunc(all, func(a, b shadow.Mismatch) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Field, b.Field))
	})
	return all
}

// decimal prints a sum of decimals exactly.
func decimal(r *big.Rat) string {
	places, exact := r.FloatPrec()
	if !exact {
		return r.RatString()
	}
	return r.FloatString(places)
}
