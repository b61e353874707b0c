// Package match joins the records of several sides exactly: every class of difference, copies included.
//
// In:    sides: statements to scan (Reconcile, within a given memory), or streams of a few recon.Records (Join, in memory).
// Out:   what agrees and every difference with its break, in key order; control totals of each side. Join gives all groups.
// Never: a record lost, counted twice or matched to two others; an answer that depends on the order of input, the number of
// workers or partitions, or the memory.
//
// How it works and why it is exact: recon/DESIGN.md.
package match
