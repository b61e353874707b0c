// Package steer asks a comparer where its gate stands, and tells it what a person wants.
//
// In:    the address of a comparer's API; a person's token.
// Out:   text for people.
// Never: a token in an error, in a log or on a command line.
package steer
