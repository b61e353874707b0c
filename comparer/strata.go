package comparer

import (
	"cmp"
	"maps"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// Check is a kind of comparison.
type Check string

// The kinds of checks.
const (
	CheckResponse Check = "response"
	CheckCall     Check = "call" // outgoing channel requests
	CheckRows     Check = "rows" // of the databases, column by column, and what orders add to shared rows
	CheckBooks    Check = "books"
)

// StratumKey names a part of the evidence. What does not apply to a check is empty.
type StratumKey struct {
	Check     Check  `json:"check"`
	Route     string `json:"route,omitempty"`     // of response and call
	Channel   string `json:"channel,omitempty"`   // of books
	Operation string `json:"operation,omitempty"` // of call: its name, "" = all of the route; of books: the kind of booking
}

// String prints "books wechat refund".
func (k StratumKey) String() string {
	out := string(k.Check)
	for _, part := range []string{k.Route, k.Channel, k.Operation} {
		if part != "" {
			out += " " + part
		}
	}
	return out
}

// Compare orders strata by check, route, channel, operation.
func (k StratumKey) Compare(o StratumKey) int {
	return cmp.Or(cmp.Compare(k.Check, o.Check), cmp.Compare(k.Route, o.Route), cmp.Compare(k.Channel, o.Channel), cmp.Compare(k.Operation, o.Operation))
}

// Stratum is one part of the evidence, so that rare operations are not drowned by frequent ones. Orders are what is
// counted: the pairs of one order are not independent. Each order is in one of Judged, Inconclusive and Pending.
type Stratum struct {
	StratumKey
	Pairs        int           `json:"pairs"`  // requests, calls or bookings that were compared
	Judged       int           `json:"judged"` // orders
	Bad          int           `json:"bad"`    // of them, orders with a difference that is the candidate's
	Fix          int           `json:"fix"`    // of them, orders in which the candidate corrects the stable release
	Inconclusive int           `json:"inconclusive"`
	Pending      int           `json:"pending"`
	Merchants    int           `json:"merchants"`         // accounts of the judged orders, as their bookings name them
	AtRisk       []recon.Money `json:"at_risk,omitempty"` // amounts of the bad orders, by currency
	Clusters     []Cluster     `json:"clusters,omitempty"`
}

const (
	maxStrata          = 120 // what is beyond them is weighed together, a check
	maxStratumClusters = 10
)

// inStratum is what a stratum knows of one order.
type inStratum struct {
	clean, bad, inconclusive bool
	amount                   *recon.Money
}

type stratum struct {
	pairs  int
	orders map[string]*inStratum
}

// sorting puts the evidence into its strata.
type sorting struct {
	w  *weighing
	at map[StratumKey]*stratum
}

func (w *weighing) strata(l *Ledger, j *Judgement) []Stratum {
	s := sorting{w: w, at: map[StratumKey]*stratum{}}
	for _, id := range slices.Sorted(maps.Keys(l.samples)) {
		s.sample(l, l.samples[id])
	}
	for _, b := range w.bookings {
		s.booking(b)
	}
	for _, id := range slices.Sorted(maps.Keys(w.population)) {
		s.rows(w.population[id])
	}
	merchants := merchantsOf(w.bookings)
	out := make([]Stratum, 0, len(s.at))
	for _, key := range slices.SortedFunc(maps.Keys(s.at), StratumKey.Compare) {
		out = append(out, s.stratum(key, j, merchants))
	}
	return out
}

// order gives a stratum's entry of an order, and counts one pair.
func (s sorting) order(key StratumKey, id string) *inStratum {
	if s.at[key] == nil && len(s.at) >= maxStrata {
		key = StratumKey{Check: key.Check, Operation: overflow().Name}
	}
	if s.at[key] == nil {
		s.at[key] = &stratum{orders: map[string]*inStratum{}}
	}
	at := s.at[key]
	at.pairs++
	if at.orders[id] == nil {
		at.orders[id] = &inStratum{}
	}
	return at.orders[id]
}

// sample counts a request, and the calls that it made, as the ledger does.
func (s sorting) sample(l *Ledger, m *sample) {
	e := m.evidence
	outcome, _ := l.bucket(m)
	if _, gray := s.w.population[e.Order]; !gray || outcome == shadow.Excluded || outcome == shadow.Pending {
		return
	}
	inCall := map[string]bool{}
	inResponse := false
	for _, d := range e.Verdict.Mismatches {
		if d.Place == shadow.InCall {
			inCall[d.Name] = true
		} else {
			inResponse = true
		}
	}
	s.order(StratumKey{Check: CheckResponse, Route: e.Route}, e.Order).count(outcome, inResponse, e.Amount)
	s.order(StratumKey{Check: CheckCall, Route: e.Route}, e.Order).count(outcome, len(inCall) > 0, e.Amount)
	for _, operation := range e.Operations { // one that only the candidate calls has no clean orders to be held against
		s.order(StratumKey{Check: CheckCall, Route: e.Route, Operation: operation}, e.Order).count(outcome, inCall[operation], e.Amount)
	}
}

func (o *inStratum) count(outcome shadow.Outcome, bad bool, amount *recon.Money) {
	switch outcome {
	case shadow.Match:
		o.clean = true
	case shadow.Mismatched:
		o.clean, o.bad = o.clean || !bad, o.bad || bad
	default:
		o.inconclusive = true
	}
	if amount != nil && (o.amount == nil || o.amount.Minor < amount.Minor) {
		o.amount = amount
	}
}

func (s sorting) booking(b Booking) {
	if _, gray := s.w.population[b.Order]; !gray {
		return
	}
	record := cmp.Or(b.Primary, b.Shadow, b.Channel)
	o := s.order(StratumKey{Check: CheckBooks, Channel: cmp.Or(record.Channel, s.w.scope.Channel), Operation: string(b.Key.Kind)}, b.Order)
	switch b.Class {
	case Inconclusive:
		o.count(shadow.Inconclusive, false, &record.Amount)
	case Regression, Conflict:
		o.count(shadow.Mismatched, true, &record.Amount)
	default:
		o.count(shadow.Match, false, &record.Amount)
	}
}

// rows counts what was found in an order's rows, once an order.
func (s sorting) rows(o Order) {
	found, compared := s.w.scope.Rows[o.ID]
	switch {
	case o.Taint != "" || (!compared && len(o.Data) == 0):
	case len(found.Mismatches)+len(o.Data) > 0:
		s.order(StratumKey{Check: CheckRows}, o.ID).count(shadow.Mismatched, true, nil)
	case found.Cause != "":
		s.order(StratumKey{Check: CheckRows}, o.ID).count(shadow.Inconclusive, false, nil)
	default:
		s.order(StratumKey{Check: CheckRows}, o.ID).count(shadow.Match, false, nil)
	}
}

func (s sorting) stratum(key StratumKey, j *Judgement, merchants map[string]string) Stratum {
	out := Stratum{StratumKey: key, Pairs: s.at[key].pairs, Clusters: clustersOf(key, j.Clusters)}
	accounts, risk := map[string]bool{}, map[recon.Currency]int64{}
	for id, o := range s.at[key].orders {
		fix := s.w.orders[id].Class == Fix
		switch {
		case o.bad && !fix:
			out.Judged++
			out.Bad++
			if o.amount != nil {
				risk[o.amount.Currency] += o.amount.Minor
			}
		case o.inconclusive:
			out.Inconclusive++
			continue
		case s.w.pending[id]:
			out.Pending++
			continue
		default:
			out.Judged++
		}
		if fix {
			out.Fix++
		}
		if account := merchants[id]; account != "" {
			accounts[account] = true
		}
	}
	out.Merchants = len(accounts)
	for _, currency := range slices.Sorted(maps.Keys(risk)) {
		out.AtRisk = append(out.AtRisk, recon.Money{Minor: risk[currency], Currency: currency})
	}
	return out
}

func merchantsOf(bookings []Booking) map[string]string {
	out := map[string]string{}
	for _, b := range bookings {
		if r := cmp.Or(b.Primary, b.Channel, b.Shadow); out[b.Order] == "" {
			out[b.Order] = r.Account
		}
	}
	return out
}

// clustersOf picks the differences of requests that belong to a stratum.
func clustersOf(key StratumKey, all []Cluster) []Cluster {
	var out []Cluster
	for _, c := range all {
		fits := key.Check == CheckResponse && c.Place != shadow.InCall || key.Check == CheckCall && c.Place == shadow.InCall && (key.Operation == "" || c.Name == key.Operation)
		if fits && c.Route == key.Route && len(out) < maxStratumClusters {
			out = append(out, c)
		}
	}
	return out
}
