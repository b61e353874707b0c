// Package telemetry makes a process observable: logs, metrics, health and traces.
//
// In:    where to write and what to sample; collectors, checks and spans of everything else.
// Out:   a logger, a registry, the admin endpoints, a TracerProvider with W3C propagation.
// Never: a global of its own, an unbounded queue, or a process that fails because a collector is away.
package telemetry
