package dualwrite

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

var errRow = errors.New("row cannot be read")

// readRow is one row of an answer, its cells in the form in which they are compared.
type readRow []string

const nullCell = "NULL\x00" // no text cell can be that

// answerRows reads the rows of a copied answer.
func answerRows(r Read) ([]readRow, error) {
	var all []readRow
	for _, payload := range r.Answer.Rows {
		read := textRow
		if r.Binary {
			read = binaryRow
		}
		row, err := read(&reader{b: payload}, r.Answer.Columns)
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return comparableRows(r, all), nil
}

func textRow(in *reader, columns []wire.Column) (readRow, error) {
	row := make(readRow, len(columns))
	for i := range row {
		if len(in.b) > 0 && in.b[0] == 0xfb {
			in.take(1)
			row[i] = nullCell
			continue
		}
		row[i] = string(in.lenencBytes())
	}
	if in.failed || len(in.b) > 0 {
		return nil, errRow
	}
	return row, nil
}

func binaryRow(in *reader, columns []wire.Column) (readRow, error) {
	in.take(1)
	const reserved = 2 // bits in front of the null bits
	nulls := in.take((len(columns) + 7 + reserved) / 8)
	row := make(readRow, len(columns))
	for i, c := range columns {
		at := i + reserved
		if in.failed || nulls[at/8]&(1<<(at%8)) != 0 {
			row[i] = nullCell
			continue
		}
		var v paramValue
		if err := readParam(in, c.Type, c.Unsigned, &v); err != nil {
			return nil, fmt.Errorf("%w: %w", errRow, err)
		}
		row[i] = v.text
	}
	if in.failed || len(in.b) > 0 {
		return nil, errRow
	}
	return row, nil
}

// databaseRows reads an answer of a driver.
func databaseRows(r Read, rows *sql.Rows) ([]readRow, error) {
	columns, err := rows.Columns()
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	cells := make([]sql.RawBytes, len(columns))
	into := make([]any, len(columns))
	for i := range cells {
		into[i] = &cells[i]
	}
	var all []readRow
	size := 0
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		row := make(readRow, len(cells))
		for i, c := range cells {
			row[i] = string(c)
			if c == nil {
				row[i] = nullCell
			}
			size += len(c)
		}
		if all = append(all, row); size > 2*maxRead {
			break // it differs, whatever follows
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return comparableRows(r, all), nil
}

// comparableRows brings cells into one form, by the types of the primary's columns, and rows into one order if the text asks for none.
func comparableRows(r Read, all []readRow) []readRow {
	for _, row := range all {
		for i := range row {
			if i < len(r.Answer.Columns) && row[i] != nullCell {
				row[i] = comparableCell(row[i], r.Answer.Columns[i].Type, r.Zoned)
			}
		}
	}
	if !r.Ordered {
		slices.SortFunc(all, func(a, b readRow) int { return slices.Compare(a, b) })
	}
	return all
}

func comparableCell(text string, kind byte, zoned bool) string {
	switch kind {
	case typeDecimal, 0xf6, typeTiny, typeShort, typeLong, typeLongLong, typeInt24, typeYear:
		return plainNumber(text)
	case typeFloat:
		return roundedFloat(text, 6)
	case typeDouble:
		return roundedFloat(text, 15)
	case typeStamp:
		if !zoned {
			return ""
		}
		return plainFraction(text)
	case typeDateTime, typeTime:
		return plainFraction(text)
	}
	return text
}

// plainNumber takes off what does not change a decimal's value.
func plainNumber(text string) string {
	text = plainFraction(strings.TrimPrefix(text, "+"))
	sign := ""
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		sign, text = "-", rest
	}
	if text = strings.TrimLeft(text, "0"); text == "" || text[0] == '.' {
		text = "0" + text
	}
	if text == "0" {
		return text
	}
	return sign + text
}

// plainFraction takes the zeros off the end of a fraction.
func plainFraction(text string) string {
	if !strings.Contains(text, ".") {
		return text
	}
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// roundedFloat prints a binary fraction with the digits it surely has: servers print them differently. Money is never one.
func roundedFloat(text string, digits int) string {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text
	}
	return strconv.FormatFloat(f, 'g', digits, 64)
}

const (
	maxReadMismatches = 10
	maxShown          = 200
)

// readDifferences names what differs between two answers; nil = nothing.
func readDifferences(r Read, expected, actual []readRow) []shadow.Mismatch {
	if len(expected) != len(actual) {
		kind := shadow.KindMissing
		if len(actual) > len(expected) {
			kind = shadow.KindExtra
		}
		return []shadow.Mismatch{{Place: shadow.InRead, Name: r.Table, Field: "rows", Kind: kind, Class: shadow.ClassOrder,
			Expected: fmt.Sprint(len(expected), " rows"), Actual: fmt.Sprint(len(actual), " rows")}}
	}
	var all []shadow.Mismatch
	for i, row := range expected {
		if len(row) != len(actual[i]) {
			return []shadow.Mismatch{{Place: shadow.InRead, Name: r.Table, Field: "columns", Kind: shadow.KindValue, Class: shadow.ClassPlain,
				Expected: fmt.Sprint(len(row), " columns"), Actual: fmt.Sprint(len(actual[i]), " columns")}}
		}
		for c, cell := range row {
			if cell == actual[i][c] || len(all) == maxReadMismatches {
				continue
			}
			name := r.Answer.Columns[c].Name
			all = append(all, shadow.Mismatch{Place: shadow.InRead, Name: r.Table, Field: name, Kind: shadow.KindValue, Class: shadow.ClassOfName(name),
				Expected: shown(cell), Actual: shown(actual[i][c])})
		}
	}
	return all
}

func shown(cell string) string {
	if cell == nullCell {
		return "NULL"
	}
	if len(cell) > maxShown {
		return strings.ToValidUTF8(cell[:maxShown], "") + "…"
	}
	return strings.ToValidUTF8(cell, "?")
}
