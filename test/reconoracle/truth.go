package reconoracle

import (
	"fmt"
	"iter"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/test/recongen"
)

// Truth gives the breaks that a question must find between the first two sides. The key must tell the planted groups
// apart, as the order number does.
func Truth(q Question, groups iter.Seq[recongen.Planted]) iter.Seq2[Break, error] {
	return func(yield func(Break, error) bool) {
		for p := range groups {
			if (p.Class == recongen.Fee && q.Fee == "") || (p.Class == recongen.Edit && q.Time == "") {
				continue
			}
			breaks, err := q.planted(p)
			if err != nil && !yield(Break{}, err) {
				return
			}
			for _, b := range breaks {
				if q.Kind == "" {
					b.Kind = string(recon.KindPayment)
				}
				if !yield(b, nil) {
					return
				}
			}
		}
	}
}

// Planted collects what Truth gives, as an answer without sides.
func Planted(q Question, groups iter.Seq[recongen.Planted]) (Answer, error) {
	a := Answer{}
	for b, err := range Truth(q, groups) {
		if err != nil {
			return a, err
		}
		a.Breaks = append(a.Breaks, b)
	}
	return a, nil
}

// planted gives the breaks of one group.
func (q Question) planted(p recongen.Planted) ([]Break, error) {
	ours, theirs := rowsOf(p, recongen.Ours), rowsOf(p, recongen.Theirs)
	if len(p.Breaks) == 0 {
		return nil, nil
	}
	switch p.Class {
	case recongen.MissingTheirs:
		return []Break{q.alone(recon.MissingAtChannel, 0, ours[0])}, nil
	case recongen.MissingOurs:
		return []Break{q.alone(recon.MissingInternally, 1, theirs[0])}, nil
	case recongen.CollidingKeys:
		return []Break{q.alone(recon.MissingAtChannel, 0, ours[0]), q.alone(recon.MissingInternally, 1, theirs[0])}, nil
	case recongen.DuplicateOurs:
		return []Break{q.alone(recon.Duplicate, 0, ours[1])}, nil
	case recongen.DuplicateTheirs:
		return []Break{q.alone(recon.Duplicate, 1, theirs[1])}, nil
	}
	var found []Break
	for _, a := range ours {
		for _, b := range theirs {
			if a.Kind != b.Kind || a.Order != b.Order || a.Refund != b.Refund {
				continue
			}
			if fields := q.differing(a, b); len(fields) > 0 && !(p.Class == recongen.WrongCopy && a.Minor+1 != b.Minor) {
				found = append(found, Break{Break: string(p.Breaks[0]), Kind: string(a.Kind), Key: q.keyOf(a), Fields: fields, Rows: []*Row{rowOf(a), rowOf(b)}})
			}
		}
	}
	if len(found) != len(p.Breaks) {
		return nil, fmt.Errorf("truth of class %s has %d breaks, its rows have %d", p.Class, len(p.Breaks), len(found))
	}
	return found, nil
}

// rowsOf gives the rows of a side by line.
func rowsOf(p recongen.Planted, side int) []recongen.Row {
	var found []recongen.Row
	for _, r := range p.Rows {
		if r.Side == side {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b recongen.Row) int { return int(a.Line - b.Line) })
	return found
}

func (q Question) alone(class recon.Break, side int, r recongen.Row) Break {
	b := Break{Break: string(class), Kind: string(r.Kind), Key: q.keyOf(r), Rows: make([]*Row, 2)}
	b.Rows[side] = rowOf(r)
	return b
}

// keyOf is the key of a planted row.
func (q Question) keyOf(r recongen.Row) string {
	var parts []string
	for _, column := range q.Key {
		parts = append(parts, map[string]string{"order_id": r.Order, "refund_id": r.Refund}[column])
	}
	return keyText(parts)
}

func rowOf(r recongen.Row) *Row {
	return &Row{Line: r.Line, Minor: r.Minor, Currency: string(r.Currency)}
}

// differing names the fields that are asked for and differ.
func (q Question) differing(a, b recongen.Row) []string {
	var fields []string
	for name, differs := range map[string]bool{
		"amount": a.Minor != b.Minor, "currency": a.Currency != b.Currency, "status": a.Status != b.Status,
		"fee": q.Fee != "" && a.Fee != b.Fee, "time": q.Time != "" && a.Time != b.Time,
	} {
		if differs {
			fields = append(fields, name)
		}
	}
	slices.Sort(fields)
	return fields
}
