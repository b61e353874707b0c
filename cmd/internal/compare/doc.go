// Package compare is reconciliation without configuration: touchstone recon compare.
//
// In:    two or three files or tables, and which of their columns mean what.
// Out:   counts and money by class of break, as text or JSON, and every break in a file.
// Never: a verdict on sides that were read in part, a spreadsheet formula in a report.
package compare
