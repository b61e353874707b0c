// Package adaptertest is the suite every channel adapter passes, in process and as the built binary.
//
// In:    an adapter, and fixtures: statement files with what must come out of them.
// Out:   a failed test for each broken promise of plugins.Adapter.
// Never: a network, or an adapter tested past the wire: calls go over real gRPC in both forms.
package adaptertest
