// Command bank is the channel adapter for banks: one binary, and a profile for each bank's file.
//
// In:    TOUCHSTONE_PROFILE, a profile in JSON or the name of one that is built in; a folder on an SFTP server.
// Out:   records, rejects and control totals of the bank's file.
// Never: a layout that nobody described.
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
	plugins.Serve(profile.New("bank", version, os.LookupEnv, p, err))
}
