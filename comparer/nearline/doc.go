// Package nearline holds the books of both sides against each other seconds after they were written, from the evidence
// alone: no database is asked.
//
// In:    evidence, as it comes: samples that open, write sets of both sides, write sets that arrived at the shadow.
// Out:   a report for each window of time; an alert where money differs and nothing excuses it.
// Never: evidence held up or refused, an alert about an order whose shadow run broke, a window that agrees because its rows
// could not be read.
package nearline
