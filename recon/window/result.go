package window

import (
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/digest"
)

// Difference is one booking on which the sides disagree.
type Difference struct {
	Key     recon.Key     `json:"key"`
	Break   recon.Break   `json:"break"`
	Primary *recon.Record `json:"primary,omitempty"`
	Shadow  *recon.Record `json:"shadow,omitempty"`
}

// Money tells that a difference is about money: an amount, or a booking that only one side has.
func (d Difference) Money() bool {
	return d.Break != recon.StatusMismatch && d.Break != recon.FieldMismatch
}

// Result is what the comparison of a window found.
type Result struct {
	Start       time.Time         `json:"start"`
	End         time.Time         `json:"end"`
	Late        bool              `json:"late,omitempty"` // something came after the window had closed
	Totals      [2][]digest.Total `json:"totals"`         // of primary and shadow, by kind and currency
	Dirty       int               `json:"dirty"`          // buckets that differ
	Exact       bool              `json:"exact"`          // Differences is all there is; else only buckets are known
	Problem     string            `json:"problem,omitempty"`
	Differences []Difference      `json:"differences,omitempty"`
	Latency     time.Duration     `json:"latency_ns"` // from the moment the window could close to this result
}

// Equal tells that the window's records are proved equal.
func (r Result) Equal() bool { return r.Dirty == 0 }

// Money tells that money differs, or that nobody can say that it does not.
func (r Result) Money() bool {
	if !r.Exact {
		return r.Dirty > 0
	}
	for _, d := range r.Differences {
		if d.Money() {
			return true
		}
	}
	return false
}
