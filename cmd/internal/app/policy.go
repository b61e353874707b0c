package app

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/comparer/response"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// comparing translates the policy for answers. A money field is read in the unit and currency of its route's amount,
// so that 19.9 and 19.90 are the same.
func comparing(c config.Compare, routes []config.Route) (response.Config, error) {
	amounts := map[string]*config.Amount{}
	for _, r := range routes {
		amounts[r.Name] = r.Amount
	}
	var out response.Config
	if c.Descriptor != "" {
		var err error
		if out.Descriptors, err = os.ReadFile(string(c.Descriptor)); err != nil {
			return out, fmt.Errorf("grpc_descriptors: %w", err)
		}
	}
	for _, r := range c.Responses {
		for _, path := range slices.Sorted(maps.Keys(r.Fields)) {
			f := response.Field{Route: r.Route, Path: path, Class: r.Fields[path]}
			if a := amounts[r.Route]; a != nil && f.Class == shadow.ClassMoney {
				f.Unit, f.Currency = a.Unit, recon.Currency(a.Currency)
			}
			out.Fields = append(out.Fields, f)
		}
		for _, n := range r.Noise {
			until, _ := n.End() // it was read when the configuration was checked
			out.Fields = append(out.Fields, response.Field{Route: r.Route, Path: n.Path, Class: shadow.ClassNoise, Until: until})
		}
		for _, path := range slices.Sorted(maps.Keys(r.Lists)) {
			out.Lists = append(out.Lists, response.List{Route: r.Route, Path: path, Key: r.Lists[path]})
		}
	}
	return out, nil
}
