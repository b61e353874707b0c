package rules

import (
	"bytes"
	"fmt"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

// waiting is a record of a key that only one side has, carried in or of this day.
type waiting struct {
	record     *recon.Record
	occurrence int
	brk        recon.Break
	since      Day
	due        Day // NoDay: of this day
	told       Day
	taken      bool
}

// settle lets what is carried in under a key meet the other side's records: those that agree first, then the earliest with
// the earliest.
func (p *pass) settle() error {
	open := &p.open
	open[internal], open[channel] = open[internal][:0], open[channel][:0]
	for _, i := range p.now.items {
		open[i.Side] = append(open[i.Side], waiting{record: i.Record, occurrence: i.Occurrence, brk: missingOf(i.Side), since: i.Since, due: i.Due, told: i.Told})
	}
	for _, d := range p.now.differences {
		side, one := oneSided(d)
		if !one {
			if err := p.whole(d); err != nil {
				return err
			}
			continue
		}
		open[side] = append(open[side], waiting{record: d.Records[side], occurrence: d.Occurrence, brk: d.Break, since: p.run.day})
	}
	if err := p.agreeing(open); err != nil {
		return err
	}
	if err := p.differing(open); err != nil {
		return err
	}
	return p.left(open)
}

func oneSided(d *match.Difference) (side int, one bool) {
	w := row{records: [2]*recon.Record(d.Records)}
	return w.side()
}

// missingOf names the break of a record that only one side has.
func missingOf(side int) recon.Break {
	if side == internal {
		return recon.MissingAtChannel
	}
	return recon.MissingInternally
}

// agreeing joins the records that say the same.
func (p *pass) agreeing(open *[2][]waiting) error {
	if len(open[internal]) == 0 || len(open[channel]) == 0 {
		return nil
	}
	if len(open[internal]) == 1 && len(open[channel]) == 1 {
		return nil // differing joins them, whatever they say
	}
	theirs := map[string][]*waiting{}
	for i := range open[channel] {
		w := &open[channel][i]
		content := p.run.content(w.record)
		theirs[content] = append(theirs[content], w)
	}
	for i := range open[internal] {
		ours := &open[internal][i]
		content := p.run.content(ours.record)
		same := theirs[content]
		if len(same) == 0 {
			continue
		}
		theirs[content] = same[1:]
		if err := p.join(ours, same[0]); err != nil {
			return err
		}
	}
	return nil
}

// differing joins what is left in the order of days: the booking is one, and something about it differs.
func (p *pass) differing(open *[2][]waiting) error {
	at := 0
	for i := range open[internal] {
		ours := &open[internal][i]
		if ours.taken {
			continue
		}
		for at < len(open[channel]) && open[channel][at].taken {
			at++
		}
		if at == len(open[channel]) {
			return nil
		}
		if err := p.join(ours, &open[channel][at]); err != nil {
			return err
		}
	}
	return nil
}

// join gives the row of two records that belong together.
func (p *pass) join(ours, theirs *waiting) error {
	ours.taken, theirs.taken = true, true
	w := row{key: p.now.key, occurrence: theirs.occurrence, records: [2]*recon.Record{ours.record, theirs.record}, since: [2]Day{ours.since, theirs.since}, copies: [2]int{ours.occurrence, theirs.occurrence}, told: [2]Day{ours.told, theirs.told}, agrees: true}
	if ours.since > theirs.since {
		w.occurrence = ours.occurrence
	}
	if p.run.same(ours.record, theirs.record) {
		return p.give(w)
	}
	group := match.Group{Key: w.key, Occurrence: w.occurrence, Records: []*recon.Record{ours.record, theirs.record}}
	if d := match.Differ(p.run.cfg.Compared, group); d != nil {
		w.brk, w.fields, w.agrees = d.Break, d.Fields, false
	}
	return p.give(w)
}

// same tells whether two records say the same in what is compared.
func (r *run) same(a, b *recon.Record) bool {
	if a.Amount != b.Amount || a.Status != b.Status {
		return false
	}
	r.text = r.cfg.Compared.Texts(r.text[:0], a)
	r.other = r.cfg.Compared.Texts(r.other[:0], b)
	return bytes.Equal(r.text, r.other)
}

// left gives what no record of the other side was there for.
func (p *pass) left(open *[2][]waiting) error {
	for side := range open {
		for i := range open[side] {
			o := &open[side][i]
			if o.taken {
				continue
			}
			w := row{key: p.now.key, occurrence: o.occurrence, brk: o.brk, due: o.due}
			w.records[side], w.since[side], w.copies[side], w.told[side] = o.record, o.since, o.occurrence, o.told
			if err := p.give(w); err != nil {
				return err
			}
		}
	}
	return nil
}

// content is what is compared of a record, as canonical bytes.
func (r *run) content(record *recon.Record) string {
	r.text = fmt.Appendf(r.text[:0], "%d %s %s ", record.Amount.Minor, record.Amount.Currency, record.Status)
	r.text = r.cfg.Compared.Texts(r.text, record)
	return string(r.text)
}
