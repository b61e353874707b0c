// Package digest sums a side up in a table of buckets that can be merged, subtracted, written down and compared.
//
// In:    the entries of a side, in any order, from any number of workers; or a table that was written down.
// Out:   the buckets in which sides differ, control totals by kind and currency.
// Never: XOR or CRC, sums of hashes made with different secrets, money that wraps, a damaged table that reads as a good one.
package digest
