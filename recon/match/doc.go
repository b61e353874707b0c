// Package match joins the records of several sides exactly: every class of difference, copies included, in one pass a side.
//
// In:    sides, each a stream of recon.Record.
// Out:   groups (one key, one occurrence, at most one record a side) in key order, and control totals of each side.
// Never: a record lost, counted twice or matched to two others; an answer that depends on the order of input.
//
// This engine holds the records in memory. What it promises (order, numbering, totals) is what a faster one must keep.
package match
