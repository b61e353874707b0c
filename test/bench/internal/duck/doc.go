// Package duck is the peer: DuckDB, in its own process's memory, asked the questions that reconciliation answers.
//
// In:    two CSV files with recongen's columns; or rows of tables.
// Out:   the sizes of a full outer join, the classes with copies numbered, or every break by row.
// Never: a database on disk.
package duck
