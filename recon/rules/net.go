package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
)

// maxNets bounds the settlements of a statement: an id that is another for each booking names no settlement.
const maxNets = maxList

// Net is what a settlement should pay, from the bookings that name it.
type Net struct {
	ID       string         `json:"id"`
	Currency recon.Currency `json:"currency"`
	Count    int64          `json:"count"`
	Gross    int64          `json:"gross"`   // minor units: payments and what came back from splits
	Refunds  int64          `json:"refunds"` // and reversals, chargebacks, splits
	Fees     int64          `json:"fees"`
	Since    Day            `json:"since"` // of the first statement with such a booking
	Due      Day            `json:"due"`   // the last day whose batch may bring the line
	State    NetState       `json:"state"`
	Line     *recon.Money   `json:"line,omitempty"` // the settlement's line, where there is one
}

// NetState says whether a settlement's line confirms its bookings.
type NetState string

// The states of a net.
const (
	NetOpen    NetState = "open"    // the line may still come, or more bookings
	NetSettled NetState = "settled" // the line is just the sum
	NetDiffers NetState = "differs" // there is a line, and it is another amount
	NetOverdue NetState = "overdue" // no line came in time
)

// Amount is what should be paid: gross less refunds and fees. It may be less than zero.
func (n *Net) Amount() recon.Money {
	return recon.Money{Minor: n.Gross - n.Refunds - n.Fees, Currency: n.Currency}
}

// String prints "S1: 100.00 gross - 1.00 refunds - 0.60 fees = 98.40 CNY".
func (n *Net) String() string {
	major := func(minor int64) string { return recon.Money{Minor: minor, Currency: n.Currency}.Major() }
	return fmt.Sprintf("%s: %s gross - %s refunds - %s fees = %s", n.ID, major(n.Gross), major(n.Refunds), major(n.Fees), n.Amount())
}

func (n *Net) encode(e *Encoder) {
	e.Text(n.ID)
	e.Text(string(n.Currency)) // no word: it is read without the items before it
	for _, number := range []int64{n.Count, n.Gross, n.Refunds, n.Fees, int64(n.Since), int64(n.Due)} {
		e.Number(number)
	}
}

func decodeNet(d *Decoder) Net {
	return Net{
		ID: d.Text(), Currency: recon.Currency(d.Text()), Count: d.Number(), Gross: d.Number(), Refunds: d.Number(), Fees: d.Number(),
		Since: Day(d.Number()), Due: Day(d.Number()), State: NetOpen,
	}
}

// add takes in a booking, or takes in another net of the same settlement.
func (n *Net) add(gross, refunds, fees, count int64) error {
	for _, part := range []struct {
		to *int64
		by int64
	}{{&n.Gross, gross}, {&n.Refunds, refunds}, {&n.Fees, fees}, {&n.Count, count}} {
		sum, err := recon.Money{Minor: *part.to, Currency: n.Currency}.Add(recon.Money{Minor: part.by, Currency: n.Currency})
		if err != nil {
			return fmt.Errorf("net of settlement %s: %w", n.ID, err)
		}
		*part.to = sum.Minor
	}
	return nil
}

type netKey struct {
	id       string
	currency recon.Currency
}

// Sheet adds up the bookings of a statement by the settlement that they name. Every record of the statement goes through
// Add, also those on which the sides agree.
type Sheet struct {
	rule    *NetRule
	nets    map[netKey]*Net
	unnamed int64
}

// NewSheet makes the sheet of a statement; nil where Config.Net is not asked for.
func (c *Config) NewSheet() *Sheet {
	if c.Net == nil {
		return nil
	}
	filled := c.withDefaults()
	return &Sheet{rule: filled.Net, nets: map[netKey]*Net{}}
}

// Unnamed is the number of bookings that name no settlement: they are in no net.
func (s *Sheet) Unnamed() int64 { return s.unnamed }

