// Package app wires the parts into the roles of the product: sidecar and comparer.
//
// In:    a checked configuration.
// Out:   a running role; Run blocks until it has drained.
// Never: a role that runs with half of its parts, or a port that opens before its proof.
package app
