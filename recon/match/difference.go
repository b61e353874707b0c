package match

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// Difference is one booking on which the sides do not agree.
type Difference struct {
	Break recon.Break `json:"break"`
	Group
	Class  recon.Class   `json:"class,omitempty"`  // of three sides
	Fields []FieldValues `json:"fields,omitempty"` // of the fields that differ; none where a side lacks the record
}

// FieldValues is one field as each side has it; "" where a side lacks the record or the value.
type FieldValues struct {
	Field  recon.Field `json:"field"`
	Values []string    `json:"values"`
}

// compare orders differences by key, then copy.
func (d *Difference) compare(o *Difference) int {
	return cmp.Or(d.Key.Compare(o.Key), cmp.Compare(d.Occurrence, o.Occurrence))
}

// content is the canonical form of what is compared, each field with its length in front or of a fixed width: what an
// entry's hash and fields say, of the record as it is.
func (c *Config) content(r *recon.Record) string {
	b := entry.AppendNumber(nil, true, r.Amount.Minor)
	b = entry.AppendText(b, []byte(r.Amount.Currency))
	b = entry.AppendText(b, []byte(r.Status))
	return string(c.Compared.Texts(b, r))
}

// fields gives the fields on which those sides that have the record differ.
func (c *Config) fields(g Group) []FieldValues {
	var out []FieldValues
	add := func(field recon.Field, value func(*recon.Record) string) {
		values, first, differ := make([]string, len(g.Records)), -1, false
		for i, r := range g.Records {
			if r == nil {
				continue
			}
			values[i] = value(r)
			if first < 0 {
				first = i
			} else if values[i] != values[first] {
				differ = true
			}
		}
		if differ {
			out = append(out, FieldValues{field, values})
		}
	}
	add(recon.FieldAmount, func(r *recon.Record) string { return r.Amount.Major() })
	add(recon.FieldCurrency, func(r *recon.Record) string { return string(r.Amount.Currency) })
	add(recon.FieldStatus, func(r *recon.Record) string { return string(r.Status) })
	if c.Compared.Has(entry.CompareFee) {
		add(recon.FieldFee, func(r *recon.Record) string {
			if r.Fee == nil {
				return ""
			}
			return r.Fee.Major()
		})
	}
	if c.Compared.Has(entry.CompareTime) {
		add(recon.FieldTime, func(r *recon.Record) string {
			if r.Time.IsZero() {
				return ""
			}
			return r.Time.UTC().Format(time.RFC3339Nano)
		})
	}
	if c.Compared.Has(entry.CompareOrder) {
		add(recon.FieldOrder, func(r *recon.Record) string { return r.Order })
	}
	if c.Compared.Has(entry.CompareAccount) {
		add(recon.FieldAccount, func(r *recon.Record) string { return r.Account })
	}
	if c.Compared.Has(entry.CompareChannelTxn) {
		add(recon.FieldChannelTxn, func(r *recon.Record) string { return r.ChannelTxn })
	}
	if c.Compared.Has(entry.CompareFurther) {
		for i := range furthest(g) {
			add(furtherField(g, i), func(r *recon.Record) string {
				if i < len(r.Further) {
					return r.Further[i].Value
				}
				return ""
			})
		}
	}
	return out
}

func furthest(g Group) int {
	n := 0
	for _, r := range g.Records {
		if r != nil {
			n = max(n, len(r.Further))
		}
	}
	return n
}

// furtherField names a compared column as the first side that has it does.
func furtherField(g Group, i int) recon.Field {
	for _, r := range g.Records {
		if r != nil && i < len(r.Further) {
			return recon.Field(r.Further[i].Column)
		}
	}
	return ""
}

// worstOf names the break of differing fields: money first, then state, then the rest.
func worstOf(fields []FieldValues) recon.Break {
	worst := recon.FieldMismatch
	for _, f := range fields {
		switch recon.BreakOf(f.Field, true, true, true) {
		case recon.AmountMismatch:
			return recon.AmountMismatch
		case recon.StatusMismatch:
			worst = recon.StatusMismatch
		}
	}
	return worst
}

// missing names the break of a booking that some sides lack. Of two sides the first is internal and the second the
// channel; a third is the shadow.
func (c *Config) missing(has []bool) recon.Break {
	shadow := len(has) > 2 && has[2]
	if len(has) == 2 {
		if has[0] {
			return recon.MissingAtChannel
		}
		return recon.MissingInternally
	}
	return recon.BreakOf(recon.FieldPresence, has[0], shadow, has[1])
}

// classOf says what three sides mean together. They stand in the order primary, channel, shadow.
func classOf(d *Difference) recon.Class {
	has := d.has()
	class := recon.Classify(has[0], has[2], has[1])
	for _, f := range d.Fields {
		value := func(side int) string {
			if !has[side] {
				return "\x00absent"
			}
			return f.Values[side]
		}
		class = recon.Worse(class, recon.Classify(value(0), value(2), value(1)))
	}
	return class
}

// Breaks lists the breaks a run can find, in the order reports print them.
func Breaks() []recon.Break {
	return []recon.Break{
		recon.MissingAtChannel, recon.MissingInternally, recon.MissingInShadow, recon.OnlyInternally, recon.OnlyInShadow, recon.OnlyAtChannel,
		recon.Duplicate, recon.AmountMismatch, recon.StatusMismatch, recon.FieldMismatch,
	}
}

// String prints "amount-mismatch payment P1#1 amount: 19.99 | 19.98".
func (d *Difference) String() string {
	var b strings.Builder
	b.WriteString(string(d.Break) + " " + d.Key.String())
	for _, f := range d.Fields {
		b.WriteString(" " + string(f.Field) + ": " + strings.Join(f.Values, " | "))
	}
	return b.String()
}

// Differ says how the records of one booking of two sides differ; nil = they agree. It is what Reconcile says of them, for
// records that came together later.
func Differ(compared entry.Compared, g Group) *Difference {
	c := Config{Compared: compared}
	d := Difference{Group: g, Fields: c.fields(g)}
	switch {
	case slices.Contains(g.Records, nil):
		d.Break = c.missing(g.has())
	case len(d.Fields) == 0:
		return nil
	default:
		d.Break = worstOf(d.Fields)
	}
	return &d
}
