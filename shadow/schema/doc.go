// Package schema prepares the shadow's schema from the primary's, says where the two differ, and empties it again.
//
// In:    two databases that were proved to be two, the tables that gray runs write, those they only refer to.
// Out:   tables on the shadow, reference rows copied from one snapshot and compared after it, differences, an empty shadow.
// Never: a write to the primary, a table of the shadow altered or dropped, a definition that was guessed.
package schema
