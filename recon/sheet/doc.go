// Package sheet writes CSV that people open in spreadsheets.
//
// In:    rows of cells, some of them texts that strangers chose.
// Out:   CSV (RFC 4180).
// Never: a cell that a spreadsheet takes for a formula.
package sheet
