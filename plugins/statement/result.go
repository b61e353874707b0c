package statement

import (
	"fmt"
	"maps"
	"slices"

	"github.com/seed-3356bd69/touchstone/plugins"
)

// result gives the totals and remarks, also of a file that is refused.
func (d *decoding) result() plugins.DecodeResult {
	r := plugins.DecodeResult{Records: d.records, Rejects: d.rejects}
	for _, c := range d.scanned.Control {
		r.Totals = append(r.Totals, plugins.ControlTotal{Name: c.Name, Declared: c.Declared, Counted: c.Counted, Currency: c.Currency})
	}
	remark := func(p plugins.Diagnostic) {
		if len(r.Diagnostics) < plugins.MaxDiagnostics {
			p.Severity = plugins.SeverityWarning
			r.Diagnostics = append(r.Diagnostics, p)
		}
	}
	for _, p := range d.scanned.Diagnostics {
		remark(plugins.Diagnostic{Line: p.Line, Column: p.Column, Field: p.Field, Value: p.Value, Message: p.Message})
	}
	for _, reason := range slices.Sorted(maps.Keys(d.scanned.Ignored)) {
		remark(plugins.Diagnostic{Message: fmt.Sprintf("%d lines are no bookings: %s", d.scanned.Ignored[reason], reason)})
	}
	return r
}
