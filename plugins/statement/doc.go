// Package statement is how adapters decode a statement that a recon.FormatSpec describes: with recon/scan, the one reader
// of formats, so that an adapter and the host never read the same file in two ways.
//
// In:    a FormatSpec, what is asked for, the statement's text, a plugins.Emitter.
// Out:   records and rejects in the order of the file, control totals, diagnostics.
// Never: a file that contradicts itself without an error of kind quarantine, or memory that grows with the file.
package statement
