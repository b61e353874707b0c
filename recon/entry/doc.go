// Package entry is the small fixed-size form of a record in which the engine joins and digests it.
//
// In:    the fields of one record, and where its full line stands.
// Out:   32 bytes: a keyed hash of its key and its compared texts, its amount, its place, and its kind, state and currency.
// Never: a hash without the deployment's secret, or a place where two records with different fields look alike by design.
package entry
