// Package divert is the candidate's database port: everything goes to the shadow server, and only what is understood.
//
// In:    the candidate's MySQL connections.
// Out:   the same statements on the shadow server, plain reads of the tables that are declared for it on the primary,
// refusals that name their rule, write sets of tagged transactions.
// Never: a write, a lock or a function call on the primary, a statement that could not be classified, another schema than
// the declared one.
package divert
