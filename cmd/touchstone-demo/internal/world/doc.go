// Package world sets up what a demo run needs on loopback: two databases, processes, configuration files, a clock.
//
// In:    the options of a run.
// Out:   running parts with their addresses, each ended by its own handle.
// Never: a listener beyond loopback, or a process that outlives the demo.
package world
