// Package statement reads a statement that a recon.FormatSpec describes, line by line, for adapters.
//
// In:    a format, the statement's bytes, the account and the day they are of.
// Out:   records and rejects with their lines, control totals, remarks; a quarantine where the file contradicts itself.
// Never: a whole file in memory, a line in silence, an unknown value read as success.
//
// An adapter whose format can be described has no parser of its own: it opens the channel's container, and hands the
// bytes on. What only the channel knows (a second file with totals, a signature) it checks around that.
package statement
