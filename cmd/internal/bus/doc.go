// Package bus carries shadow.Events from sidecars to the comparer, what sidecars know together, and the work items of
// reconciliation, over NATS JetStream.
//
// In:    events that must not block whoever makes them; keys and values of sidecars; addresses and credentials of a role.
// Out:   the same events to one durable consumer: those of one sidecar in order or not at all, each at least once; the
//
//	same values to every sidecar.
//
// Never: an event that disappears uncounted, an acknowledgement before the handler took it, or a body in a log.
//
// A bus by URL needs what Embedded grants: role sidecar publishes to touchstone.evidence.> and subscribes to
// _INBOX_SIDECAR.> for its acknowledgements; with bus.share it also publishes to what valueSubjects lists. Role comparer
// owns the stream TOUCHSTONE_EVIDENCE and the buckets TOUCHSTONE_RECORDINGS and TOUCHSTONE_MEMBERS. Role worker publishes
// to what workerSubjects lists and subscribes to _INBOX_WORKER.>; it owns the stream TOUCHSTONE_WORK.
package bus
