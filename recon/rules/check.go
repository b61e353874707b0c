package rules

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

const (
	maxDays   = 366
	maxSlack  = 6 * time.Hour
	maxTiers  = 64
	leastHeld = 10
)

// Check gives every complaint about a configuration, as Problems; fields are named as in the rules of a YAML file.
func (c *Config) Check() error {
	k := &checker{cfg: c}
	k.clock()
	k.terms()
	k.tolerances()
	k.links()
	if c.Fees != nil {
		k.fees()
	}
	if c.MaxLinked != 0 && c.MaxLinked < leastHeld {
		k.complain("max_linked", fmt.Sprintf("is less than %d", leastHeld), "200000")
	}
	if len(k.problems) > 0 {
		return k.problems
	}
	return nil
}

type checker struct {
	cfg      *Config
	problems Problems
}

func (k *checker) complain(field, what, try string) { k.complainOf(field, what, "", try) }

// complainOf shows the value too.
func (k *checker) complainOf(field, what, got, try string) {
	k.problems = append(k.problems, Problem{Field: field, What: what, Got: got, Try: try})
}

func (k *checker) clock() {
	if cut := k.cfg.Clock.Cut; cut < 0 || cut >= 24*time.Hour || cut%time.Second != 0 {
		k.complain("cut_off", "is no time of a day", "00:00 for midnight, 23:00")
	}
	if s := k.cfg.Clock.Slack; s < 0 || s > maxSlack {
		k.complain("slack", "is negative or more than 6 hours", "5m")
	}
}

func (k *checker) terms() {
	if late := k.cfg.Late; late < 0 || late > maxDays {
		k.complain("late_days", fmt.Sprintf("is not from 0 to %d", maxDays), "30")
	}
	seen := map[string]bool{}
	for i, t := range k.cfg.Terms {
		at := fmt.Sprintf("terms[%d]", i)
		if name := string(t.Kind) + "/" + t.Product; seen[name] {
			k.complain(at, "is about a kind and product that an earlier one is about", "one term for each")
		} else {
			seen[name] = true
		}
		if t.Kind != "" && !slices.Contains(recon.Kinds(), t.Kind) {
			k.complain(at+".kind", "is not a kind", fmt.Sprintf("one of %v", recon.Kinds()))
		}
		if t.Days < 0 || t.Days > maxDays {
			k.complain(at+".days", fmt.Sprintf("is not from 0 to %d", maxDays), "1")
		}
		if !t.Calendar && k.cfg.Calendar == nil {
			k.complain(at, "counts business days, and there is no calendar", "calendar: FILE, or every_day: true")
		}
		k.product(at, t.Product)
	}
}

func (k *checker) product(at, product string) {
	if product != "" && k.cfg.Product == "" {
		k.complain(at+".product", "depends on a column that is not named", "product: COLUMN beside the list")
	}
}

func (k *checker) tolerances() {
	names := map[string]bool{}
	for i := range k.cfg.Tolerances {
		t := &k.cfg.Tolerances[i]
		at := fmt.Sprintf("tolerances[%d]", i)
		if t.Name == "" || names[t.Name] {
			k.complain(at+".name", "is empty or stands here a second time", "a name of its own")
		}
		names[t.Name] = true
		k.tolerance(at, t)
		for j := range i {
			if overlap(t, &k.cfg.Tolerances[j]) {
				k.complain(at, fmt.Sprintf("is about the same rows as tolerances[%d]", j), "one tolerance for a kind, field and currency")
			}
		}
	}
}

func (k *checker) tolerance(at string, t *Tolerance) {
	switch {
	case t.Field != recon.FieldAmount && t.Field != recon.FieldFee:
		k.complain(at+".field", "is neither amount nor fee", "amount")
	case t.Field == recon.FieldFee && !k.cfg.Compared.Has(entry.CompareFee):
		k.complain(at+".field", "is not compared, so it never differs", "compare the fee, or take the tolerance out")
	}
	k.kinds(at, t.Kinds)
	if _, err := t.Row.Currency.Exponent(); err != nil {
		k.complain(at+".currency", "is not a currency", "CNY")
	}
	if t.Row.Minor <= 0 {
		k.complain(at+".row", "is not more than zero", "0.01")
	}
	if t.Cap.Minor < t.Row.Minor || t.Cap.Currency != t.Row.Currency {
		k.complain(at+".cap", "is missing, or less than one row, or of another currency: a tolerance without a cap can hide any loss", "10.00")
	}
	if t.Until == NoDay {
		k.complain(at+".until", "is missing: a tolerance without an end is never looked at again", "a day such as 2026-12-31")
	}
}

func (k *checker) kinds(at string, kinds []recon.Kind) {
	for _, kind := range kinds {
		if !slices.Contains(recon.Kinds(), kind) {
			k.complainOf(at+".kinds", "has what is not a kind", string(kind), fmt.Sprintf("of %v", recon.Kinds()))
		}
	}
}

