package rules

import (
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

// Fate is what becomes of a booking.
type Fate string

// The fates.
const (
	Settled   Fate = "settled"   // both sides have it, on different days, and agree
	Explained Fate = "explained" // a rule of the contract says why the sides differ
	Netted    Fate = "netted"    // a payment and its reversal, on one side: no money moved
	Tolerated Fate = "tolerated" // a small difference that was written off
	Carried   Fate = "carried"   // the other side may still have it on a later day
	Overdue   Fate = "overdue"   // an earlier day told its break; the other side may still come
	Broken    Fate = "break"     // nothing says why: somebody has to look
)

// Fates lists the fates in the order reports print them.
func Fates() []Fate { return []Fate{Settled, Explained, Netted, Tolerated, Carried, Overdue, Broken} }

// Rule names who decided: of a break, the rule that looked last and refused.
type Rule string

// The rules. A break that no rule is about has none.
const (
	RuleNone       Rule = ""
	RuleCarry      Rule = "carry"      // over the day cut, in either direction
	RuleTolerance  Rule = "tolerance"  // rounding
	RuleReversal   Rule = "reversal"   // a payment and what undoes it
	RuleRefund     Rule = "refund"     // refunds by the channel's refund id
	RuleSplit      Rule = "split"      // 1:N, the parts of a payment
	RuleSettlement Rule = "settlement" // N:1, the bookings of a settlement
	RuleFee        Rule = "fee"        // the contract's rates
	RuleNet        Rule = "net"        // a settlement line against the sums of a statement
)

// Rules lists the rules in the order reports print them.
func Rules() []Rule {
	return []Rule{RuleCarry, RuleTolerance, RuleReversal, RuleRefund, RuleSplit, RuleSettlement, RuleFee, RuleNet, RuleNone}
}

// The two sides, as match has them: ours first.
const (
	internal = 0
	channel  = 1
	sides    = 2
)

// Outcome is what became of one booking: of one side's record, or of both sides' records of one key.
type Outcome struct {
	Fate       Fate                `json:"fate"`
	Rule       Rule                `json:"rule,omitempty"`
	Break      recon.Break         `json:"break,omitempty"` // what it is, or would be without the rule; "" of a booking that is settled
	Key        recon.Key           `json:"key"`
	Occurrence int                 `json:"occurrence"` // as match numbered it on the later day
	Records    [2]*recon.Record    `json:"records"`    // internal and channel; nil = absent
	Since      [2]Day              `json:"since"`      // the day whose batch first had each record: which day settled which
	Copies     [2]int              `json:"copies"`     // each record's own Occurrence on the day of Since; 0 = absent
	Told       [2]Day              `json:"told"`       // the earlier day whose batch told the break of each record; "" = none did
	Fields     []match.FieldValues `json:"fields,omitempty"`
	Due        Day                 `json:"due,omitempty"`   // the last day whose batch may bring the other side
	Link       string              `json:"link,omitempty"`  // what names the other bookings it was held against: an order, refund or settlement
	Delta      *recon.Money        `json:"delta,omitempty"` // of what is tolerated: what the merchant gains by it, negative for a loss
	WriteOff   []Line              `json:"write_off,omitempty"`
	Why        string              `json:"why,omitempty"` // of what is broken or carried: what the rule found
}
