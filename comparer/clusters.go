package comparer

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Cluster is one difference with everything that has its signature: a thousand orders with a wrong amount are one
// finding, not a thousand.
type Cluster struct {
	Signature
	Count    int       `json:"count"`
	Orders   int       `json:"orders"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Examples []Example `json:"examples"` // the first ones; their values were masked before they were stored
}

// Signature is what makes two differences one finding.
type Signature struct {
	Place shadow.Place        `json:"place"`
	Route string              `json:"route"` // of the request
	Name  string              `json:"name"`  // route, or operation of an outgoing call
	Field string              `json:"field"` // "items.*.price": places in lists are left out
	Kind  shadow.MismatchKind `json:"kind"`
	Class shadow.FieldClass   `json:"class"`
}

// Example is one difference of a cluster.
type Example struct {
	Order    string `json:"order"`
	Sample   string `json:"sample"`
	Expected string `json:"expected"`
	Actual   string `json:"actual"`
}

const (
	maxClusters = 1000
	maxExamples = 3
)

// overflow is the signature of what found no room among the clusters.
func overflow() Signature { return Signature{Name: "others", Kind: shadow.KindValue} }

// Clusters are the differences of requests that hold, the hard ones first, then the frequent ones.
func (l *Ledger) Clusters() []Cluster {
	found := map[Signature]*Cluster{}
	seen := map[Signature]map[string]bool{} // orders
	for _, s := range l.differing() {
		for _, m := range s.evidence.Verdict.Mismatches {
			sig := signature(s.evidence.Route, m)
			if found[sig] == nil && len(found) >= maxClusters {
				sig = overflow()
			}
			if found[sig] == nil {
				found[sig], seen[sig] = &Cluster{Signature: sig}, map[string]bool{}
			}
			seen[sig][s.evidence.Order] = true
			found[sig].add(s, m)
		}
	}
	out := make([]Cluster, 0, len(found))
	for sig, c := range found {
		c.Orders = len(seen[sig])
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Cluster) int {
		if a.Class.Hard() != b.Class.Hard() {
			if a.Class.Hard() {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.Count, a.Count), a.First.Compare(b.First), strings.Compare(a.Field, b.Field), strings.Compare(a.Name, b.Name), strings.Compare(a.Route, b.Route))
	})
	return out
}

// differing are the samples with differences that hold, by the time of their end.
func (l *Ledger) differing() []*sample {
	var out []*sample
	for _, s := range l.samples {
		if s.closed && len(s.evidence.Verdict.Mismatches) > 0 && l.orders[s.evidence.Order].void(s) == "" {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *sample) int {
		return cmp.Or(a.end.Compare(b.end), strings.Compare(a.evidence.Sample, b.evidence.Sample))
	})
	return out
}

func signature(route string, m shadow.Mismatch) Signature {
	return Signature{Place: m.Place, Route: route, Name: m.Name, Field: m.Path(), Kind: m.Kind, Class: m.Class}
}

func (c *Cluster) add(s *sample, m shadow.Mismatch) {
	if c.Count++; c.Count == 1 {
		c.First = s.end
	}
	c.Last = s.end
	if len(c.Examples) < maxExamples {
		c.Examples = append(c.Examples, Example{Order: s.evidence.Order, Sample: s.evidence.Sample, Expected: m.Expected, Actual: m.Actual})
	}
}
