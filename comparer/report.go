package comparer

import (
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// Booking is one booking as the three sides have it; nil = the side lacks it.
type Booking struct {
	Order   string        `json:"order"`
	Key     recon.Key     `json:"key"`
	Copy    int           `json:"occurrence"`
	Class   Class         `json:"class"`
	Primary *recon.Record `json:"primary,omitempty"`
	Shadow  *recon.Record `json:"shadow,omitempty"`
	Channel *recon.Record `json:"channel,omitempty"`
}

// LedgerCounts is the ledger as reports print it.
type LedgerCounts struct {
	Sampled      int            `json:"sampled"`
	Pending      int            `json:"pending"`
	Match        int            `json:"match"`
	Mismatch     int            `json:"mismatch"`
	Inconclusive int            `json:"inconclusive"`
	Dropped      int            `json:"dropped"`
	Excluded     int            `json:"excluded"`
	Causes       map[string]int `json:"causes,omitempty"`
	Problems     []string       `json:"problems,omitempty"`
}

// NamedOrder is one difference of one order, as reports name it. A difference in a booking has a class; one in a
// response or an outgoing call has a place.
type NamedOrder struct {
	Order    string       `json:"order"`
	Class    Class        `json:"class"` // of the order
	Place    shadow.Place `json:"place"`
	Name     string       `json:"name"` // booking, route or operation
	Field    string       `json:"field"`
	Expected string       `json:"expected"`
	Actual   string       `json:"actual"`
	Finding  Class        `json:"finding,omitempty"` // class of this one field, in a booking
	Break    recon.Break  `json:"break,omitempty"`   // of a booking
	Where    []string     `json:"where,omitempty"`
}

// Report is the whole answer of one run. Decision fields come from the gate.
type Report struct {
	Verdict  string         `json:"verdict"`
	Reasons  []string       `json:"reasons"`
	Release  string         `json:"release"`
	Cutover  string         `json:"cutover"`
	Ledger   LedgerCounts   `json:"ledger"`
	Classes  map[Class]int  `json:"classes"` // orders; the worst record of an order wins
	Orders   []NamedOrder   `json:"orders"`
	Findings []Cluster      `json:"findings"` // the differences of requests, by what they have in common
	Judged   int            `json:"judged"`
	Bound    float64        `json:"bound"`
	MaxBound float64        `json:"max_bound"`
	Sides    []SideTotals   `json:"sides"`
	Rejects  []recon.Reject `json:"rejects,omitempty"`
}

// Describe fills a report with everything but the decision.
func (j *Judgement) Describe() Report {
	n := j.Counts.Outcomes
	r := Report{
		Ledger: LedgerCounts{
			Sampled: j.Counts.Sampled, Pending: n[shadow.Pending], Match: n[shadow.Match], Mismatch: n[shadow.Mismatched],
			Inconclusive: n[shadow.Inconclusive], Dropped: n[shadow.Dropped], Excluded: n[shadow.Excluded],
			Causes: j.Counts.Causes, Problems: j.Counts.Problems,
		},
		Classes: j.Classes, Sides: j.Sides, Rejects: j.Rejects, Orders: []NamedOrder{}, Findings: j.Clusters,
	}
	classOf := map[string]Class{}
	for _, o := range j.Orders {
		classOf[o.ID] = o.Class
	}
	for _, f := range j.Findings {
		r.Orders = append(r.Orders, NamedOrder{
			Order: f.Order, Class: classOf[f.Order], Place: shadow.InRow, Name: f.Key.String(), Field: string(f.Field),
			Expected: f.Expected, Actual: f.Actual, Finding: f.Class, Break: f.Break, Where: f.Where,
		})
	}
	for _, o := range j.Orders {
		for _, m := range o.Mismatches {
			r.Orders = append(r.Orders, NamedOrder{
				Order: o.ID, Class: o.Class, Place: m.Place, Name: m.Name, Field: m.Field, Expected: m.Expected, Actual: m.Actual,
			})
		}
	}
	return r
}
