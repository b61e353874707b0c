// Package bus carries shadow.Events from sidecars to the comparer, over NATS JetStream.
//
// In:    events that must not block whoever makes them; addresses and credentials of a role.
// Out:   the same events to one durable consumer: those of one sidecar in order or not at all, each at least once.
// Never: an event that disappears uncounted, an acknowledgement before the handler took it, or a body in a log.
//
// A bus by URL needs what Embedded grants: role sidecar publishes to touchstone.evidence.> and subscribes to
// _INBOX_SIDECAR.> for its acknowledgements; role comparer owns the stream TOUCHSTONE_EVIDENCE.
package bus
