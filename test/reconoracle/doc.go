// Package reconoracle answers what reconciliation answers, slowly and plainly, to hold the engine against: it shares no
// code with recon/match, recon/scan or recon/entry, only the names of breaks.
//
// In:    the files of sides, small enough for maps; or the answer of `touchstone recon compare`.
// Out:   every break with the lines of both sides, and the control totals of each side, in one form that can be compared.
// Never: a hash, a float, a number parsed by the engine's own parser.
package reconoracle
