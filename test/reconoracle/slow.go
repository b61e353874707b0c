package reconoracle

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
)

// record is a row with what is compared, as text and in order.
type record struct {
	Row
	kind   string
	fields []string
}

// Slow answers a question about two CSV files with maps and sorts.
func Slow(q Question, files [2]io.Reader) (Answer, error) {
	answer := Answer{Sides: make([]Side, 2)}
	groups := map[string]*[2][]record{}
	for side, file := range files {
		err := read(q, file, func(key string, r record) {
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
		if one.Minor, err = minor(cell(q.Amount)); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		for _, column := range q.fields() {
			one.fields = append(one.fields, cell(column))
		}
		key := one.kind
		for _, column := range q.Key {
			key += fmt.Sprintf("|%d|%s", len(cell(column)), cell(column))
		}
		take(key, one)
	}
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
	q.sort(ours)
	q.sort(theirs)
	var restOurs []record
	for _, r := range ours {
		at := slices.IndexFunc(theirs, func(o record) bool { return slices.Equal(o.fields, r.fields) })
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

// sort orders the copies of a key by amount, then by the other fields as texts, then by line.
func (q Question) sort(list []record) {
	slices.SortFunc(list, func(a, b record) int {
		if a.Minor != b.Minor {
			return int(max(-1, min(1, a.Minor-b.Minor)))
		}
		if c := slices.Compare(a.fields[1:], b.fields[1:]); c != 0 {
			return c
		}
		return int(a.Line - b.Line)
	})
}

func (q Question) pair(a, b record) Break {
	found := Break{Break: string(recon.FieldMismatch), Kind: a.kind, Rows: [2]*Row{&a.Row, &b.Row}}
	for i, column := range q.fields() {
		if a.fields[i] == b.fields[i] {
			continue
		}
		found.Fields = append(found.Fields, q.name(column))
		switch {
		case column == q.Amount || column == q.Currency:
			found.Break = string(recon.AmountMismatch)
		case column == q.Status && found.Break == string(recon.FieldMismatch):
			found.Break = string(recon.StatusMismatch)
		}
	}
	slices.Sort(found.Fields)
	return found
}

// name is what the answer calls a column.
func (q Question) name(column string) string {
	switch column {
	case q.Amount:
		return "amount"
	case q.Currency:
		return "currency"
	case q.Status:
		return "status"
	case q.Fee:
		return "fee"
	case q.Time:
		return "time"
	}
	return column
}
