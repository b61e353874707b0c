package evidence

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

const clipAt = 300 // characters of a body that are printed

// Explain prints the whole chain of one order: exchanges, outgoing calls, statements, bookings with their rows and
// file lines, and the verdict. It tells only what is stored.
func Explain(w io.Writer, chain Chain, report *comparer.Report) error {
	p := &printer{w: w}
	p.line(0, "order %s", chain.Order)
	samples := p.samples(chain.Events)
	p.writeSets(chain.Events)
	p.bookings(chain.Bookings)
	p.verdict(chain, report)
	if samples == 0 && len(chain.Bookings) == 0 {
		p.line(1, "nothing is stored about this order: it was not sampled, or the number is mistyped")
	}
	return p.err
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(depth int, format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, strings.Repeat("  ", depth)+format+"\n", args...)
	}
}

// samples prints each request once, in its last known state.
func (p *printer) samples(events []shadow.Event) int {
	last, order := map[string]shadow.Evidence{}, []string{}
	for _, ev := range events {
		if ev.Evidence == nil {
			continue
		}
		if _, ok := last[ev.Evidence.Sample]; !ok {
			order = append(order, ev.Evidence.Sample)
		}
		last[ev.Evidence.Sample] = *ev.Evidence
	}
	for _, id := range order {
		p.sample(last[id])
	}
	return len(order)
}

func (p *printer) sample(e shadow.Evidence) {
	amount := ""
	if e.Amount != nil {
		amount = ", " + e.Amount.String()
	}
	p.line(1, "request %s (sample %s, release %s%s): %s", e.Route, e.Sample, e.Release, amount, verdictText(e.Verdict))
	for _, x := range []*shadow.Exchange{e.Primary, e.Shadow} {
		if x != nil {
			p.exchange(*x)
		}
	}
	for _, c := range e.Calls {
		p.line(2, "%s call %s #%d to the channel: %s, status %d", c.Exchange.Side, c.Operation, c.Ordinal, c.Fate, c.Exchange.Status)
		p.line(3, "%s %s %s", c.Exchange.Method, c.Exchange.URI, clip(c.Exchange.Request.Bytes))
	}
	for _, m := range e.Verdict.Mismatches {
		p.line(2, "differs: %s", m)
	}
	for _, b := range e.Bindings {
		p.line(2, "id %s: primary %s is shadow %s", b.Column, b.Primary, b.Shadow)
	}
}

func (p *printer) exchange(x shadow.Exchange) {
	end := fmt.Sprintf("status %d", x.Status)
	if x.Failure != shadow.FailNone {
		end = string(x.Failure)
	}
	p.line(2, "%s answered %s after %s", x.Side, end, x.Duration.Round(100*time.Microsecond))
	p.line(3, "%s %s %s", x.Method, x.URI, clip(x.Request.Bytes))
	if len(x.Response.Bytes) > 0 {
		p.line(3, "-> %s", clip(x.Response.Bytes))
	}
}

func (p *printer) writeSets(events []shadow.Event) {
	states := map[string]shadow.Apply{}
	for _, ev := range events {
		if a := ev.Apply; a != nil && (a.State != shadow.ApplyPending || states[a.WriteSet].State == "") {
			states[a.WriteSet] = *a
		}
	}
	for _, ev := range events {
		w := ev.WriteSet
		if w == nil {
			continue
		}
		state := ""
		if a, ok := states[w.ID]; ok {
			state = fmt.Sprintf("; to the shadow: %s %s", a.State, a.Cause)
		}
		p.line(1, "%s transaction, %s%s%s", w.Side, w.Outcome, because(w.Cause), strings.TrimRight(state, " "))
		for _, s := range w.Statements {
			p.line(2, "%s%s", strings.Join(strings.Fields(s.Text), " "), because(s.Cause))
			for _, r := range s.Rows {
				p.line(3, "%s", rowText(r))
			}
		}
	}
}

func (p *printer) bookings(bookings []comparer.Booking) {
	for _, b := range bookings {
		copyOf := ""
		if b.Copy > 1 {
			copyOf = fmt.Sprintf(" (copy %d)", b.Copy)
		}
		p.line(1, "booking %s%s: %s", b.Key, copyOf, b.Class)
		p.record("primary", b.Primary)
		p.record("shadow ", b.Shadow)
		p.record("channel", b.Channel)
	}
}

func (p *printer) record(side string, r *recon.Record) {
	if r == nil {
		p.line(2, "%s  absent", side)
		return
	}
	p.line(2, "%s  %s %s order %s  %s", side, r.Amount, r.Status, r.Order, r.Origin)
}

func (p *printer) verdict(chain Chain, report *comparer.Report) {
	if report == nil {
		p.line(1, "no judgement is stored yet")
		return
	}
	class := comparer.Unbooked
	for i, b := range chain.Bookings {
		if i == 0 {
			class = b.Class
		}
		class = recon.Worse(class, b.Class)
	}
	for _, n := range report.Orders {
		if n.Order == chain.Order {
			class = n.Class
			p.line(1, "%s %s %s: expected %s, actual %s", n.Place, n.Name, n.Field, n.Expected, n.Actual)
		}
	}
	p.line(1, "class of the order: %s; verdict of the run: %s", class, report.Verdict)
}

func verdictText(v shadow.Verdict) string {
	text := string(v.Outcome)
	if v.Cause != "" {
		text += "(" + v.Cause + ")"
	}
	return text
}

func because(cause string) string {
	if cause == "" {
		return ""
	}
	return " (" + cause + ")"
}

func rowText(r shadow.Row) string {
	parts := []string{}
	for i, c := range r.Columns {
		if i >= len(r.Values) {
			break
		}
		v := r.Values[i]
		switch {
		case v.Null:
			parts = append(parts, c+"=NULL")
		case v.Binary:
			parts = append(parts, fmt.Sprintf("%s=0x%x", c, v.Text))
		default:
			parts = append(parts, c+"="+v.Text)
		}
	}
	return strings.Join(parts, " ")
}

func clip(body []byte) string {
	text := strings.Join(strings.Fields(string(body)), " ")
	if runes := []rune(text); len(runes) > clipAt {
		text = string(slices.Concat(runes[:clipAt], []rune("…")))
	}
	return text
}
