// Package pb is the wire form of the adapter contract.
//
// In:    adapter.proto.
// Out:   generated messages and stubs, used by package plugins alone.
// Never: seen by an adapter's author or by a consumer of records.
package pb

//go:generate ./generate.sh
