// Package ledger reads the books of a payment service out of a MySQL-compatible database.
//
// In:    a connection and, for each table, which column means what.
// Out:   recon.Records in primary key order of the declared key, with their table and row as origin.
// Never: a write, a float, or a row skipped in silence: what cannot be read is a recon.Reject.
package ledger
