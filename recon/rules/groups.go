package rules

import (
	"fmt"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
)

// splits explains a payment of one side and its parts on the other: parts, fee and rest are the whole. What is missing of
// the whole may come on a later day, so they wait together.
func splits(s *Split) linker {
	wholeSide, partSide := internal, channel
	if s.Ours {
		wholeSide, partSide = channel, internal
	}
	parts := []recon.Kind{recon.KindPayment, recon.KindSplit, recon.KindSplitReturn, recon.KindFee}
	return linker{
		rule: RuleSplit,
		possible: func(s seen) bool {
			return s.has(wholeSide, recon.KindPayment) && s.has(partSide, parts...)
		},
		of: func(w *row) (string, uint8) {
			side, one := w.side()
			switch {
			case !one || w.brk == recon.Duplicate:
				return "", 0
			case side == wholeSide && w.key.Kind == recon.KindPayment:
				return s.Whole.of(w.records[side]), roleOf(side, false)
			case side == partSide && slices.Contains(parts, w.key.Kind):
				return s.By.of(w.records[side]), roleOf(side, true)
			}
			return "", 0
		},
		whole: func(roles uint8) bool {
			need := roleOf(wholeSide, false) | roleOf(partSide, true)
			return roles&need == need
		},
		decide: func(link string, group []*held) {
			whole, why := onlyOne(group, roleOf(wholeSide, false), "payments")
			if why == "" {
				why = addUp(group, whole, s.Fees, partOfSplit)
			}
			together(RuleSplit, link, group, why)
		},
	}
}

// partOfSplit says what a part adds to the whole: all that went somewhere, less what came back.
func partOfSplit(r *recon.Record, fees FeePlace) (recon.Money, error) {
	part := r.Amount
	if r.Key.Kind == recon.KindSplitReturn {
		part = part.Neg()
	}
	if fees == FeeFields && r.Fee != nil {
		return part.Add(*r.Fee)
	}
	return part, nil
}

// settlements explains a settlement line of one side and the bookings on the other side that name it.
func settlements(s *Settlement) linker {
	return linker{
		rule: RuleSettlement,
		possible: func(s seen) bool {
			line, other := recon.KindSettlement, s.other
			return (s.has(internal, line) && other(channel, line)) || (s.has(channel, line) && other(internal, line))
		},
		of: func(w *row) (string, uint8) {
			side, one := w.side()
			switch {
			case !one || w.brk == recon.Duplicate:
				return "", 0
			case w.key.Kind == recon.KindSettlement:
				return s.Line.of(w.records[side]), roleOf(side, false)
			}
			return s.By.of(w.records[side]), roleOf(side, true)
		},
		whole: func(roles uint8) bool {
			return roles&9 == 9 || roles&6 == 6 // a line of one side, bookings of the other
		},
		decide: func(link string, group []*held) {
			line, why := onlyOne(group, roleOf(internal, false)|roleOf(channel, false), "lines")
			if why == "" {
				group = othersThan(line, group)
				why = addUp(group, line, s.Fees, partOfSettlement)
			}
			together(RuleSettlement, link, group, why)
		},
	}
}

// othersThan gives a line and the bookings that its own side does not have.
func othersThan(line *held, group []*held) []*held {
	var out []*held
	for _, h := range group {
		if h == line || h.side != line.side {
			out = append(out, h)
		}
	}
	return out
}

// partOfSettlement says what a booking adds to a settlement.
func partOfSettlement(r *recon.Record, place FeePlace) (recon.Money, error) {
	gross, refunds, fees, err := partsOf(r, place)
	return recon.Money{Minor: gross - refunds - fees, Currency: r.Amount.Currency}, err
}

// onlyOne finds the booking that the others belong to.
func onlyOne(group []*held, role uint8, what string) (*held, string) {
	var found *held
	n := 0
	for _, h := range group {
		if h.role&role != 0 {
			found = h
			n++
		}
	}
	if n != 1 {
		return nil, fmt.Sprintf("%d %s are named alike", n, what)
	}
	return found, ""
}

// addUp says why the others are not the whole; "" = they are, to the cent.
func addUp(group []*held, whole *held, fees FeePlace, part func(*recon.Record, FeePlace) (recon.Money, error)) string {
	sum := recon.Money{Currency: whole.record.Amount.Currency}
	for _, h := range group {
		if h.record.Status != recon.StatusSuccess {
			return fmt.Sprintf("%s is %s", h.record.Key, h.record.Status)
		}
		if h == whole {
			continue
		}
		p, err := part(h.record, fees)
		if err == nil {
			sum, err = sum.Add(p)
		}
		if err != nil {
			return fmt.Sprintf("%s: %s", h.record.Key, err)
		}
	}
	if sum != whole.record.Amount {
		rest, err := whole.record.Amount.Add(sum.Neg())
		if err != nil {
			return err.Error()
		}
		return fmt.Sprintf("%d parts are %s of %s: %s is left", len(group)-1, sum, whole.record.Amount, rest)
	}
	return ""
}

// together gives all bookings of a link one fate, or the reason why they have none yet.
func together(rule Rule, link string, group []*held, why string) {
	for _, h := range group {
		if why == "" {
			h.is(Explained, rule, link)
		} else {
			h.isNot(rule, link, why)
		}
	}
}
