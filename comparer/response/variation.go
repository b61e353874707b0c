package response

import (
	"cmp"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Variation is one field in which a release differs from itself.
type Variation struct {
	Route  string
	Path   string // as a rule would name it: places in lists are "*"
	Class  shadow.FieldClass
	Differ int // pairs in which it differed
	Pairs  int // pairs of the route
}

// MayBeNoise tells whether a rule could hide it: never what decides about money, and never an answer as a whole.
func (v Variation) MayBeNoise() bool {
	return !v.Class.Hard() && !shadow.ClassOfName(v.Path).Hard() && v.Path != "body" && !strings.HasPrefix(v.Path, ":") && !strings.HasPrefix(v.Path, "header.")
}

// Variations counts in what pairs of answers of one release differ.
type Variations struct {
	pairs  map[string]int
	differ map[[2]string]*Variation // by route and path
}

// NewVariations begins to count.
func NewVariations() *Variations {
	return &Variations{pairs: map[string]int{}, differ: map[[2]string]*Variation{}}
}

// Add counts a pair of answers of a route.
func (v *Variations) Add(route string, found []shadow.Mismatch) {
	v.pairs[route]++
	seen := map[string]bool{}
	for _, m := range found {
		path := m.Path()
		key := [2]string{route, path}
		if v.differ[key] == nil {
			v.differ[key] = &Variation{Route: route, Path: path, Class: m.Class}
		}
		if m.Class.Hard() {
			v.differ[key].Class = m.Class
		}
		if !seen[path] {
			seen[path] = true
			v.differ[key].Differ++
		}
	}
}

// List gives what differed, by route and path.
func (v *Variations) List() []Variation {
	var out []Variation
	for _, d := range v.differ {
		d.Pairs = v.pairs[d.Route]
		out = append(out, *d)
	}
	slices.SortFunc(out, func(a, b Variation) int {
		return cmp.Or(strings.Compare(a.Route, b.Route), strings.Compare(a.Path, b.Path))
	})
	return out
}

// Pairs is the number of pairs of a route.
func (v *Variations) Pairs(route string) int { return v.pairs[route] }
