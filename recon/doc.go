// Package recon is the vocabulary of reconciliation: money, records, breaks.
//
// In:    texts of amounts, kinds and states, as channels and tables write them.
// Out:   values that compare exactly and add up to the cent.
// Never: floats, I/O, or a value that could not be read turned into zero.
package recon
