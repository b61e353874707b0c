// Package dualwrite turns what passed a database port into write sets of tagged transactions, and applies them to the shadow.
//
// In:    commands and answers of the wire package, the policy of tables.
// Out:   a WriteSet for each tagged transaction that committed or whose end is unknown; rows in the shadow database.
// Never: a write of a transaction that did not commit, a guess at a value, or a client that waits for the shadow.
package dualwrite
