package rules

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

// run is the state of one Apply.
type run struct {
	day     Day
	cfg     Config
	in      In
	decided map[int64]decision
	found   seen             // of differences, as far as In.Found says
	kinds   seen             // of what is carried in
	first   *[2]match.Totals // what the first pass saw come in
	print   uint64           // of its rows
	caps    []CapUse         // of each tolerance
	late    [2]summed        // of each side: what is carried out although its break is told
	kept    int64            // of those, how many
	sums    sums
	carry   *carryWriter
	out     tally
	items   []Item // of one key, until they can be put in order
	text    []byte // scratch
	other   []byte
	outcome Outcome
}

func newRun(day Day, cfg *Config, in In) (*run, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if day == NoDay || in.Carry == nil {
		return nil, fmt.Errorf("apply rules: no day, or nobody who takes what is carried out")
	}
	r := &run{day: day, cfg: cfg.withDefaults(), in: in, found: found(in.Found), decided: map[int64]decision{}, out: newTally()}
	for _, t := range cfg.Tolerances {
		r.caps = append(r.caps, CapUse{Tolerance: t.Name, Used: recon.Money{Currency: t.Cap.Currency}, Cap: t.Cap})
	}
	return r, nil
}

func (r *run) run() (*Out, error) {
	nets, kinds, err := verify(r.in.Carried, r.in.Batch, r.day)
	if err != nil {
		return nil, err
	}
	r.kinds = kinds
	if r.sums, err = r.newSums(nets); err != nil {
		return nil, err
	}
	if err := r.link(); err != nil {
		return nil, err
	}
	r.carry = newCarryWriter(r.in.Carry, r.in.Batch, r.day)
	in, err := r.each(r.fate)
	if err != nil {
		return nil, err
	}
	if err := r.carryOut(); err != nil {
		return nil, err
	}
	return r.finish(in)
}

// finish asserts that nothing was lost, and says what was done.
func (r *run) finish(in [2]match.Totals) (*Out, error) {
	all, carried := r.rest()
	written, err := r.carry.end(carried)
	if err != nil {
		return nil, err
	}
	fates, err := r.out.list()
	if err != nil {
		return nil, err
	}
	out := &Out{Day: r.day, Batch: r.in.Batch, In: in, Fates: fates, Carried: written, Caps: r.caps, Nets: all, History: r.out.history()}
	for side := range out.Late {
		if out.Late[side], err = r.late[side].done(); err != nil {
			return nil, err
		}
	}
	if err := r.conserved(out); err != nil {
		return nil, err
	}
	r.cfg.Metrics.done(out)
	return out, nil
}

// fate decides one row, tells it, and keeps it where it is carried.
func (r *run) fate(w *row) error {
	o := &r.outcome
	*o = Outcome{Break: w.brk, Key: w.key, Occurrence: w.occurrence, Records: w.records, Since: w.since, Copies: w.copies, Told: w.told, Fields: w.fields}
	side, one := w.side()
	switch d, linked := r.decided[w.seq]; {
	case linked && d.fate != "":
		o.Fate, o.Rule, o.Link = d.fate, d.rule, d.link
	case w.agrees:
		o.Fate, o.Rule = Settled, RuleCarry
	case one:
		o.Rule, o.Link, o.Why = d.rule, d.link, d.why
		if err := r.alone(o, w, side); err != nil {
			return err
		}
	default:
		if err := r.differing(o); err != nil {
			return err
		}
	}
	if o.Fate == "" {
		o.Fate = Broken
	}
	if one {
		if err := r.keepAlone(o, w, side); err != nil {
			return err
		}
	}
	return r.tell(o)
}

// keepAlone carries out a booking that only one side has: until its term is over, and for some days after its break was told.
func (r *run) keepAlone(o *Outcome, w *row, side int) error {
	item := Item{Side: side, Occurrence: w.occurrence, Since: w.since[side], Due: o.Due, Record: w.records[side]}
	switch {
	case o.Fate == Carried:
		return r.keep(item)
	case o.Fate != Broken && o.Fate != Overdue || w.brk == recon.Duplicate:
		return nil
	}
	if item.Told = w.told[side]; item.Told == NoDay {
		item.Told = r.day
	}
	if r.day >= item.Told+Day(r.cfg.Late) {
		return nil // nobody waits for it any longer
	}
	r.kept++
	if err := r.late[side].add(item.Record); err != nil {
		return err
	}
	return r.keep(item)
}

