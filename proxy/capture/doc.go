// Package capture copies the bytes of a message body while they go by, within two bounds: one a body, one for all.
//
// In:    a body that somebody else reads.
// Out:   the same bytes to its reader, and a bounded copy with the full count.
// Never: a byte held back, changed or delayed, or memory beyond the budget.
package capture
