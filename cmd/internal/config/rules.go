package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/rules"
)

// Rules says what is not a break in the statements of a channel. docs/rules.md explains each key with an example.
type Rules struct {
	CutOff     TimeOfDay       `yaml:"cut_off" default:"00:00"` // the end of the channel's day, in its zone; before noon it lies on the next date
	Slack      time.Duration   `yaml:"slack" default:"0s" min:"0s" max:"6h"`
	First      Day             `yaml:"first"`   // nothing is carried into this day; none = the first that is known
	Product    string          `yaml:"product"` // column of the format that names the product
	Terms      []RuleTerm      `yaml:"terms"`
	Late       int             `yaml:"late_days" default:"0" min:"0" max:"366"` // after its break is found the other side of a booking is still looked for
	Tolerances []RuleTolerance `yaml:"tolerances"`
	Accounts   RuleAccounts    `yaml:"accounts"`
	Reversals  bool            `yaml:"reversals"`
	Refunds    bool            `yaml:"refunds"` // by the channel's refund id
	Split      *RuleSplit      `yaml:"split"`
	Settlement *RuleSettlement `yaml:"settlement"`
	Fees       *RuleFees       `yaml:"fees"`
	Net        *RuleSettlement `yaml:"net"`
	MaxLinked  int             `yaml:"max_linked" default:"200000" min:"1000" max:"10000000"`
}

// RuleTerm says how long a booking may be on its way: T+Days.
type RuleTerm struct {
	Kind     recon.Kind `yaml:"kind" oneof:"payment,refund,reversal,split,split-return,fee,settlement,chargeback"`
	Product  string     `yaml:"product"`
	Days     int        `yaml:"days" required:"true" min:"0" max:"366"`
	EveryDay bool       `yaml:"every_day"` // not only business days
}

// RuleTolerance lets small differences go, a row and a batch at most so much, until a day. None of the three has a default.
type RuleTolerance struct {
	Name     string       `yaml:"name" required:"true"`
	Field    recon.Field  `yaml:"field" default:"amount" oneof:"amount,fee"`
	Kinds    []recon.Kind `yaml:"kinds" oneof:"payment,refund,reversal,split,split-return,fee,settlement,chargeback"`
	Currency string       `yaml:"currency" default:"CNY"`
	Row      RuleAmount   `yaml:"row" required:"true"`
	Cap      RuleAmount   `yaml:"cap" required:"true"`
	Until    Day          `yaml:"until" required:"true"`
}

// RuleAccounts are accounts of the general ledger.
type RuleAccounts struct {
	Suspense string `yaml:"suspense" default:"suspense"`
	WriteOff string `yaml:"write_off" default:"write-off"`
}

// RuleSplit says how parts name the payment that they are of.
type RuleSplit struct {
	Ours  bool           `yaml:"ours"` // the parts are ours; else the channel's
	By    rules.Link     `yaml:"by" default:"order"`
	Whole rules.Link     `yaml:"whole" default:"key"`
	Fees  rules.FeePlace `yaml:"fees" default:"lines" oneof:"lines,fields"`
}

// RuleSettlement says how bookings name the settlement that pays them.
type RuleSettlement struct {
	By   rules.Link     `yaml:"by" required:"true"`
	Line rules.Link     `yaml:"line" default:"key"`
	Fees rules.FeePlace `yaml:"fees" default:"lines" oneof:"lines,fields"`
}

// RuleFees is the contract's schedule.
type RuleFees struct {
	Net   bool       `yaml:"net"` // the channel states amounts less the fee
	Rates []RuleRate `yaml:"rates" required:"true"`
}

// RuleRate is what bookings of some kinds cost from one day to another.
type RuleRate struct {
	Kinds    []recon.Kind   `yaml:"kinds" oneof:"payment,refund,reversal,split,split-return,fee,settlement,chargeback"`
	Product  string         `yaml:"product"`
	Currency string         `yaml:"currency" default:"CNY"`
	From     Day            `yaml:"from"`
	Until    Day            `yaml:"until"`
	Tiers    []RuleTier     `yaml:"tiers" required:"true"`
	Marginal bool           `yaml:"marginal"`
	Rounding rules.Rounding `yaml:"rounding" required:"true" oneof:"half-up,half-even,down,up"`
	Min      RuleAmount     `yaml:"min"`
	Max      RuleAmount     `yaml:"max"`
	Returned bool           `yaml:"returned"` // refunds bring their share back
}

