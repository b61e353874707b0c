package comparer

import (
	"fmt"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

// Class is what the three sides together say of a field, a record or an order.
type Class = recon.Class

// The classes, from best to worst, and the two that are no judgement.
const (
	Agree        = recon.Agree
	Fix          = recon.Fix
	Common       = recon.Common
	Regression   = recon.Regression
	Conflict     = recon.Conflict
	Inconclusive = Class("inconclusive")
	Unbooked     = Class("unbooked") // a gray order that no side has a record of: nothing was proved
)

// Classes lists all classes in the order reports print them.
func Classes() []Class {
	return []Class{Agree, Regression, Fix, Common, Conflict, Inconclusive, Unbooked}
}

// Places of the sides in a three-way join.
const (
	atPrimary = iota
	atShadow
	atChannel
	sideCount
)

// absent is how a side prints that has no such record.
const absent = "absent"

// Finding is one field of one record on which the sides do not agree.
type Finding struct {
	Order    string      `json:"order"`
	Class    Class       `json:"class"`
	Key      recon.Key   `json:"key"`
	Copy     int         `json:"occurrence"` // from 1; higher: the same booking once more
	Field    recon.Field `json:"field"`
	Break    recon.Break `json:"break"`
	Primary  string      `json:"primary"`
	Shadow   string      `json:"shadow"`
	Channel  string      `json:"channel"`
	Expected string      `json:"expected"` // what the sides in agreement say; of a Conflict the primary's
	Actual   string      `json:"actual"`   // what the side at fault says; of a Conflict the shadow's
	Where    []string    `json:"where"`    // origin of the record on each side that has it
}

// classifyPair compares a field that the channel lacks.
func classifyPair(p, s string) Class {
	if p == s {
		return Agree
	}
	return Regression
}

// judgeGroup compares one booking of an order field by field.
func judgeGroup(g match.Group, order string, ids *bijection, channelFinal bool) (Class, []Finding) {
	p, s, c := g.Records[atPrimary], g.Records[atShadow], g.Records[atChannel]
	class, findings := Agree, []Finding(nil)
	note := func(found Class, field recon.Field, values [sideCount]string) {
		if found == Agree {
			return
		}
		class = recon.Worse(class, found)
		findings = append(findings, newFinding(g, order, found, field, values))
	}
	if c == nil && !channelFinal {
		if p == nil || s == nil {
			note(Inconclusive, recon.FieldPresence, presence(g))
			return Inconclusive, findings
		}
	} else if p == nil || s == nil || c == nil {
		field := recon.FieldPresence
		if g.Occurrence > 1 {
			field = recon.FieldOccurrence
		}
		values := presence(g)
		note(recon.Classify(values[0], values[1], values[2]), field, values)
	}
	for _, field := range requiredFields() {
		values := [sideCount]string{}
		have := 0
		for i, r := range g.Records {
			if r != nil {
				values[i] = fieldOf(r, field)
				have++
			} else {
				values[i] = absent
			}
		}
		switch {
		case have < 2: // the presence finding says it all
		case c == nil && !channelFinal:
			note(classifyPair(values[atPrimary], values[atShadow]), field, values)
		case have == 2 && agreeWhereBoth(values): // the presence finding says it all
		default:
			note(recon.Classify(values[0], values[1], values[2]), field, values)
		}
	}
	for _, field := range optionalFields() {
		judgeOptional(g, field, note)
	}
	if p != nil && s != nil {
		judgeAliases(p, s, order, ids, note)
	}
	if class == Agree && c == nil && !channelFinal {
		return Inconclusive, findings
	}
	return class, findings
}

// agreeWhereBoth tells whether the two sides that have the record agree on a field.
func agreeWhereBoth(values [sideCount]string) bool {
	seen := ""
	for _, v := range values {
		if v == absent {
			continue
		}
		if seen != "" && v != seen {
			return false
		}
		seen = v
	}
	return true
}

// judgeOptional compares a field that sides may lack: all three, or primary against shadow where the channel lacks it.
func judgeOptional(g match.Group, field recon.Field, note func(Class, recon.Field, [sideCount]string)) {
	p, s, c := g.Records[atPrimary], g.Records[atShadow], g.Records[atChannel]
	if p == nil || s == nil {
		return
	}
	values := [sideCount]string{fieldOf(p, field), fieldOf(s, field), ""}
	if values[atPrimary] == "" && values[atShadow] == "" {
		return
	}
	if c != nil {
		values[atChannel] = fieldOf(c, field)
	}
	if values[atChannel] == "" {
		note(classifyPair(values[atPrimary], values[atShadow]), field, values)
		return
	}
	note(recon.Classify(values[0], values[1], values[2]), field, values)
}

func judgeAliases(p, s *recon.Record, order string, ids *bijection, note func(Class, recon.Field, [sideCount]string)) {
	for _, a := range p.Aliases {
		for _, b := range s.Aliases {
			if a.Column != b.Column {
				continue
			}
			if expected, ok := ids.bind(order, a.Column, a.Value, b.Value); !ok {
				note(Regression, recon.Field(a.Column), [sideCount]string{a.Value, fmt.Sprintf("%s (bound to %s)", b.Value, expected), ""})
			}
		}
	}
}

func requiredFields() []recon.Field {
	return []recon.Field{recon.FieldOrder, recon.FieldCurrency, recon.FieldAmount, recon.FieldStatus}
}

func optionalFields() []recon.Field {
	return []recon.Field{recon.FieldAccount, recon.FieldChannelTxn, recon.FieldFee}
}

func fieldOf(r *recon.Record, field recon.Field) string {
	switch field {
	case recon.FieldOrder:
		return r.Order
	case recon.FieldCurrency:
		return string(r.Amount.Currency)
	case recon.FieldAmount:
		return r.Amount.Major()
	case recon.FieldStatus:
		return string(r.Status)
	case recon.FieldAccount:
		return r.Account
	case recon.FieldChannelTxn:
		return r.ChannelTxn
	case recon.FieldFee:
		if r.Fee != nil {
			return r.Fee.Major()
		}
	}
	return ""
}

func presence(g match.Group) [sideCount]string {
	var values [sideCount]string
	for i, r := range g.Records {
		if values[i] = absent; r != nil {
			values[i] = "present"
		}
	}
	return values
}

func newFinding(g match.Group, order string, class Class, field recon.Field, values [sideCount]string) Finding {
	f := Finding{
		Order: order, Class: class, Key: g.Key, Copy: g.Occurrence, Field: field,
		Break:   recon.BreakOf(field, g.Records[atPrimary] != nil, g.Records[atShadow] != nil, g.Records[atChannel] != nil),
		Primary: values[atPrimary], Shadow: values[atShadow], Channel: values[atChannel],
	}
	if field == recon.FieldPresence || field == recon.FieldOccurrence {
		values = amounts(g)
	}
	switch class {
	case Fix:
		f.Expected, f.Actual = values[atShadow], values[atPrimary]
	case Common:
		f.Expected, f.Actual = values[atPrimary], values[atChannel]
	default:
		f.Expected, f.Actual = values[atPrimary], values[atShadow]
	}
	for _, r := range g.Records {
		if r != nil {
			f.Where = append(f.Where, r.Origin.String())
		}
	}
	return f
}

// amounts says of each side what a missing or extra booking is worth.
func amounts(g match.Group) [sideCount]string {
	var values [sideCount]string
	for i, r := range g.Records {
		if values[i] = absent; r != nil {
			values[i] = r.Amount.Major()
		}
	}
	return values
}
