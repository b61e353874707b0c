// Package stmt reads SQL text: marks, transaction control, and what a statement does to which tables.
//
// In:    the text of one command.
// Out:   plain values that name classes, tables, columns and values, and text without literals.
// Never: a rewritten statement, a guess (what cannot be read is an error), or another user of the SQL parser.
package stmt
