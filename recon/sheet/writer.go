package sheet

import (
	"encoding/csv"
	"io"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Writer writes rows. Flush must be called at the end.
type Writer struct{ csv *csv.Writer }

// NewWriter gives a writer to w, which should be buffered.
func NewWriter(w io.Writer) *Writer { return &Writer{csv.NewWriter(w)} }

// Write writes one row. It keeps the cells as they are.
func (w *Writer) Write(cells []string) error {
	row := make([]string, len(cells))
	for i, cell := range cells {
		row[i] = defuse(cell)
	}
	return w.csv.Write(row)
}

// Flush writes what is buffered and gives the first error there was.
func (w *Writer) Flush() error {
	w.csv.Flush()
	return w.csv.Error()
}

// defuse keeps a spreadsheet from taking a cell for a formula. A number with its sign is none.
func defuse(cell string) string {
	if cell == "" || !strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return cell
	}
	if _, err := recon.ParseDecimal(cell, 3); err == nil && cell[0] == '-' {
		return cell
	}
	return "'" + cell
}
