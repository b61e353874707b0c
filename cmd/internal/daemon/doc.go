// Package daemon runs a long-lived process: its components, its signals, its HTTP servers.
//
// In:    named components with Run(ctx) error, in the order in which they depend on each other.
// Out:   a process that is ready only when all run, and that stops each component after everything that feeds it.
// Never: a component that is not waited for, or a shutdown without a bound.
package daemon
