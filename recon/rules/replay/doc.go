// Package replay keeps the differences of a batch, so that rules.Apply can go through them more than once.
//
// In:    differences in the order in which match gives them, and a folder for what does not fit into memory.
// Out:   the same differences in the same order, as often as asked.
// Never: more memory than was allowed, or a file left behind.
package replay
