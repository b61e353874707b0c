// Package journal keeps on the local disk what the shadow has not taken yet.
//
// In:    write sets that may be about to commit, how they ended, and which of them the shadow has.
// Out:   after a restart, also after kill -9: what committed and never arrived, and what nobody knows the end of.
// Never: an fsync, a wait for anything but one write(2), or a lost entry that nobody is told of.
package journal
