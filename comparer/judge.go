package comparer

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// JudgedOrder is one order of the population with the worst class of its records.
type JudgedOrder struct {
	ID         string            `json:"order"`
	Class      Class             `json:"class"`
	Cause      string            `json:"cause,omitempty"` // of Inconclusive
	Records    int               `json:"records"`         // bookings, over all sides
	Mismatches []shadow.Mismatch `json:"mismatches,omitempty"`
}

// SideTotals are the control totals of one side.
type SideTotals struct {
	Side     string                  `json:"side"`
	In       []match.Total           `json:"in"`
	Rejected int                     `json:"rejected"`
	ByClass  map[Class][]match.Total `json:"by_class"`
	Outside  []match.Total           `json:"outside"` // of orders that are not gray
}

// Judgement is what the evidence says, before any policy weighs it.
type Judgement struct {
	Counts   Counts
	Classes  map[Class]int // orders
	Orders   []JudgedOrder // by id
	Findings []Finding     // of orders that could be judged, by order, key and field
	Bookings []Booking     // of the judged orders, by key
	Clusters []Cluster     // the differences of requests, by what they have in common
	Strata   []Stratum     // the evidence in parts that are weighed by themselves
	Pending  int           // orders about which there may be more to hear; they are of class Inconclusive
	Sides    []SideTotals
	Rejects  []recon.Reject
}

// Scope says what a judgement covers.
type Scope struct {
	Channel      string          // its name
	ChannelFinal bool            // a final file covers the run: a booking that it lacks is missing
	Rows         map[string]Rows // by order: what its rows say; nil = they were not compared
	Since        time.Time       // orders of which there was word before are no evidence; zero = all are
	Settled      time.Time       // orders of which there was word after it are pending; zero = the run is over, none is
	Only         string          // judge this order alone; "" = all
	Abandoned    time.Time       // orders that still run without a word since then are Inconclusive, and no longer pending
}

// pending tells whether there may be more to hear about an order, so that its sides need not agree yet.
func (s Scope) pending(o Order) bool {
	switch {
	case s.Settled.IsZero():
		return false
	case o.Last.After(s.Settled):
		return true
	}
	return o.Running && o.Last.After(s.Abandoned)
}

// earlier tells whether an order was there before the evidence that counts.
func (s Scope) earlier(o Order) bool { return !s.Since.IsZero() && o.First.Before(s.Since) }

// Rows is what comparing an order's rows column by column found.
type Rows struct {
	Mismatches []shadow.Mismatch
	Cause      string // why nothing conclusive can be said; "" = everything was compared
}

// Judge holds the three sides of a join (primary, shadow, channel, in this order) against the population of the ledger.
func Judge(l *Ledger, joined *match.Joined, scope Scope) (*Judgement, error) {
	if len(joined.Sides) != sideCount {
		return nil, fmt.Errorf("judge needs %d sides, got %d", sideCount, len(joined.Sides))
	}
	orders := l.Orders()
	w := &weighing{
		scope: scope, ids: newBijection(orders), population: map[string]Order{}, before: map[string]bool{}, pending: map[string]bool{},
		orders: map[string]*JudgedOrder{}, outside: make([]match.Totals, sideCount),
		byClass: make([]map[Class]*match.Totals, sideCount),
	}
	for i := range w.byClass {
		w.byClass[i] = map[Class]*match.Totals{}
	}
	for _, o := range orders {
		switch {
		case !o.BornGray || (scope.Only != "" && scope.Only != o.ID):
		case scope.earlier(o):
			w.before[o.ID] = true
		default:
			w.admit(o)
		}
	}
	for _, g := range joined.Groups {
		if err := w.group(g); err != nil {
			return nil, err
		}
	}
	w.finish()
	if err := w.conserved(joined); err != nil {
		return nil, err
	}
	return w.judgement(l, joined), nil
}

