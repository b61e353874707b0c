// Package shadow is the vocabulary of a gray run: tags, exchanges, calls, write sets, mismatches, verdicts, events.
//
// In:    what the sidecar's ports saw of one request.
// Out:   immutable nouns that travel from port to port and to the comparer.
// Never: I/O, clocks of its own, or a tag that counts without its signature.
package shadow
