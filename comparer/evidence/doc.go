// Package evidence keeps what a gray run told: every event, and the judgement with the records it rests on.
//
// In:    events of sidecars; the judgement of a run.
// Out:   the ledger, rebuilt after a restart; the whole chain of one order.
// Never: an event stored twice, or acknowledged before it is stored.
package evidence
