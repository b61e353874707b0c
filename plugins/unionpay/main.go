package main

import (
	"os"
	"time"
	_ "time/tzdata" // the adapter's environment has no time zone files of its own

	"github.com/seed-3356bd69/touchstone/plugins"
)

func main() {
	plugins.Serve(newAdapter(os.LookupEnv, time.Now))
}