// RuleTier is the price of amounts up to a limit.
type RuleTier struct {
	UpTo  RuleAmount `yaml:"up_to"` // none: of all larger amounts
	Rate  Rate       `yaml:"rate"`
	Fixed RuleAmount `yaml:"fixed"`
}

// Build gives the rules as the engine takes them, or nil and complaints below path. zone is that of the channel's days,
// calendar that of business days, and compared what the reconciliation compares.
func (r *Rules) Build(c *Checker, path string, zone *time.Location, calendar *rules.Calendar, compared entry.Compared) *rules.Config {
	b := ruleBuilder{c: c, path: path}
	cfg := &rules.Config{
		Compared: compared, Clock: rules.Clock{Zone: zone, Cut: time.Duration(r.CutOff), Slack: r.Slack}, Calendar: calendar, Late: r.Late, Product: r.Product,
		Accounts: rules.Accounts{Suspense: r.Accounts.Suspense, WriteOff: r.Accounts.WriteOff}, Reversals: r.Reversals, Refunds: r.Refunds, MaxLinked: r.MaxLinked,
	}
	for _, t := range r.Terms {
		cfg.Terms = append(cfg.Terms, rules.Term{Kind: t.Kind, Product: t.Product, Days: t.Days, Calendar: t.EveryDay})
	}
	for i := range r.Tolerances {
		cfg.Tolerances = append(cfg.Tolerances, b.tolerance(fmt.Sprintf("tolerances[%d]", i), &r.Tolerances[i]))
	}
	if s := r.Split; s != nil {
		cfg.Split = &rules.Split{Ours: s.Ours, By: s.By, Whole: s.Whole, Fees: s.Fees}
	}
	if s := r.Settlement; s != nil {
		cfg.Settlement = &rules.Settlement{By: s.By, Line: s.Line, Fees: s.Fees}
	}
	if n := r.Net; n != nil {
		cfg.Net = &rules.NetRule{By: n.By, Line: n.Line, Fees: n.Fees}
	}
	if f := r.Fees; f != nil {
		cfg.Fees = &rules.Fees{Net: f.Net}
		for i := range f.Rates {
			cfg.Fees.Schedule.Rates = append(cfg.Fees.Schedule.Rates, b.rate(fmt.Sprintf("fees.rates[%d]", i), &f.Rates[i]))
		}
	}
	b.day("first", r.First)
	b.check(cfg)
	if b.bad || c.Blamed(path) {
		return nil
	}
	return cfg
}

// ruleBuilder turns keys into values and knows where to complain.
type ruleBuilder struct {
	c    *Checker
	path string
	bad  bool
}

func (b *ruleBuilder) complain(field, what, try string) {
	b.bad = true
	b.c.Complain(child(b.path, field), what, try)
}

// check tells what the rules themselves say, at the keys that it is about.
func (b *ruleBuilder) check(cfg *rules.Config) {
	problems, _ := cfg.Check().(rules.Problems)
	for _, p := range problems {
		b.complain(p.Field, p.What, p.Try)
	}
}

// calendar reads a file of business days; nil where none is named. Complaints about it are told with its own lines.
func (c *Checker) calendar(field string, path Path) *rules.Calendar {
	if path == "" {
		return nil
	}
	data, err := readBounded(string(path))
	if err != nil {
		c.Complain(field, "cannot be read: "+bare(err), "a file of lines such as 2026-10-01 holiday")
		return &rules.Calendar{} // terms are not to blame
	}
	calendar, err := rules.ParseCalendar(string(path), data)
	if err == nil {
		return calendar
	}
	problems, _ := err.(rules.Problems)
	for _, p := range problems {
		c.problems = append(c.problems, Problem{File: p.File, Line: p.Line, Column: p.Column, Field: p.Field, What: p.What, Got: quoted(p.Got), Try: p.Try})
	}
	return &rules.Calendar{}
}

