// Package divert is the candidate's database port: everything goes to the shadow server, and only what is understood.
//
// In:    the candidate's MySQL connections.
// Out:   the same statements on the shadow server, refusals that name their rule, write sets of tagged transactions.
// Never: a connection to the primary, a statement that could not be classified, another schema than the declared one.
package divert
