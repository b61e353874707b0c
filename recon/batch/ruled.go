package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/rules"
	"github.com/seed-3356bd69/touchstone/recon/rules/replay"
	"github.com/seed-3356bd69/touchstone/recon/scan"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Ruled is what the rules made of a batch's differences and of what the day before carried out.
type Ruled struct {
	From      string             `json:"from,omitempty"`       // batch whose bookings were carried in; "" = the first day
	CarriedIn string             `json:"carried_in,omitempty"` // their digest
	Carried   rules.CarriedOut   `json:"carried"`              // its bytes are in the archive, by their digest
	Late      *LateTotals        `json:"late,omitempty"`       // of what is carried beside the fate carried: its break is told
	Fates     []FateTotals       `json:"fates,omitempty"`
	Caps      []rules.CapUse     `json:"caps,omitempty"`
	Nets      []rules.Net        `json:"nets,omitempty"`
	History   []rules.DaySettled `json:"history,omitempty"` // how many records of which earlier day came to an end
}

// LateTotals is what is carried out although its break was told: the other side may still come.
type LateTotals struct {
	Books   []match.Total `json:"books,omitempty"`
	Channel []match.Total `json:"channel,omitempty"`
}

// FateTotals is what had one fate by one rule, in number and in money of each side.
type FateTotals struct {
	Fate    rules.Fate    `json:"fate"`
	Rule    rules.Rule    `json:"rule,omitempty"`
	Break   recon.Break   `json:"break,omitempty"`
	Count   int64         `json:"count"`
	Books   []match.Total `json:"books,omitempty"`
	Channel []match.Total `json:"channel,omitempty"`
}

// Of is how many bookings had a fate.
func (r *Ruled) Of(fate rules.Fate) (n int64) {
	for i := range r.Fates {
		if r.Fates[i].Fate == fate {
			n += r.Fates[i].Count
		}
	}
	return n
}

// String prints ", settled 2, tolerated 1, carried 3", without what there is none of.
func (r *Ruled) String() (text string) {
	for _, fate := range rules.Fates() {
		if n := r.Of(fate); n > 0 && fate != rules.Broken {
			text += fmt.Sprintf(", %s %d", fate, n)
		}
	}
	return text
}

// keptDifferences is how many bytes of differences are kept in memory until the rules have gone through them.
const keptDifferences = 64 << 20

// ruled reconciles, and lets the rules say what is no break. wrong is what makes the file unusable as a whole.
func (c *claim) ruled(ctx context.Context, b *Batch) (out *Result, wrong, err error) {
	kept := replay.New(keptDifferences, c.r.Temp)
	defer func() { err = errors.Join(err, kept.Close()) }()
	result, wrong, err := c.reconcile(ctx, b, kept.Add)
	if wrong != nil || err != nil {
		return nil, wrong, err
	}
	c.meter.enter("rules", 0, nil)
	from, err := c.carrier(ctx)
	if err != nil {
		return nil, nil, err
	}
	did, found, err := c.apply(ctx, b, from, kept, result)
	if err != nil {
		return nil, nil, err
	}
	out = newResult(result, found)
	if out.Rules = newRuled(from, did); out.found() != kept.Count() {
		return nil, nil, fmt.Errorf("conservation broken: batch %s has %d differences, %d went through the rules", b.ID, out.found(), kept.Count())
	}
	return out, nil, conserved(b, from, did, result)
}