func overlap(a, b *Tolerance) bool {
	return a.Field == b.Field && a.Row.Currency == b.Row.Currency && kindsMeet(a.Kinds, b.Kinds)
}

// kindsMeet tells whether two lists have a kind in common; an empty one has every kind.
func kindsMeet(a, b []recon.Kind) bool {
	return len(a) == 0 || len(b) == 0 || slices.ContainsFunc(a, func(k recon.Kind) bool { return slices.Contains(b, k) })
}

func (k *checker) links() {
	if s := k.cfg.Split; s != nil {
		k.linkOf("split.by", s.By.or(LinkOrder))
		k.linkOf("split.whole", s.Whole.or(LinkKey))
		k.place("split.fees", s.Fees)
	}
	if s := k.cfg.Settlement; s != nil {
		k.named("settlement", s.By, s.Line, s.Fees)
	}
	if n := k.cfg.Net; n != nil {
		k.named("net", n.By, n.Line, n.Fees)
	}
}

// named checks a rule whose bookings have to name their settlement.
func (k *checker) named(at string, by, line Link, fees FeePlace) {
	if by == "" || by == LinkKey {
		k.complain(at+".by", "is missing, or the booking's own key: bookings have to name their settlement, it is never guessed from amounts", "settled, or column:NAME")
	} else {
		k.linkOf(at+".by", by)
	}
	k.linkOf(at+".line", line.or(LinkKey))
	k.place(at+".fees", fees)
}

func (k *checker) linkOf(at string, l Link) {
	if !l.Valid() {
		k.complainOf(at, "is no value of a record", string(l), "key, order, original, channel_txn, settled or column:NAME")
	}
}

func (k *checker) place(at string, p FeePlace) {
	if p != "" && p != FeeLines && p != FeeFields {
		k.complainOf(at, "is neither lines nor fields", string(p), "lines")
	}
}

func (k *checker) fees() {
	if !k.cfg.Fees.Net && !k.cfg.Compared.Has(entry.CompareFee) {
		k.complain("fees", "explains nothing, since fees are not compared", "compare the fee, or net: true")
	}
	rates := k.cfg.Fees.Schedule.Rates
	if len(rates) == 0 {
		k.complain("fees.rates", "is empty", "at least one rate")
	}
	for i := range rates {
		at := fmt.Sprintf("fees.rates[%d]", i)
		k.product(at, rates[i].Product)
		k.rate(at, &rates[i])
		for j := range i {
			if ratesMeet(&rates[i], &rates[j]) {
				k.complain(at, fmt.Sprintf("is about bookings that fees.rates[%d] is about", j), "days, kinds or products that do not overlap")
			}
		}
	}
}

func (k *checker) rate(at string, r *Rate) {
	k.kinds(at, r.Kinds)
	if _, err := r.Currency.Exponent(); err != nil {
		k.complain(at+".currency", "is not a currency", "CNY")
	}
	if !slices.Contains(Roundings(), r.Rounding) {
		k.complainOf(at+".rounding", "is missing or unknown: the contract says it", string(r.Rounding), fmt.Sprintf("one of %v", Roundings()))
	}
	if r.Until != NoDay && r.Until < r.From {
		k.complain(at+".until", "is before from", "a later day")
	}
	if r.Min < 0 || r.Max < 0 || (r.Max > 0 && r.Max < r.Min) {
		k.complain(at+".max", "is less than min, or one of them is negative", "a cap above the minimum")
	}
	k.tiers(at+".tiers", r.Tiers)
}

func (k *checker) tiers(at string, tiers []Tier) {
	if len(tiers) == 0 || len(tiers) > maxTiers {
		k.complain(at, fmt.Sprintf("are not from 1 to %d", maxTiers), "one tier for every amount")
		return
	}
	last := int64(0)
	for i, t := range tiers {
		one := fmt.Sprintf("%s[%d]", at, i)
		switch {
		case i == len(tiers)-1 && t.UpTo != 0:
			k.complain(one+".up_to", "leaves larger amounts without a price", "no up_to in the last tier")
		case i < len(tiers)-1 && t.UpTo <= last:
			k.complain(one+".up_to", "is not more than that of the tier before", "tiers in the order of their amounts")
		}
		if t.Parts < 0 || t.Parts > million || t.Fixed < 0 {
			k.complain(one, "is negative or more than the amount", "a rate from 0% to 100%")
		}
		last = t.UpTo
	}
}

// ratesMeet tells whether one booking could have two rates.
func ratesMeet(a, b *Rate) bool {
	charged := func(r *Rate) []recon.Kind {
		if len(r.Kinds) == 0 {
			return []recon.Kind{recon.KindPayment}
		}
		return r.Kinds
	}
	apart := (a.Until != NoDay && a.Until < b.From) || (b.Until != NoDay && b.Until < a.From)
	return a.Currency == b.Currency && a.Product == b.Product && !apart && kindsMeet(charged(a), charged(b))
}
