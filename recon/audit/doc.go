// Package audit is the log of what was decided and by whom, which nobody can change afterwards without being found:
// a Merkle tree of entries with signed checkpoints, by transparency-dev/tessera; it owns that library.
//
// In:    entries of people, one at a time and awaited, and of machines, in batches.
// Out:   the place of each entry, once a signed checkpoint covers it and the witness has that checkpoint; proofs; every
// tampering, named by entry.
// Never: an entry acknowledged that a crash can take away, two writers of one log, an entry altered or removed, a log that
// verifies without saying that nobody outside holds its checkpoints.
package audit