// apply goes through the differences by the rules, stores what is broken, written off and settled, and archives what is
// carried out. found is how many findings were stored.
func (c *claim) apply(ctx context.Context, b, from *Batch, kept *replay.Differences, result *match.Result) (did *rules.Out, found int64, err error) {
	day, err := rules.ParseDay(c.s.Day)
	if err != nil {
		return nil, 0, fmt.Errorf("read day of statement: %w", err)
	}
	sums, err := c.sums(ctx, b)
	if err != nil {
		return nil, 0, err
	}
	carry, err := c.r.Archive.receive()
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, carry.drop()) }()
	told := c.newOutcomes(b, day)
	did, err = rules.Apply(day, c.p.Rules, rules.In{
		Batch: rules.Batch{Channel: c.s.Channel, Account: c.s.Account, Kind: c.s.Kind}, Differences: kept.All(), Found: result.Breaks, Carried: c.r.Archive.carried(from), Sheet: sums,
		Each: func(o *rules.Outcome) error { return told.take(ctx, o) }, Carry: carry,
	})
	if err != nil {
		return nil, 0, fmt.Errorf("apply rules: %w", err)
	}
	if err := told.flush(ctx); err != nil {
		return nil, 0, err
	}
	if carry.sum() != did.Carried.Digest {
		return nil, 0, fmt.Errorf("archive what %s carries out: its SHA-256 is %s, not %s", b.ID, carry.sum(), did.Carried.Digest)
	}
	return did, told.found.count, carry.keep()
}

// carried gives what a batch carried out to the next day.
func (a Archive) carried(from *Batch) rules.CarriedIn {
	digest := carriedOut(from)
	if digest == "" {
		return rules.CarriedIn{}
	}
	return rules.CarriedIn{Digest: digest, Open: func() (io.ReadCloser, error) { return os.Open(a.Path(digest)) }}
}

// carriedOut is the digest of what a batch carried out; "" where there is no batch, or none with rules.
func carriedOut(b *Batch) string {
	if b == nil || b.Result == nil || b.Result.Rules == nil {
		return ""
	}
	return b.Result.Rules.Carried.Digest
}

// sums adds up the statement's bookings by settlement, where a rule asks for it: the file is read once more then.
func (c *claim) sums(ctx context.Context, b *Batch) (sums *rules.Sheet, err error) {
	if sums = c.p.Rules.NewSheet(); sums == nil {
		return nil, nil
	}
	side, err := c.channel(ctx, b, scan.Options{Hasher: entry.NewHasher(entry.NewSecret()), Compared: c.p.Compared, Workers: 1, Spool: c.r.Temp, Date: c.s.Day})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, side.Close()) }()
	for record, err := range side.Records(ctx, nil) {
		if _, unreadable := errors.AsType[recon.Reject](err); unreadable {
			continue // counted and bounded where the sides were joined
		}
		if err == nil {
			err = sums.Add(&record)
		}
		if err != nil {
			return nil, fmt.Errorf("sum up settlements of %s: %w", b.File.Name, err)
		}
	}
	return sums, nil
}

// outcomes stores what became of differences.
type outcomes struct {
	p       *Profile
	day     rules.Day
	found   sink[Finding]
	written sink[WriteOff]
	ended   sink[Settlement]
}

func (c *claim) newOutcomes(b *Batch, day rules.Day) *outcomes {
	return &outcomes{
		p: c.p, day: day, found: c.findingSink(b),
		written: sink[WriteOff]{claim: c, what: "write-offs of " + b.ID, rows: func(_ context.Context, page []WriteOff) (store.Rows, error) { return writeOffRows(b.ID, page) }},
		ended: sink[Settlement]{claim: c, what: "settlements of " + b.ID, rows: func(ctx context.Context, page []Settlement) (store.Rows, error) {
			return c.settlementRows(ctx, b.ID, page)
		}},
	}
}

func (o *outcomes) take(ctx context.Context, x *rules.Outcome) error {
	if len(x.WriteOff) > 0 {
		if err := o.written.take(ctx, WriteOff{x.WriteOff[0].Entry, x.WriteOff}); err != nil {
			return err
		}
	}
	switch x.Fate {
	case rules.Carried, rules.Overdue:
		return nil
	case rules.Broken:
		f, err := o.finding(x)
		if err != nil {
			return err
		}
		return errors.Join(o.found.take(ctx, f), o.end(ctx, x, func(side int) bool { return x.Told[side] != rules.NoDay }))
	}
	return o.end(ctx, x, func(side int) bool { return x.Since[side] < o.day })
}

