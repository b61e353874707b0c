package shadow

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Place says in which pair a difference was found.
type Place string

// The places of mismatches.
const (
	InResponse Place = "response"
	InCall     Place = "call" // an outgoing channel request
	InRow      Place = "row"
	InRead     Place = "read" // what a SELECT of a database cutover gave
)

// FieldClass says what a compared field means; it decides how hard a difference weighs.
type FieldClass string

// The classes of fields. The first five can never be declared noise.
const (
	ClassMoney     FieldClass = "money"
	ClassCurrency  FieldClass = "currency"
	ClassOrder     FieldClass = "order"
	ClassAccount   FieldClass = "account"
	ClassDirection FieldClass = "direction"
	ClassAlias     FieldClass = "alias" // a generated id, compared modulo the learned mapping
	ClassNoise     FieldClass = "noise" // declared noise: not compared
	ClassPlain     FieldClass = "plain"
)

// Hard tells whether a difference in such a field stops a rollout by itself.
func (c FieldClass) Hard() bool {
	switch c {
	case ClassMoney, ClassCurrency, ClassOrder, ClassAccount, ClassDirection:
		return true
	}
	return false
}

// MismatchKind says what sort of difference it is.
type MismatchKind string

// The kinds of mismatches.
const (
	KindValue   MismatchKind = "value"
	KindMissing MismatchKind = "missing" // the shadow lacks it
	KindExtra   MismatchKind = "extra"   // only the shadow has it
	KindError   MismatchKind = "error"   // the shadow run broke: 5xx or reset where the primary run did not
)

// Mismatch is a difference in one field of a pair, or something only one side has.
type Mismatch struct {
	Place    Place        `json:"place"`
	Name     string       `json:"name"`  // route, operation or table
	Field    string       `json:"field"` // path inside it, for example "amount.total"; "" = the whole
	Kind     MismatchKind `json:"kind"`
	Class    FieldClass   `json:"class"`
	Expected string       `json:"expected"`
	Actual   string       `json:"actual"`
	Call     CallClass    `json:"call,omitempty"` // of InCall
}

// String prints "call refund amount.total: expected 29, actual 28".
func (m Mismatch) String() string {
	return fmt.Sprintf("%s %s %s: expected %s, actual %s", m.Place, m.Name, m.Field, m.Expected, m.Actual)
}

// Path is the field with its places in lists left out: "items.*.price" for "items.0.price". Rules name fields so.
func (m Mismatch) Path() string {
	steps := strings.Split(m.Field, ".")
	for i, step := range steps {
		if _, err := strconv.ParseUint(step, 10, 32); err == nil {
			steps[i] = "*"
		}
	}
	return strings.Join(steps, ".")
}

// Outcome is the bucket of the ledger a sampled request is in.
type Outcome string

// The buckets. Every sampled request is in exactly one.
const (
	Pending      Outcome = "pending"
	Match        Outcome = "match"
	Mismatched   Outcome = "mismatch"
	Inconclusive Outcome = "inconclusive"
	Dropped      Outcome = "dropped"
	Excluded     Outcome = "excluded"
)

// Outcomes lists the buckets in the order reports print them.
func Outcomes() []Outcome {
	return []Outcome{Pending, Match, Mismatched, Inconclusive, Dropped, Excluded}
}

// Causes of Inconclusive, reasons of Dropped, rules of Excluded: closed sets, so that they can be metric labels.
const (
	CauseOrder            = "order"             // a predecessor of the same key had not ended in time
	CauseTimeout          = "timeout"           // the shadow run gave no answer in time
	CauseTainted          = "tainted"           // something earlier about this order went wrong
	CauseTruncated        = "truncated"         // a body was longer than the capture limit
	CauseUnknownCommit    = "unknown-commit"    // a transaction's end is not known
	CauseUnclassified     = "unclassified"      // a tagged statement that could not be read
	CauseNondeterministic = "nondeterministic"  // a written value only the server knows
	CauseNoKey            = "no-key"            // a tagged transaction that no declared key binds to an order
	CauseNotInsert        = "not-insert"        // an update or delete where only inserts are captured
	CauseApply            = "apply"             // the shadow database did not take a write set
	CauseClientGone       = "client-gone"       // the client left before the stable answer was complete
	CauseStableFailed     = "stable-failed"     // the stable service gave no whole answer
	CauseNoChannelFile    = "no-channel-file"   // no final file covers the order
	CauseForeignWrite     = "foreign-write"     // an untagged transaction wrote rows of a gray order
	CauseUnkeyedTable     = "unkeyed-table"     // a written table without a declared key
	CauseGuard            = "guard"             // what the guard knows of the outgoing calls is not whole: gone, too long, out of reach
	CauseMembership       = "membership"        // a request of the order was left out, or may have been: where it came, nobody knew it was gray
	CauseServed           = "served"            // the candidate answered a request of the order: its shadow run does not have it
	CauseLost             = "lost"              // evidence was lost, nobody knows whose
	CauseInternal         = "internal"          // the sidecar's own shadow-side code broke (a recovered panic)
	ReasonQueueFull       = "queue-full"        //
	ReasonUnreachable     = "unreachable"       // the candidate took no connection
	ReasonShutdown        = "shutdown"          //
	ReasonRollback        = "rollback"          // the release was rolled back before the shadow run
	ReasonBodyTooLarge    = "body-too-large"    //
	RuleNotBornGray       = "not-born-gray"     // the order existed before it could be gray
	RuleRoute             = "route"             // the route is not mirrored by policy
	RuleNotRepeatable     = "upgrade-or-stream" // cannot be mirrored: protocol upgrade
	RuleUnpaired          = "unpaired"          // the copy of another proxy: nobody here saw the stable answer
)

// Verdict is the outcome of a Pair with what was found.
type Verdict struct {
	Outcome    Outcome    `json:"outcome"`
	Cause      string     `json:"cause,omitempty"` // of Inconclusive, Dropped and Excluded
	Mismatches []Mismatch `json:"mismatches,omitempty"`
}

// Taints tells whether everything later about the order is inconclusive: the shadow run did not run as the primary's did.
func (v Verdict) Taints() bool {
	if v.Outcome == Inconclusive || v.Outcome == Dropped {
		return true
	}
	for _, m := range v.Mismatches {
		if m.Kind == KindError {
			return true
		}
	}
	return false
}

// Binding is one learned pair of generated ids of an order: the primary's value and the shadow's.
type Binding struct {
	Column  string `json:"column"` // alias name from the policy, for example "payment_no"
	Primary string `json:"primary"`
	Shadow  string `json:"shadow"`
}

// Pair is the two sides of one tag, joined.
type Pair struct {
	Tag          Tag
	Order        string
	Route        string
	Primary      Exchange
	Shadow       Exchange
	PrimaryCalls []Call
	ShadowCalls  []Call
	Amount       *recon.Money // of the request, when the policy says where it is
}
