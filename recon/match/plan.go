package match

import (
	"math/bits"

	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// choose settles the plan before anything is read. Mostly few records differ, and reading their lines again costs less than
// keeping the entries of all. Equal copies on every side do not show in products: there every entry is needed.
func (c *Config) choose() Plan {
	switch {
	case c.Plan != PlanAuto:
		return c.Plan
	case c.Unique:
		return PlanJoin
	}
	return PlanDigest
}

// sums counts entries by label.
type sums struct {
	all  []sum
	last int
}

// sum is a number of entries and their money.
type sum struct {
	label entry.Label
	count int64
	lo    uint64 // sum of amounts, 128 bits
	hi    uint64
}

func (s *sums) count(e *entry.Entry) {
	label := e.At.Label()
	if s.last >= len(s.all) || s.all[s.last].label != label {
		s.find(label)
	}
	one := &s.all[s.last]
	one.count++
	var carry uint64
	one.lo, carry = bits.Add64(one.lo, uint64(e.Amount), 0)
	one.hi += carry
}

func (s *sums) find(label entry.Label) {
	for s.last = 0; s.last < len(s.all); s.last++ {
		if s.all[s.last].label == label {
			return
		}
	}
	s.all = append(s.all, sum{label: label})
}
