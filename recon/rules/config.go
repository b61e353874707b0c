package rules

import (
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// Config is what the contract and the channel's habits say of one kind of statement. The zero value has no rule: what one
// side lacks is a break at once, and so is every difference.
type Config struct {
	Compared   entry.Compared // as in the reconciliation that found the differences
	Clock      Clock
	Calendar   *Calendar   // of business days; nil where no term counts them
	Terms      []Term      // how long a booking may be on its way; a kind that none is about has T+0
	Late       int         // days for which the other side of a break is still looked for once its term is over; 0 = not
	Product    string      // column of the channel's records that names the product, where terms or rates depend on it
	Tolerances []Tolerance // small differences that are written off
	Accounts   Accounts    // of write-offs
	Reversals  bool        // a payment and its reversal on one side cancel
	Refunds    bool        // refunds that only the channel's refund id joins
	Split      *Split      // 1:N
	Settlement *Settlement // N:1
	Fees       *Fees       // what the contract says of fees
	Net        *NetRule    // a settlement line against a whole statement
	MaxLinked  int         // bookings that name each other in memory at a time; default 200,000, about 200 MB
	Metrics    *Metrics    // nil: nothing is measured
}

// Links tells whether a rule holds bookings of different keys against each other: then differences are asked for again.
func (c *Config) Links() bool {
	return c.Reversals || c.Refunds || c.Split != nil || c.Settlement != nil
}

// Clock is a channel's day: it ends at Cut of its date in Zone. A cut-off before noon lies on the next date, so that 00:00 is
// the midnight that ends the day and 23:00 an hour before it.
type Clock struct {
	Zone  *time.Location // nil: UTC
	Cut   time.Duration  // after midnight, less than 24 hours
	Slack time.Duration  // clocks differ: a booking so shortly before the cut-off may be on the next day's statement
}

// Term says how long a booking may be on its way to the other side.
type Term struct {
	Kind     recon.Kind // "" = every kind that has no term of its own
	Product  string     // "" = every product that has no term of its own
	Days     int        // T+n: the last day whose batch may bring the other side, counted from the booking's own
	Calendar bool       // every day counts; else business days do
}

// Tolerance lets small differences of one currency go, until a day. Which rows: in the order of keys, while the cap lasts.
type Tolerance struct {
	Name  string       // shows in outcomes and on lines
	Field recon.Field  // FieldAmount or FieldFee: nothing else may differ
	Kinds []recon.Kind // none = every kind
	Row   recon.Money  // at most so much a row
	Cap   recon.Money  // and so much a batch, losses and gains alike
	Until Day          // the last day
}

// Accounts are the accounts of the general ledger that write-offs move money between.
type Accounts struct {
	Suspense string // default "suspense": where a channel's differences wait
	WriteOff string // default "write-off"
}

// Split says how the parts of a payment name the whole: one side books a payment, the other its parts. It is explained when
// parts, fee and rest add up to the whole.
type Split struct {
	Ours  bool     // the parts are ours and the channel has the whole; else the channel has the parts
	By    Link     // what a part calls the whole by. Default LinkOrder
	Whole Link     // what the whole calls itself by. Default LinkKey
	Fees  FeePlace // default FeeLines
}

// Settlement says how bookings name the settlement that they are paid out with: one side has one line of kind settlement,
// the other the bookings. It is explained when payments less refunds, reversals, splits and fees are the line.
type Settlement struct {
	By   Link     // what a booking calls the settlement by. Required: there is no guessing
	Line Link     // what the settlement's line says of itself. Default LinkKey
	Fees FeePlace // default FeeLines
}

// NetRule says how the bookings of a statement, whether they agree or not, add up to settlement lines.
type NetRule struct {
	By   Link     // what a booking calls the settlement by. Required
	Line Link     // what the settlement's line says of itself. Default LinkKey
	Fees FeePlace // default FeeLines
}

// FeePlace says where the fees of bookings are.
type FeePlace string

// The places of fees.
const (
	FeeLines  FeePlace = "lines"  // records of kind fee
	FeeFields FeePlace = "fields" // the fee of each record; records of kind fee count too
)

// Fees is the contract's schedule, and what it explains.
type Fees struct {
	Schedule Schedule
	Net      bool // the channel states amounts less the fee
}

// defaultMaxLinked bounds memory: a held booking takes about a kilobyte.
const defaultMaxLinked = 200_000

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	if c.Clock.Zone == nil {
		c.Clock.Zone = time.UTC
	}
	if c.Accounts.Suspense == "" {
		c.Accounts.Suspense = "suspense"
	}
	if c.Accounts.WriteOff == "" {
		c.Accounts.WriteOff = "write-off"
	}
	if c.MaxLinked == 0 {
		c.MaxLinked = defaultMaxLinked
	}
	if c.Split != nil {
		c.Split = &Split{Ours: c.Split.Ours, By: c.Split.By.or(LinkOrder), Whole: c.Split.Whole.or(LinkKey), Fees: c.Split.Fees.orLines()}
	}
	if c.Settlement != nil {
		c.Settlement = &Settlement{By: c.Settlement.By, Line: c.Settlement.Line.or(LinkKey), Fees: c.Settlement.Fees.orLines()}
	}
	if c.Net != nil {
		c.Net = &NetRule{By: c.Net.By, Line: c.Net.Line.or(LinkKey), Fees: c.Net.Fees.orLines()}
	}
	return c
}

func (p FeePlace) orLines() FeePlace {
	if p == "" {
		return FeeLines
	}
	return p
}
