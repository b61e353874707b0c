package rules

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

// The plan of a simulated stretch of days: every record that a side books, and what must become of it. It knows what was
// planted, and works it out with lists of days and by hand, without a line of the rules.

// planted is one record of one side.
type planted struct {
	record *recon.Record
	side   int
	day    Day // whose batch has it
	class  string
	fate   Fate // "" = the sides agree on the day, nothing is to be told
	end    Day  // the day on which it has this fate; before it is carried
}

type plan struct {
	random   *rand.Rand
	days     []Day
	business []Day // well beyond the days
	all      []*planted
	n        int
}

const simulatedDays = 12

// rowLimit is the tolerance of the simulated contract, in fen.
const rowLimit = 2

func simHolidays() string {
	return "covers 2026-11-01 2027-02-28\n2026-11-26 holiday Thursday\n2026-11-28 workday Saturday\n"
}

func newPlan(seed uint64) *plan {
	p := &plan{random: rand.New(rand.NewPCG(seed, 7))}
	for day := monday; day < monday+90; day++ {
		free := day.Weekday() == time.Saturday || day.Weekday() == time.Sunday || day == monday+3
		if !free || day == monday+5 {
			p.business = append(p.business, day)
		}
	}
	for i := range simulatedDays {
		p.days = append(p.days, monday+Day(i))
	}
	return p
}

// due is the last day for a kind: the next business day for payments, the third for refunds, two days for all else.
func (p *plan) due(kind recon.Kind, day Day) Day {
	later := slices.IndexFunc(p.business, func(b Day) bool { return b > day })
	switch kind {
	case recon.KindPayment:
		return p.business[later]
	case recon.KindRefund:
		return p.business[later+2]
	}
	return day + 2
}

func (p *plan) last() Day { return p.days[len(p.days)-1] }

// put plants a record that ends on a day with a fate; what would end beyond the stretch is carried out of it.
func (p *plan) put(class string, side int, day Day, record *recon.Record, fate Fate, end Day) *planted {
	if day > p.last() {
		return nil // never seen
	}
	r := *record
	r.Origin.Row = fmt.Sprintf("%s %d", class, len(p.all))
	one := &planted{record: &r, side: side, day: day, class: class, fate: fate, end: end}
	if fate != "" && end > p.last() {
		one.fate, one.end = Carried, p.last()
	}
	p.all = append(p.all, one)
	return one
}

// never plants a record that nothing comes for.
func (p *plan) never(class string, side int, day Day, record *recon.Record) {
	p.put(class, side, day, record, Broken, p.due(record.Key.Kind, day))
}

func (p *plan) id() string {
	p.n++
	return fmt.Sprintf("%06d", p.random.IntN(1000)*1000+p.n%1000) + fmt.Sprint("-", p.n)
}

func (p *plan) day() Day   { return p.days[p.random.IntN(len(p.days))] }
func (p *plan) fen() int64 { return 1000 + p.random.Int64N(1_000_000) }

// within gives a day from a first to a last one.
func (p *plan) within(first, last Day) Day { return first + Day(p.random.IntN(int(last-first)+1)) }

// lateFile is the day whose file comes with the next day's.
const lateFile = 4

func (p *plan) plant(n int) {
	kinds := []func(){
		p.agrees, p.agrees, p.agrees, p.late, p.late, p.tooLate, p.lost, p.rounded, p.rounded, p.rounded, p.roundedLate, p.wrongAmount, p.wrongStatus, p.twice,
		p.reversed, p.reversedWrongly, p.refunded, p.splitUp, p.splitShort, p.paidOut, p.paidOutShort,
	}
	for range n {
		kinds[p.random.IntN(len(kinds))]()
	}
}

func (p *plan) agrees() {
	day, r := p.day(), payment(p.id(), p.fen())
	if day == p.days[lateFile] {
		p.put("late file", internal, day, r, Settled, day+1)
		p.put("late file", channel, day+1, r, Settled, day+1)
		return
	}
	p.put("agrees", internal, day, r, "", day)
	p.put("agrees", channel, day, r, "", day)
}

