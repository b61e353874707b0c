// Command netsunion is the channel adapter for NetsUnion: the generic adapter with a profile that nobody could confirm.
//
// In:    a file in the layout of the built-in profile, or of TOUCHSTONE_PROFILE, which the customer supplies.
// Out:   records, rejects and control totals; with each file the remark that the profile is not confirmed.
// Never: a claim to know NetsUnion's file specification, which is not public.
package main

import (
	"os"
	_ "time/tzdata" // the adapter's environment has no time zone files of its own

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/profile"
)

// version of this adapter; it is part of every record's origin.
const version = "1.0.0"

func main() {
	p, err := profile.FromEnvironment(os.LookupEnv)
	if _, set := os.LookupEnv(profile.Variable); !set {
		p, err = profile.BuiltIn("netsunion")
	}
	plugins.Serve(profile.New("netsunion", version, os.LookupEnv, p, err))
}
