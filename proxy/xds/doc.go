// Package xds is the control plane: it publishes one policy to every proxy of a service as xDS, and knows which of them
// has it in force.
//
// In:    policies; streams of Envoys, gRPC clients and sidecars, with what they acknowledge and refuse.
// Out:   listeners, routes, clusters and endpoints for each kind of proxy; when a change is done; a sidecar's directive.
// Never: a snapshot with a dangling reference, an answer credited to another version, or a promotion after a rollback.
package xds