// weighing is the state of one Judge call.
type weighing struct {
	scope      Scope
	ids        *bijection
	population map[string]Order
	before     map[string]bool // gray orders that are no evidence any more
	pending    map[string]bool
	orders     map[string]*JudgedOrder
	findings   []Finding
	bookings   []Booking
	outside    []match.Totals
	byClass    []map[Class]*match.Totals
	surplus    map[match.Bucket]int64 // primary minus shadow, over everything that is not in agreement
}

// admit takes an order into the population. One that still runs when nobody waits for it any more is tainted.
func (w *weighing) admit(o Order) {
	switch {
	case w.scope.pending(o):
		w.pending[o.ID] = true
		if o.Taint == "" || o.Taint == shadow.CauseApply {
			o.Taint = string(shadow.Pending)
		}
	case !w.scope.Settled.IsZero() && o.Running && o.Taint == "":
		o.Taint = shadow.CauseLost
	}
	w.population[o.ID] = o
}

func (w *weighing) group(g match.Group) error {
	id, gray := w.orderOf(g)
	if !gray && (g.Records[atShadow] == nil || w.before[id]) {
		return w.addOutside(g)
	}
	var class Class
	var findings []Finding
	switch {
	case !gray:
		class, findings = Regression, []Finding{strayFinding(g, id)}
	case w.population[id].Taint != "":
		class = Inconclusive
	default:
		class, findings = judgeGroup(g, id, w.ids, w.scope.ChannelFinal)
	}
	o := w.order(id)
	o.Records++
	o.Class = recon.Worse(o.Class, class)
	if class == Inconclusive && o.Class == Agree {
		o.Class, o.Cause = Inconclusive, shadow.CauseNoChannelFile
	}
	w.findings = append(w.findings, findings...)
	w.bookings = append(w.bookings, Booking{
		Order: id, Key: g.Key, Copy: g.Occurrence, Class: class,
		Primary: g.Records[atPrimary], Shadow: g.Records[atShadow], Channel: g.Records[atChannel],
	})
	return w.addClass(class, g)
}

// orderOf gives the order a booking counts for: the first of primary, channel, shadow that is in the population, else one
// that was gray before.
func (w *weighing) orderOf(g match.Group) (string, bool) {
	first := ""
	for _, i := range []int{atPrimary, atChannel, atShadow} {
		r := g.Records[i]
		if r == nil {
			continue
		}
		if _, ok := w.population[r.Order]; ok {
			return r.Order, true
		}
		if first == "" || w.before[r.Order] {
			first = r.Order
		}
	}
	return first, false
}

// strayFinding is a shadow booking of an order that was never gray.
func strayFinding(g match.Group, order string) Finding {
	f := newFinding(g, order, Regression, recon.FieldPresence, presence(g))
	f.Expected, f.Actual = "absent (the order is not gray)", g.Records[atShadow].Amount.Major()
	return f
}

func (w *weighing) order(id string) *JudgedOrder {
	if w.orders[id] == nil {
		o := &JudgedOrder{ID: id, Class: Agree, Mismatches: w.population[id].Mismatches}
		if taint := w.population[id].Taint; taint != "" {
			o.Class, o.Cause = Inconclusive, taint
		}
		w.orders[id] = o
	}
	return w.orders[id]
}

// finish gives a class to the gray orders that no side has a booking of.
func (w *weighing) finish() {
	for id := range w.population {
		o := w.order(id)
		if o.Records == 0 && o.Class == Agree {
			o.Class = Unbooked
		}
		if w.population[id].Taint == "" {
			o.rows(Rows{Mismatches: w.population[id].Data})
			o.rows(w.scope.Rows[id])
		}
	}
}

// rows takes in what an order's rows say beside its bookings.
func (o *JudgedOrder) rows(found Rows) {
	switch {
	case len(found.Mismatches) > 0:
		o.Mismatches = slices.Concat(o.Mismatches, found.Mismatches)
		o.Class, o.Cause = recon.Worse(o.Class, Regression), ""
	case found.Cause != "" && o.Class.Rank() == 0:
		o.Class, o.Cause = Inconclusive, found.Cause
	}
}