// end notes which records of earlier days an outcome brings to an end: of each of them a day may have told a break, whose
// case ends with it. Where the sides differ after all it goes on as the case of that difference.
func (o *outcomes) end(ctx context.Context, x *rules.Outcome, ends func(side int) bool) error {
	for side, missing := range []recon.Break{recon.MissingAtChannel, recon.MissingInternally} {
		if x.Records[side] == nil || !ends(side) {
			continue
		}
		if err := o.ended.take(ctx, Settlement{Key: x.Key, Occurrence: x.Copies[side], Since: x.Since[side].String(), Told: x.Told[side].String(), Break: missing, Fate: x.Fate}); err != nil {
			return err
		}
	}
	return nil
}

func (o *outcomes) flush(ctx context.Context) error {
	return errors.Join(o.found.flush(ctx), o.written.flush(ctx), o.ended.flush(ctx))
}

// finding is a break that the rules let stand.
func (o *outcomes) finding(x *rules.Outcome) (Finding, error) {
	f := Finding{
		Key: x.Key, Occurrence: x.Occurrence, Break: x.Break, Ruling: Ruling{Rule: x.Rule, Why: x.Why},
		Difference: match.Difference{Break: x.Break, Group: match.Group{Key: x.Key, Occurrence: x.Occurrence, Records: []*recon.Record{x.Records[0], x.Records[1]}}, Fields: x.Fields},
	}
	since := o.day
	for side, missing := range []recon.Break{recon.MissingAtChannel, recon.MissingInternally} {
		if x.Records[side] != nil {
			since = min(since, x.Since[side])
		}
		if x.Told[side] != rules.NoDay && f.Why == "" {
			f.Why = fmt.Sprintf("was %s on %s, and came late", missing, x.Told[side])
		}
	}
	if since < o.day {
		f.Since = since.String()
	}
	if x.Due == rules.NoDay {
		return f, nil
	}
	due, err := time.Parse(time.DateOnly, x.Due.String())
	if err != nil {
		return f, fmt.Errorf("due day of %s: %w", x.Key, err)
	}
	f.Expected = o.p.hour(due, o.p.Due)
	return f, nil
}

func newRuled(from *Batch, did *rules.Out) *Ruled {
	out := &Ruled{CarriedIn: carriedOut(from), Carried: did.Carried, Caps: did.Caps, Nets: did.Nets, History: did.History}
	if out.CarriedIn != "" {
		out.From = from.ID
	}
	if late := (LateTotals{did.Late[0].Rows(), did.Late[1].Rows()}); len(late.Books)+len(late.Channel) > 0 {
		out.Late = &late
	}
	for _, f := range did.Fates {
		out.Fates = append(out.Fates, FateTotals{f.Fate, f.Rule, f.Break, f.Count, f.Sides[0].Rows(), f.Sides[1].Rows()})
	}
	return out
}

// conserved asserts that what went through the rules is what the sides differ in and what the day before carried out, on
// each side, in number and in money. That all of it has a fate is what rules.Apply asserts.
func conserved(b, from *Batch, did *rules.Out, result *match.Result) error {
	for side := range did.In {
		var want match.Totals
		for _, t := range result.Breaks {
			if err := want.Merge(t.Sides[side]); err != nil {
				return err
			}
		}
		for _, t := range carriedTotals(from, side) {
			if err := want.AddTotal(t); err != nil {
				return err
			}
		}
		if !want.Equal(did.In[side]) {
			return fmt.Errorf("conservation broken: batch %s, side %d: differences and what is carried in are %s, the rules had %s", b.ID, side, want, did.In[side])
		}
	}
	return nil
}

// carriedTotals are the totals of what a batch carried out of one side.
func carriedTotals(b *Batch, side int) (all []match.Total) {
	if carriedOut(b) == "" {
		return nil
	}
	for i := range b.Result.Rules.Fates {
		switch f := &b.Result.Rules.Fates[i]; {
		case f.Fate != rules.Carried:
		case side == 0:
			all = append(all, f.Books...)
		default:
			all = append(all, f.Channel...)
		}
	}
	switch late := b.Result.Rules.Late; {
	case late == nil:
	case side == 0:
		all = append(all, late.Books...)
	default:
		all = append(all, late.Channel...)
	}
	return all
}
