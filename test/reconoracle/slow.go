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
	key    string
	values []value
}

// value is a text, or a number of minor units.
type value struct {
	text   string
	number int64
}

// Slow answers a question about two or three CSV files, held in memory, with maps and sorts.
func Slow(q Question, files [][]byte) (Answer, error) {
	answer := Answer{Sides: make([]Side, len(files))}
	byKey := map[string][][]record{}
	for side, file := range files {
		err := read(q, bytes.NewReader(file), func(key string, r record) {
			answer.Sides[side].take(Total{r.kind, r.Currency, 1, r.Minor})
			if byKey[key] == nil {
				byKey[key] = make([][]record, len(files))
			}
			byKey[key][side] = append(byKey[key][side], r)
		})
		if err != nil {
			return Answer{}, fmt.Errorf("side %d: %w", side+1, err)
		}
	}
	for _, lists := range byKey {
		answer.Breaks = append(answer.Breaks, q.breaks(lists)...)
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
		key, parts := one.kind, []string{}
		for _, column := range q.Key {
			key += fmt.Sprintf("|%d|%s", len(cell(column)), cell(column))
			parts = append(parts, cell(column))
		}
		one.key = keyText(parts)
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

// breaks finds the breaks of one key.
func (q Question) breaks(lists [][]record) []Break {
	everywhere := !slices.ContainsFunc(lists, func(l []record) bool { return len(l) == 0 })
	var found []Break
	for n, g := range together(lists) {
		b := Break{Rows: make([]*Row, len(lists))}
		for side, r := range g {
			if r != nil {
				b.Rows[side], b.Kind, b.Key = &r.Row, r.kind, r.key
			}
		}
		switch missing := slices.Contains(g, nil); {
		case missing && everywhere && n > 0:
			b.Break = string(recon.Duplicate)
		case missing:
			b.Break = missingOn(g)
		default:
			b.Break, b.Fields = q.worst(g)
			if b.Break == "" && q.Unique && n > 0 {
				b.Break = string(recon.Duplicate)
			}
		}
		if b.Break != "" {
			found = append(found, b)
		}
	}
	return found
}

// missingOn names the break of a booking that some sides lack: the first is internal, the second the channel, a third the
// shadow.
func missingOn(g []*record) string {
	if len(g) == 2 {
		if g[1] == nil {
			return string(recon.MissingAtChannel)
		}
		return string(recon.MissingInternally)
	}
	return map[[3]bool]string{
		{true, false, true}: "missing-at-channel", {true, true, false}: "missing-in-shadow", {false, true, true}: "missing-internally",
		{true, false, false}: "only-internally", {false, true, false}: "only-at-channel", {false, false, true}: "only-in-shadow",
	}[[3]bool{g[0] != nil, g[1] != nil, g[2] != nil}]
}

// together finds the copies of a key that belong together, at most one a side. First those that agree on all sides, then
// those that agree on two, then the rest joins who lacks its side; always in the order of what they say. Complete groups
// come first.
func together(lists [][]record) [][]*record {
	left := make([][]*record, len(lists))
	for side := range lists {
		slices.SortFunc(lists[side], record.compare)
		for i := range lists[side] {
			left[side] = append(left[side], &lists[side][i])
		}
	}
	var groups [][]*record
	members := [][]int{{0, 1}}
	if len(lists) == 3 {
		members = [][]int{{0, 1, 2}, {0, 1}, {0, 2}, {1, 2}}
	}
	for _, m := range members {
		groups = append(groups, agreeing(left, m)...)
	}
	for side := range left {
		for _, r := range left[side] {
			at := slices.IndexFunc(groups, func(g []*record) bool { return g[side] == nil })
			if at < 0 {
				at, groups = len(groups), append(groups, make([]*record, len(lists)))
			}
			groups[at][side] = r
		}
	}
	slices.SortStableFunc(groups, func(a, b []*record) int { return absent(a) - absent(b) })
	return groups
}

func absent(g []*record) int {
	n := 0
	for _, r := range g {
		if r == nil {
			n++
		}
	}
	return n
}

// agreeing takes out of left what agrees on all the given sides.
func agreeing(left [][]*record, sides []int) [][]*record {
	var groups [][]*record
	for _, r := range slices.Clone(left[sides[0]]) {
		g := make([]*record, len(left))
		for _, side := range sides {
			at := slices.IndexFunc(left[side], func(o *record) bool { return slices.Equal(o.values, r.values) })
			if at < 0 {
				g = nil
				break
			}
			g[side] = left[side][at]
		}
		for _, side := range sides {
			if g != nil {
				left[side] = slices.DeleteFunc(left[side], func(o *record) bool { return o == g[side] })
			}
		}
		if g != nil {
			groups = append(groups, g)
		}
	}
	return groups
}

// compare orders the copies of a key by what is compared, then by line.
func (r record) compare(o record) int {
	return cmp.Or(slices.CompareFunc(r.values, o.values, func(a, b value) int {
		return cmp.Or(cmp.Compare(a.number, b.number), strings.Compare(a.text, b.text))
	}), cmp.Compare(r.Line, o.Line))
}

// worst names the fields of a complete group that differ, and the break they make; "" where none does.
func (q Question) worst(g []*record) (string, []string) {
	var fields []string
	for i, f := range q.Fields() {
		if slices.ContainsFunc(g, func(r *record) bool { return r.values[i] != g[0].values[i] }) {
			fields = append(fields, f.Name)
		}
	}
	slices.Sort(fields)
	switch {
	case len(fields) == 0:
		return "", nil
	case slices.Contains(fields, "amount") || slices.Contains(fields, "currency"):
		return string(recon.AmountMismatch), fields
	case slices.Contains(fields, "status"):
		return string(recon.StatusMismatch), fields
	}
	return string(recon.FieldMismatch), fields
}