func (p *plan) late() {
	day, side := p.day(), p.random.IntN(sides)
	r := payment(p.id(), p.fen())
	if p.random.IntN(3) == 0 {
		r = refund(p.id(), p.fen())
	}
	other := p.within(day+1, p.due(r.Key.Kind, day))
	p.put("late", side, day, r, Settled, other)
	p.put("late", 1-side, other, r, Settled, other)
}

// tooLate plants what comes when its booking is broken already: two breaks.
func (p *plan) tooLate() {
	day, side := p.day(), p.random.IntN(sides)
	r := payment(p.id(), p.fen())
	p.never("too late", side, day, r)
	p.never("too late", 1-side, p.due(recon.KindPayment, day)+1, r)
}

func (p *plan) lost() {
	kinds := []recon.Kind{recon.KindPayment, recon.KindRefund, recon.KindSplit}
	p.never("lost", p.random.IntN(sides), p.day(), booking(kinds[p.random.IntN(3)], p.id(), p.fen()))
}

// off is a difference of rounding: mostly within the tolerance.
func (p *plan) off() int64 {
	size := 1 + p.random.Int64N(rowLimit)
	if p.random.IntN(40) == 0 {
		size = rowLimit + 1 + p.random.Int64N(5)
	}
	if p.random.IntN(2) == 0 {
		return -size
	}
	return size
}

func (p *plan) roundedFrom(class string, day, other Day) {
	id, fen := p.id(), p.fen()
	off := p.off()
	fate := Tolerated // as long as the cap lasts: see caps
	if max(off, -off) > rowLimit {
		fate = Broken
	}
	p.put(class, internal, day, payment(id, fen), fate, other)
	p.put(class, channel, other, payment(id, fen+off), fate, other)
}

func (p *plan) rounded() {
	day := p.day()
	p.roundedFrom("rounding", day, day)
}

func (p *plan) roundedLate() {
	day := p.day()
	p.roundedFrom("rounding", day, p.within(day+1, p.due(recon.KindPayment, day)))
}

func (p *plan) wrongAmount() {
	day, id, fen := p.day(), p.id(), p.fen()
	p.put("wrong amount", internal, day, payment(id, fen), Broken, day)
	p.put("wrong amount", channel, day, payment(id, fen+100+p.random.Int64N(100)), Broken, day)
}

func (p *plan) wrongStatus() {
	day, id, fen := p.day(), p.id(), p.fen()
	p.put("wrong status", internal, day, payment(id, fen), Broken, day)
	p.put("wrong status", channel, day, payment(id, fen, status(recon.StatusFailed)), Broken, day)
}

func (p *plan) twice() {
	day, side, r := p.day(), p.random.IntN(sides), payment(p.id(), p.fen())
	p.put("twice", side, day, r, "", day)
	p.put("twice", 1-side, day, r, "", day)
	p.put("twice", side, day, r, Broken, day)
}

func (p *plan) reversed() {
	day, side, id, fen := p.day(), p.random.IntN(sides), p.id(), p.fen()
	back := p.within(day, p.due(recon.KindPayment, day))
	p.put("reversed", side, day, payment(id, fen), Netted, back)
	p.put("reversed", side, back, reversal("V"+id, fen, order("O"+id)), Netted, back)
}

func (p *plan) reversedWrongly() {
	day, side, id, fen := p.day(), p.random.IntN(sides), p.id(), p.fen()
	p.never("reversed wrongly", side, day, payment(id, fen))
	p.never("reversed wrongly", side, day, reversal("V"+id, fen-1, order("O"+id)))
}

