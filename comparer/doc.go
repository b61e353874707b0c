// Package comparer holds the evidence of a gray run together: the request ledger and the three-way classes. Pure.
//
// In:    events of sidecars; joined records of primary, shadow and channel.
// Out:   counts in which every sampled request stands in exactly one bucket; a class for every gray order.
// Never: I/O, an order judged clean without evidence, or a count that depends on the order of arrival of two sidecars.
package comparer
