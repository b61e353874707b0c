package comparer

import (
	"testing"

	"github.com/seed-3356bd69/touchstone/shadow"
)

func TestRowsWeighOnTheirOrder(t *testing.T) {
	cent := shadow.Mismatch{Place: shadow.InRow, Name: "entries", Field: "amount", Class: shadow.ClassMoney, Expected: "1", Actual: "2"}
	for name, c := range map[string]struct {
		before Class
		found  Rows
		want   Class
		cause  string
	}{
		"alike":                            {Agree, Rows{}, Agree, ""},
		"a difference":                     {Agree, Rows{Mismatches: []shadow.Mismatch{cent}}, Regression, ""},
		"a difference without a booking":   {Unbooked, Rows{Mismatches: []shadow.Mismatch{cent}}, Regression, ""},
		"a difference beside a conflict":   {Conflict, Rows{Mismatches: []shadow.Mismatch{cent}}, Conflict, ""},
		"a difference, not all seen":       {Agree, Rows{Mismatches: []shadow.Mismatch{cent}, Cause: shadow.CauseTruncated}, Regression, ""},
		"not all seen":                     {Agree, Rows{Cause: shadow.CauseUnkeyedTable}, Inconclusive, shadow.CauseUnkeyedTable},
		"not all seen beside a regression": {Regression, Rows{Cause: shadow.CauseUnkeyedTable}, Regression, ""},
	} {
		o := &JudgedOrder{Class: c.before}
		o.rows(c.found)
		if o.Class != c.want || o.Cause != c.cause || len(o.Mismatches) != len(c.found.Mismatches) {
			t.Errorf("%s: %+v", name, o)
		}
	}
}
