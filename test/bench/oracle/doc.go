// Package oracle holds `touchstone recon compare` against DuckDB, row by row and to the cent, over hundreds of seeds. It
// has tests only: see `make test-oracle`.
package oracle
