package app

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seed-3356bd69/touchstone/proxy/privacy"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// maskedSet is a write set as evidence may hold it. What is applied to the shadow is the set itself.
func maskedSet(m *privacy.Masker, ws shadow.WriteSet) shadow.WriteSet {
	statements := make([]shadow.Statement, len(ws.Statements))
	for i, s := range ws.Statements {
		s.Rows, s.Before = maskedRows(m, s.Rows), maskedRows(m, s.Before)
		deltas := make([]shadow.Delta, len(s.Deltas))
		for j, d := range s.Deltas {
			d.Row = m.Text(d.Row)
			deltas[j] = d
		}
		if s.Deltas = nil; len(deltas) > 0 {
			s.Deltas = deltas
		}
		statements[i] = s
	}
	if ws.Statements = nil; len(statements) > 0 {
		ws.Statements = statements
	}
	return ws
}

func maskedRows(m *privacy.Masker, rows []shadow.Row) []shadow.Row {
	var out []shadow.Row
	for _, r := range rows {
		values := make([]shadow.Value, len(r.Values))
		for i, v := range r.Values {
			name := ""
			if i < len(r.Columns) {
				name = r.Columns[i]
			}
			if v.Text = m.Named(name, v.Text); v.Binary && isToken(v.Text) {
				v.Binary = false
			}
			values[i] = v
		}
		out = append(out, shadow.Row{Columns: r.Columns, Values: values})
	}
	return out
}

// isToken tells whether nothing but a token is left of a value.
func isToken(text string) bool { return len(text) > 2 && text[0] == '<' && text[len(text)-1] == '>' }

// maskedMismatches are differences in rows as evidence and reports may hold them. The field is the column.
func maskedMismatches(m *privacy.Masker, list []shadow.Mismatch) []shadow.Mismatch {
	var out []shadow.Mismatch
	for _, d := range list {
		d.Expected, d.Actual = m.Named(d.Field, d.Expected), m.Named(d.Field, d.Actual)
		out = append(out, d)
	}
	return out
}

// reportMasker makes the tokens of a comparer's reports. Its key is made once for a data folder: tokens of two reports of
// one run are alike, and nobody else's are.
func reportMasker(folder string) (*privacy.Masker, error) {
	file := filepath.Join(folder, "privacy.key")
	key, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		key = []byte(rand.Text())
		err = os.WriteFile(file, key, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("key of the tokens in reports: %w", err)
	}
	return privacy.New(key), nil
}
