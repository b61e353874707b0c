// Package casework keeps cases: the durable life of breaks, what people decide about them, and the repairs that follow.
//
// In:    findings of batches, inside the batch's transaction; decisions of people with a role.
// Out:   cases with their whole history, each decision in the audit log before it is made; repairs applied once.
// Never: two cases for one break, a decision without its audit entry, a repair applied by its proposer alone or twice, a
// repair tried again before it was asked what became of the first try.
//
// Why a crash between any two steps is harmless: DESIGN.md.
package casework
