// Package scan reads statements that a recon.FormatSpec describes, as fast as their lines can be found.
//
// In:    a file (read in blocks, and mapped to look single lines up), or a stream that is unpacked beside the parsing, and its FormatSpec.
// Out:   entries in batches, rejects with file, line, column, field, value and reason, control totals; any record again
// by its place.
// Never: a line dropped in silence, an allocation for a record, a wrong record out of a damaged file.
package scan
