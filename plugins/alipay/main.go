package main

import (
	"fmt"
	"os"
	"time"
	_ "time/tzdata" // the adapter's environment has no time zone files of its own

	"github.com/seed-3356bd69/touchstone/plugins"
)

func main() {
	a, err := newAdapter(adapterConfig{LookupEnv: os.LookupEnv, Now: time.Now})
	if err != nil {
		fmt.Fprintln(os.Stderr, "start adapter:", err)
		os.Exit(1)
	}
	plugins.Serve(a)
}
