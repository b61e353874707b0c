// Package check is the suite every channel adapter passes, as the built binary or in this process.
//
// In:    an adapter, and fixtures: statement files with what must come out of them.
// Out:   a report: each promise of plugins.Adapter, and what broke it.
// Never: a network, or an adapter tested past the wire: calls go over real gRPC in both forms.
package check
