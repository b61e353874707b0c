// Package store keeps Touchstone's own state in SQLite or in a MySQL-compatible database: one handle, one way to write.
//
// In:    a URL, sqlite:///path or mysql://user:password@host:port/schema; transactions as functions.
// Out:   the same tables, statements and outcomes in both; what must be audited, in the transaction that did it.
// Never: half a transaction; a difference between the two databases outside this package; a password in an error.
package store