// Add takes in one record. Settlement lines and what did not succeed are no bookings.
func (s *Sheet) Add(r *recon.Record) error {
	if r.Key.Kind == recon.KindSettlement || r.Status != recon.StatusSuccess {
		return nil
	}
	id := s.rule.By.of(r)
	if id == "" {
		s.unnamed++
		return nil
	}
	key := netKey{id, r.Amount.Currency}
	if s.nets[key] == nil {
		if len(s.nets) >= maxNets {
			return fmt.Errorf("%s: more than %d settlements in one statement; try: another column than %q to name them", r.Origin, maxNets, s.rule.By)
		}
		s.nets[key] = &Net{ID: id, Currency: r.Amount.Currency}
	}
	gross, refunds, fees, err := partsOf(r, s.rule.Fees)
	if err != nil {
		return err
	}
	return s.nets[key].add(gross, refunds, fees, 1)
}

// partsOf says what one booking adds to a settlement.
func partsOf(r *recon.Record, place FeePlace) (gross, refunds, fees int64, err error) {
	switch {
	case r.Key.Kind == recon.KindFee:
		fees = r.Amount.Minor
	case r.Key.Kind.Direction() > 0:
		gross = r.Amount.Minor
	default:
		refunds = r.Amount.Minor
	}
	if place == FeeFields && r.Fee != nil {
		sum, err := recon.Money{Minor: fees, Currency: r.Amount.Currency}.Add(*r.Fee)
		if err != nil {
			return 0, 0, 0, fmt.Errorf("fee of %s: %w", r.Key, err)
		}
		fees = sum.Minor
	}
	return gross, refunds, fees, nil
}

// sums are the nets of this day and of earlier ones.
type sums map[netKey]*Net

// newSums puts what is carried in and this day's sheet together.
func (r *run) newSums(carried []Net) (sums, error) {
	all := sums{}
	for i := range carried {
		all[netKey{carried[i].ID, carried[i].Currency}] = &carried[i]
	}
	if r.in.Sheet == nil {
		return all, nil
	}
	for key, n := range r.in.Sheet.nets {
		have := all[key]
		if have == nil {
			due, err := r.cfg.due(&recon.Record{Key: recon.Key{Kind: recon.KindSettlement, ID: n.ID}}, r.day)
			if err != nil {
				return nil, err
			}
			have = &Net{ID: n.ID, Currency: n.Currency, Since: r.day, Due: due, State: NetOpen}
			all[key] = have
		}
		if err := have.add(n.Gross, n.Refunds, n.Fees, n.Count); err != nil {
			return nil, err
		}
	}
	if len(all) > maxNets {
		return nil, fmt.Errorf("%d settlements wait for their lines, at most %d", len(all), maxNets)
	}
	return all, nil
}

// line holds a settlement line that only one side has against the bookings that name it.
func (r *run) line(o *Outcome, record *recon.Record) {
	if r.cfg.Net == nil || record.Key.Kind != recon.KindSettlement || record.Status != recon.StatusSuccess {
		return
	}
	id := r.cfg.Net.Line.of(record)
	n := r.sums[netKey{id, record.Amount.Currency}]
	if id == "" || n == nil {
		return
	}
	o.Rule, o.Link, n.Line = RuleNet, id, &record.Amount
	switch {
	case n.State == NetSettled:
		o.Why = fmt.Sprintf("another line is settlement %s already", id)
	case n.Amount() == record.Amount:
		o.Fate, n.State = Explained, NetSettled
	default:
		n.State, o.Why = NetDiffers, fmt.Sprintf("the line is %s, %s", record.Amount, n)
	}
}

// rest says of every net what became of it, and gives those that are carried out.
func (r *run) rest() (all, carried []Net) {
	keys := slices.SortedFunc(maps.Keys(r.sums), func(a, b netKey) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.currency, b.currency))
	})
	for _, key := range keys {
		n := *r.sums[key]
		waits := n.State != NetSettled && n.Due > r.day
		if n.State == NetOpen && !waits {
			n.State = NetOverdue
		}
		all = append(all, n)
		if waits {
			carried = append(carried, n)
		}
	}
	return all, carried
}
