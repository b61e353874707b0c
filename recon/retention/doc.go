// Package retention takes out of the store what is past its term and settled, and looks after the archive that it goes to.
//
// In:    terms, the store, the archive.
// Out:   files of the rows that went, by their SHA-256, each with a line in the store and an audit entry; what is damaged,
// missing or cited by nobody in an archive.
// Never: a row deleted that is not in an archived file whose hash was just proved, a row deleted that is otherwise than in the
// file, a statement retired that may still be done again, a file removed that anything cites.
//
// Why a crash between any two steps is harmless: recon/retention/DESIGN.md.
package retention
