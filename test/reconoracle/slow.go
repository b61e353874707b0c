package reconoracle

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
)

// record is a row with what is compared, in order.
type record struct {
	Row
	kind   string
	values []value
}

// value is a text, or a number of minor units.
type value struct {
	text   string
	number int64
}

// Slow answers a question about two CSV files, held in memory, with maps and sorts.
func Slow(q Question, files [][]byte) (Answer, error) {
	answer := Answer{Sides: make([]Side, 2)}
	groups := map[string]*[2][]record{}
	for side, file := range files {
		err := read(q, bytes.NewReader(file), func(key string, r record) {
			answer.Sides[side].add(r.kind, r.Currency, r.Minor)
			if groups[key] == nil {
				groups[key] = &[2][]record{}
			}
			groups[key][side] = append(groups[key][side], r)
		})
		if err != nil {
			return Answer{}, fmt.Errorf("side %d: %w", side+1, err)
		}
	}
	for _, g := range groups {
		answer.Breaks = append(answer.Breaks, q.group(g[0], g[1])...)
	}
	return answer, nil
}

func read(q Question, file io.Reader, take func(string, record)) error {
	r := csv.NewReader(file)
	header, err := r.Read()
	if err != nil {
		return err
	}
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		cell := func(column string) string { return cells[slices.Index(header, column)] }
		line, _ := r.FieldPos(0)
		one := record{Row: Row{Line: int64(line), Currency: cell(q.Currency)}, kind: string(recon.KindPayment)}
		if q.Kind != "" {
			one.kind = cell(q.Kind)
		}
		for _, f := range q.Fields() {
			v, err := q.value(f, cell(f.Column))
			if err != nil {
				return fmt.Errorf("line %d: %s: %w", line, f.Name, err)
			}
			one.values = append(one.values, v)
		}
		one.Minor = one.values[0].number
		key := one.kind
		for _, column := range q.Key {
			key += fmt.Sprintf("|%d|%s", len(cell(column)), cell(column))
		}
		take(key, one)
	}
}

func (q Question) value(f Field, cell string) (value, error) {
	if f.Money {
		n, err := minor(cell)
		return value{number: n}, err
	}
	if f.Column == q.Status {
		cell = status(cell)
	}
	return value{text: cell}, nil
}

// minor reads yuan with two decimals.
func minor(text string) (int64, error) {
	at := strings.IndexByte(text, '.')
	if at < 0 || len(text)-at != 3 {
		return 0, fmt.Errorf("amount %q is not yuan with two decimals", text)
	}
	return strconv.ParseInt(text[:at]+text[at+1:], 10, 64)
}

// group finds the breaks of one key: what agrees in everything goes first, then the rest pairs up in order, then what is
// left has no counterpart.
func (q Question) group(ours, theirs []record) []Break {
	both := len(ours) > 0 && len(theirs) > 0
	slices.SortFunc(ours, record.compare)
	slices.SortFunc(theirs, record.compare)
	var restOurs []record
	for _, r := range ours {
		at := slices.IndexFunc(theirs, func(o record) bool { return slices.Equal(o.values, r.values) })
		if at < 0 {
			restOurs = append(restOurs, r)
		} else {
			theirs = slices.Delete(theirs, at, at+1)
		}
	}
	var found []Break
	for i := range max(len(restOurs), len(theirs)) {
		var b Break
		switch {
		case i >= len(theirs):
			b = Break{Break: string(recon.MissingAtChannel), Kind: restOurs[i].kind, Rows: [2]*Row{&restOurs[i].Row, nil}}
		case i >= len(restOurs):
			b = Break{Break: string(recon.MissingInternally), Kind: theirs[i].kind, Rows: [2]*Row{nil, &theirs[i].Row}}
		default:
			b = q.pair(restOurs[i], theirs[i])
		}
		if both && (b.Rows[0] == nil || b.Rows[1] == nil) {
			b.Break = string(recon.Duplicate)
		}
		found = append(found, b)
	}
	return found
}

// compare orders the copies of a key by what is compared, then by line.
func (r record) compare(o record) int {
	return cmp.Or(slices.CompareFunc(r.values, o.values, func(a, b value) int {
		return cmp.Or(cmp.Compare(a.number, b.number), strings.Compare(a.text, b.text))
	}), cmp.Compare(r.Line, o.Line))
}

func (q Question) pair(a, b record) Break {
	found := Break{Break: string(recon.FieldMismatch), Kind: a.kind, Rows: [2]*Row{&a.Row, &b.Row}}
	for i, f := range q.Fields() {
		if a.values[i] == b.values[i] {
			continue
		}
		found.Fields = append(found.Fields, f.Name)
		switch {
		case f.Name == "amount" || f.Name == "currency":
			found.Break = string(recon.AmountMismatch)
		case f.Name == "status" && found.Break == string(recon.FieldMismatch):
			found.Break = string(recon.StatusMismatch)
		}
	}
	slices.Sort(found.Fields)
	return found
}