func (w *weighing) addOutside(g match.Group) error {
	w.addSurplus(g)
	for i, r := range g.Records {
		if r != nil {
			if err := w.outside[i].Add(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *weighing) addClass(class Class, g match.Group) error {
	if class != Agree {
		w.addSurplus(g)
	}
	for i, r := range g.Records {
		if r == nil {
			continue
		}
		if w.byClass[i][class] == nil {
			w.byClass[i][class] = &match.Totals{}
		}
		if err := w.byClass[i][class].Add(r); err != nil {
			return err
		}
	}
	return nil
}

func (w *weighing) addSurplus(g match.Group) {
	if w.surplus == nil {
		w.surplus = map[match.Bucket]int64{}
	}
	if p := g.Records[atPrimary]; p != nil {
		w.surplus[match.Bucket{Kind: p.Key.Kind, Currency: p.Amount.Currency}] += p.Amount.Minor
	}
	if s := g.Records[atShadow]; s != nil {
		w.surplus[match.Bucket{Kind: s.Key.Kind, Currency: s.Amount.Currency}] -= s.Amount.Minor
	}
}

// conserved asserts two things on every run: each side's input is the sum of its classes, in number and in money;
// and primary minus shadow is the signed sum of what is not in agreement.
func (w *weighing) conserved(joined *match.Joined) error {
	for i, name := range joined.Sides {
		var out match.Totals
		if err := out.Merge(w.outside[i]); err != nil {
			return err
		}
		for _, t := range w.byClass[i] {
			if err := out.Merge(*t); err != nil {
				return err
			}
		}
		if !out.Equal(joined.In[i]) {
			return fmt.Errorf("conservation broken on side %s: in %s, classed %s", name, joined.In[i], out)
		}
	}
	difference := map[match.Bucket]int64{}
	for _, t := range joined.In[atPrimary].Rows() {
		difference[match.Bucket{Kind: t.Kind, Currency: t.Currency}] += t.Minor
	}
	for _, t := range joined.In[atShadow].Rows() {
		difference[match.Bucket{Kind: t.Kind, Currency: t.Currency}] -= t.Minor
	}
	for b, d := range difference {
		if w.surplus[b] != d {
			return fmt.Errorf("conservation broken: primary minus shadow is %d %s of %s, the differences found add up to %d", d, b.Currency, b.Kind, w.surplus[b])
		}
	}
	return nil
}

func (w *weighing) judgement(l *Ledger, joined *match.Joined) *Judgement {
	out := &Judgement{Counts: l.Counts(), Classes: map[Class]int{}, Findings: w.findings, Bookings: w.bookings, Clusters: l.Clusters(), Pending: len(w.pending)}
	for _, c := range Classes() {
		out.Classes[c] = 0
	}
	for _, id := range slices.Sorted(maps.Keys(w.orders)) {
		out.Classes[w.orders[id].Class]++
		out.Orders = append(out.Orders, *w.orders[id])
	}
	slices.SortStableFunc(out.Findings, func(a, b Finding) int {
		if a.Order != b.Order {
			if a.Order < b.Order {
				return -1
			}
			return 1
		}
		return a.Key.Compare(b.Key)
	})
	for i, name := range joined.Sides {
		side := SideTotals{Side: name, In: joined.In[i].Rows(), Rejected: len(joined.Rejects[i]), Outside: w.outside[i].Rows(), ByClass: map[Class][]match.Total{}}
		for class, t := range w.byClass[i] {
			side.ByClass[class] = t.Rows()
		}
		out.Sides = append(out.Sides, side)
		out.Rejects = append(out.Rejects, joined.Rejects[i]...)
	}
	out.Strata = w.strata(l, out)
	return out
}