// refunded plants two partial refunds of one order; the channel knows one by its own id alone.
func (p *plan) refunded() {
	day, id, fen := p.day(), p.id(), p.fen()
	other := p.within(day, p.due(recon.KindRefund, day))
	p.put("refunded", internal, day, refund("R"+id, fen, order(id), txn("T"+id)), Explained, other)
	p.put("refunded", channel, other, refund("0"+id, fen, order(id), txn("T"+id)), Explained, other)
	p.never("refunded", internal, day, refund("Q"+id, fen, order(id), txn("U"+id)))
}

func (p *plan) splitUp() {
	day, id, fen := p.day(), p.id(), p.fen()
	other := p.within(day, day+1)
	p.put("split", internal, day, payment(id, fen, order(id)), Explained, other)
	p.put("split", channel, day, booking(recon.KindSplit, "S"+id, fen/3, order(id)), Explained, other)
	p.put("split", channel, other, booking(recon.KindSplit, "U"+id, fen-fen/3-fen/100, order(id)), Explained, other)
	p.put("split", channel, other, booking(recon.KindFee, "F"+id, fen/100, order(id)), Explained, other)
}

func (p *plan) splitShort() {
	day, id, fen := p.day(), p.id(), p.fen()
	p.never("split short", internal, day, payment(id, fen, order(id)))
	p.never("split short", channel, day, booking(recon.KindSplit, "S"+id, fen-1, order(id)))
}

func (p *plan) paidOut() {
	day, id, fen := p.day(), p.id(), p.fen()
	other, of := p.within(day, day+1), further("settlement", "S"+id)
	for i := range int64(3) {
		p.put("paid out", internal, day, payment(fmt.Sprint(id, "-", i), fen+i, of), Explained, other)
	}
	p.put("paid out", internal, day, refund("R"+id, 500, of), Explained, other)
	p.put("paid out", channel, other, booking(recon.KindSettlement, "S"+id, 3*fen+3-500), Explained, other)
}

func (p *plan) paidOutShort() {
	day, id, fen := p.day(), p.id(), p.fen()
	p.never("paid out short", internal, day, payment(id, fen, further("settlement", "S"+id)))
	p.never("paid out short", channel, day, booking(recon.KindSettlement, "S"+id, fen-1))
}

// caps works out which rounded rows find the cap spent: day by day, in the order of keys.
func (p *plan) caps(limit int64) {
	byEnd := map[Day][]*planted{}
	theirs := map[string]int64{}
	for _, one := range p.all {
		if one.class == "rounding" && one.side == channel {
			theirs[one.record.Key.ID] = one.record.Amount.Minor
		}
	}
	for _, one := range p.all {
		if one.fate == Tolerated && one.side == internal {
			byEnd[one.end] = append(byEnd[one.end], one)
		}
	}
	broken := map[string]bool{}
	for _, rows := range byEnd {
		slices.SortFunc(rows, func(a, b *planted) int { return strings.Compare(a.record.Key.ID, b.record.Key.ID) })
		left := limit
		for _, one := range rows {
			off := one.record.Amount.Minor - theirs[one.record.Key.ID]
			if off = max(off, -off); off > left {
				broken[one.record.Key.ID] = true
				continue
			}
			left -= off
		}
	}
	for _, one := range p.all {
		if one.fate == Tolerated && broken[one.record.Key.ID] {
			one.fate = Broken
		}
	}
}

// bookedOn gives what each side books on a day, in any order.
func (p *plan) bookedOn(day Day) (records [2][]recon.Record) {
	for _, i := range p.random.Perm(len(p.all)) {
		if one := p.all[i]; one.day == day {
			records[one.side] = append(records[one.side], *one.record)
		}
	}
	return records
}

// named gives the differences of a join, named as match names them.
func named(cfg *Config, groups []match.Group) []*match.Difference {
	var out []*match.Difference
	for i, g := range groups {
		d := match.Differ(cfg.Compared, g)
		if d == nil {
			continue
		}
		if g.Occurrence > 1 && slices.Contains(g.Records, nil) && !slices.Contains(groups[i-g.Occurrence+1].Records, nil) {
			d.Break = recon.Duplicate
		}
		out = append(out, d)
	}
	return out
}
