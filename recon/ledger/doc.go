// Package ledger reads the books of a payment service out of a MySQL-compatible database.
//
// In:    a connection and, for each table, which column means what; or the URL of one table, for an engine that reads text.
// Out:   recon.Records with their table and row as origin; a table as CSV, read in parallel from one snapshot; the buckets in
// which two databases differ, and the keys that still differ when they are read again.
// Never: a write, a float, a row skipped in silence (what cannot be read is a recon.Reject), a table cut short that ends like
// a whole one, a password in an error.
package ledger