func quoted(text string) string {
	if text == "" {
		return ""
	}
	return clip(text)
}

func (b *ruleBuilder) tolerance(at string, t *RuleTolerance) rules.Tolerance {
	return rules.Tolerance{
		Name: t.Name, Field: t.Field, Kinds: t.Kinds, Until: b.day(at+".until", t.Until),
		Row: b.money(at+".row", t.Row, t.Currency), Cap: b.money(at+".cap", t.Cap, t.Currency),
	}
}

func (b *ruleBuilder) rate(at string, r *RuleRate) rules.Rate {
	rate := rules.Rate{
		Kinds: r.Kinds, Product: r.Product, Currency: recon.Currency(r.Currency), From: b.day(at+".from", r.From), Until: b.day(at+".until", r.Until),
		Marginal: r.Marginal, Rounding: r.Rounding, Returned: r.Returned,
		Min: b.money(at+".min", r.Min, r.Currency).Minor, Max: b.money(at+".max", r.Max, r.Currency).Minor,
	}
	for i, t := range r.Tiers {
		one := fmt.Sprintf("%s.tiers[%d]", at, i)
		rate.Tiers = append(rate.Tiers, rules.Tier{
			UpTo: b.money(one+".up_to", t.UpTo, r.Currency).Minor, Parts: int64(t.Rate), Fixed: b.money(one+".fixed", t.Fixed, r.Currency).Minor,
		})
	}
	return rate
}

// money reads an amount in major units; one that is left out is zero.
func (b *ruleBuilder) money(at string, a RuleAmount, currency string) recon.Money {
	if a == "" {
		return recon.Money{Currency: recon.Currency(currency)}
	}
	m, err := recon.ParseMajor(string(a), recon.Currency(currency))
	if err != nil {
		b.complain(at, "is no amount of "+currency, "an amount such as 0.02, with the decimals of the currency")
		return recon.Money{Currency: recon.Currency(currency)}
	}
	return m
}

func (b *ruleBuilder) day(at string, d Day) rules.Day {
	if d == "" {
		return rules.NoDay
	}
	day, err := rules.ParseDay(string(d))
	if err != nil {
		b.complain(at, "is not a day", "a day such as 2026-11-23")
	}
	return day
}

// RuleAmount is an amount of money in major units as it was written, "0.02". Its currency stands beside it.
type RuleAmount string

func (a *RuleAmount) parse(text string) *complaint {
	if _, err := recon.ParseDecimal(text, 9); err != nil || strings.HasPrefix(text, "-") || strings.HasPrefix(text, "+") {
		return &complaint{"is not an amount", "an amount without sign and unit, such as 0.02"}
	}
	*a = RuleAmount(text)
	return nil
}

// Rate is a share of an amount in parts of a million: "0.6%", "6‰" and "60bp" are 6000. Exact, and at most all of it.
type Rate int64

func (r *Rate) parse(text string) *complaint {
	const hint = "a rate such as 0.6%, 6‰ or 60bp"
	for _, unit := range []struct {
		suffix   string
		decimals int
	}{{"%", 4}, {"‰", 3}, {"bp", 2}} {
		digits, ok := strings.CutSuffix(text, unit.suffix)
		if !ok {
			continue
		}
		n, ok := scaled(strings.TrimSpace(digits), unit.decimals)
		switch {
		case !ok:
			return &complaint{"is not exact in parts of a million", hint}
		case n > 1_000_000:
			return &complaint{"is more than 100%", hint}
		}
		*r = Rate(n)
		return nil
	}
	return &complaint{"is not a rate with its unit", hint}
}

// TimeOfDay is a time after midnight, "23:00".
type TimeOfDay time.Duration

func (t *TimeOfDay) parse(text string) *complaint {
	hour, minute, ok := strings.Cut(text, ":")
	h, bad := strconv.Atoi(hour)
	m, worse := strconv.Atoi(minute)
	if !ok || len(hour) != 2 || len(minute) != 2 || bad != nil || worse != nil || h < 0 || h > 23 || m < 0 || m > 59 {
		return &complaint{"is not a time of a day", `a time such as "00:00" or "23:00"`}
	}
	*t = TimeOfDay(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute)
	return nil
}
