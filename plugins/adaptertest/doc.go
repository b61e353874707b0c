// Package adaptertest runs the suite of adapters (plugins/check) as Go tests.
//
// In:    an adapter, and fixtures: statement files with what must come out of them.
// Out:   a failed test for each broken promise of plugins.Adapter.
// Never: a network, or an adapter tested past the wire: calls go over real gRPC in both forms.
package adaptertest
