// Package export writes breaks, cases and the suspense journal as files; it owns the Parquet library.
//
// In:    cases and their histories.
// Out:   CSV that no spreadsheet takes for formulas, JSON lines, Parquet; the same rows in each.
// Never: a float for money, a journal whose debits are not its credits, a line that has another id the next time.
package export