// alone decides a booking that only one side has.
func (r *run) alone(o *Outcome, w *row, side int) error {
	r.line(o, w.records[side])
	if o.Fate != "" {
		return nil
	}
	if w.brk == recon.Duplicate {
		return nil // two against one is no matter of time
	}
	o.Due = w.due
	if o.Due == NoDay {
		var err error
		if o.Due, err = r.cfg.due(w.records[side], r.day); err != nil {
			return err
		}
	}
	switch {
	case w.told[side] != NoDay:
		o.Fate, o.Rule = Overdue, cmp.Or(o.Rule, RuleCarry)
	case o.Due > r.day:
		o.Fate, o.Rule = Carried, cmp.Or(o.Rule, RuleCarry)
	case o.Rule == RuleNone:
		o.Rule, o.Why = RuleCarry, fmt.Sprintf("expected by %s", o.Due)
	}
	return nil
}

// differing decides a booking that both sides have and that is not the same.
func (r *run) differing(o *Outcome) error {
	if err := r.fee(o); err != nil || o.Fate != "" {
		return err
	}
	return r.tolerate(o)
}

// fee explains a difference by the contract's rates: a fee that only the channel books, or an amount that is less the fee.
func (r *run) fee(o *Outcome) error {
	if r.cfg.Fees == nil || len(o.Fields) == 0 {
		return nil
	}
	ours, theirs := o.Records[internal], o.Records[channel]
	var fee, net bool
	for _, f := range o.Fields {
		switch f.Field {
		case recon.FieldFee:
			fee = true
		case recon.FieldAmount:
			net = true
		default:
			return nil
		}
	}
	if (net && !r.cfg.Fees.Net) || (!net && !fee) {
		return nil
	}
	due, known, err := r.cfg.Fees.Schedule.Fee(ours, r.cfg.productOf(theirs), r.feeDay(theirs))
	if err != nil || !known {
		return err
	}
	o.Rule = RuleFee
	switch {
	case theirs.Fee == nil:
		o.Why = fmt.Sprintf("the contract says %s, the channel states no fee", due)
	case *theirs.Fee != due:
		o.Why = fmt.Sprintf("the contract says %s, the channel charges %s", due, theirs.Fee)
	case ours.Fee != nil && *ours.Fee != due:
		o.Why = fmt.Sprintf("the contract says %s as the channel does, ours is %s", due, ours.Fee)
	case net && !isNet(ours, theirs):
		o.Why = fmt.Sprintf("%s less the fee of %s is not %s", ours.Amount, due, theirs.Amount)
	default:
		o.Fate = Explained
	}
	return nil
}

// isNet tells whether the channel's amount is ours less its fee; a refund's is less what comes back of it.
func isNet(ours, theirs *recon.Record) bool {
	fee := *theirs.Fee
	if ours.Key.Kind.Direction() > 0 {
		fee = fee.Neg()
	}
	net, err := ours.Amount.Add(fee)
	return err == nil && net == theirs.Amount
}

// feeDay is the day whose rates count for a record.
func (r *run) feeDay(record *recon.Record) Day {
	if at := timeOf(record); !at.IsZero() {
		return r.cfg.Clock.Day(at)
	}
	return r.day
}

func (r *run) tell(o *Outcome) error {
	if err := r.out.add(o, r.day); err != nil {
		return err
	}
	if r.in.Each == nil {
		return nil
	}
	return r.in.Each(o)
}

// keep takes an item that is carried out; those of one key are put in order before they are written.
func (r *run) keep(i Item) error {
	if len(r.items) > 0 && r.items[0].Record.Key != i.Record.Key {
		if err := r.carryOut(); err != nil {
			return err
		}
	}
	r.items = append(r.items, i)
	return nil
}

func (r *run) carryOut() error {
	slices.SortFunc(r.items, func(a, b Item) int { return a.compare(&b) })
	for i := range r.items {
		item := r.items[i] // the writer remembers it
		if err := r.carry.item(&item); err != nil {
			return err
		}
	}
	r.items = r.items[:0]
	return nil
}
