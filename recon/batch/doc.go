// Package batch runs reconciliation as a daily operation: statements come in, are held against the books, and close once.
//
// In:    profiles (which statements are due when, and where they and the books are), the store, the archive.
// Out:   batches that are settled once each, their findings and cases; payments and operations that moved by the rules.
// Never: a batch settled twice or by a worker that another replaced, a file reconciled that is not whole, a day closed
// without its file, an operation repeated before the channel was asked.
//
// With rules, days hang together: what one carries out is what the next carries in.
//
// Three stages, each safe to begin again: Pre (fetch, hash, archive), Main (join, findings, confirm), Final (cases, settle).
// Why a crash between any two steps is harmless: recon/batch/DESIGN.md.
package batch
