package response

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// fieldStatus names the status line in mismatches; no JSON member can be called so in a path.
const fieldStatus = ":status"

// Comparer judges pairs. It is safe for concurrent use; the pairs of one order must come in their order.
type Comparer struct {
	config  Config
	methods methods
	aliases *aliases
}

// New gives a comparer, or everything that is wrong with the configuration.
func New(config Config) (*Comparer, []error) {
	errs := config.check()
	known, err := readMethods(config.Descriptors)
	if err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, errs
	}
	config = config.withDefaults()
	return &Comparer{config: config, methods: known, aliases: newAliases(config.MaxOrders, config.MaxBindings)}, nil
}

// Compare gives the verdict of a pair and the generated ids it learned.
// A mismatch outweighs what could not be seen; what could not be seen outweighs a match.
func (c *Comparer) Compare(p shadow.Pair) (shadow.Verdict, []shadow.Binding) {
	w := &walk{config: c.config, methods: c.methods, aliases: c.aliases, route: p.Route, order: p.Order, place: shadow.InResponse}
	if cause := primaryCause(p.Primary.Failure); cause != "" {
		return shadow.Verdict{Outcome: shadow.Inconclusive, Cause: cause}, nil
	}
	gaveUp := w.guardFindings(p.ShadowCalls)
	switch {
	case p.Shadow.Failure == shadow.FailUnreachable && len(w.found) == 0:
		return shadow.Verdict{Outcome: shadow.Dropped, Cause: shadow.ReasonUnreachable}, nil
	case gaveUp:
		w.unseen = shadow.CauseGuard
	case p.Shadow.Failure == shadow.FailTimeout && len(w.found) == 0:
		w.unseen = shadow.CauseTimeout
	case p.Shadow.Failure != shadow.FailNone:
		w.brokeOff(&p)
	default:
		w.exchange(&p)
	}
	return w.verdict(), w.bindings
}

func primaryCause(f shadow.Failure) string {
	switch f {
	case shadow.FailNone:
		return ""
	case shadow.FailClientGone:
		return shadow.CauseClientGone
	}
	return shadow.CauseStableFailed
}

func (w *walk) verdict() shadow.Verdict {
	switch {
	case len(w.found) > 0:
		return shadow.Verdict{Outcome: shadow.Mismatched, Mismatches: w.found}
	case w.unseen != "":
		return shadow.Verdict{Outcome: shadow.Inconclusive, Cause: w.unseen}
	}
	return shadow.Verdict{Outcome: shadow.Match}
}

func (w *walk) brokeOff(p *shadow.Pair) {
	w.add("", shadow.KindError, shadow.ClassPlain, strconv.Itoa(p.Primary.Status), string(p.Shadow.Failure))
}

// exchange compares two whole answers and the calls behind them.
func (w *walk) exchange(p *shadow.Pair) {
	w.status(p.Primary.Status, p.Shadow.Status)
	if p.Shadow.Status < http.StatusInternalServerError {
		w.missingCalls(p)
	} else if p.Primary.Status < http.StatusInternalServerError {
		return // an error page has no fields to hold against an answer's: the error is the finding
	}
	media := mediaType(p.Primary.ResponseHeader)
	if isGRPC(media) && !w.outcomes(p) {
		return
	}
	w.headers(p.Primary.ResponseHeader, p.Shadow.ResponseHeader)
	w.bodies(&p.Primary, &p.Shadow, media)
}

func (w *walk) status(primary, shadowed int) {
	if primary == shadowed {
		return
	}
	kind := shadow.KindValue
	if shadowed >= http.StatusInternalServerError && primary < http.StatusInternalServerError {
		kind = shadow.KindError
	}
	w.add(fieldStatus, kind, shadow.ClassPlain, strconv.Itoa(primary), strconv.Itoa(shadowed))
}

// guardFindings takes over what the egress guard found, until it gave a call up: what the candidate did after that proves
// nothing. A field that its policy does not class has the class of its name.
func (w *walk) guardFindings(calls []shadow.Call) (gaveUp bool) {
	for _, call := range calls {
		if call.GivenUp() {
			return true
		}
		for _, m := range call.Mismatches {
			if m.Class == shadow.ClassPlain || m.Class == "" {
				m.Class = shadow.ClassOfName(m.Field)
			}
			m.Expected, m.Actual = clip(m.Expected, w.config.MaxValue), clip(m.Actual, w.config.MaxValue)
			w.keep(m)
		}
	}
	return false
}

// missingCalls finds money that the stable run moved and the candidate did not.
func (w *walk) missingCalls(p *shadow.Pair) {
	for _, call := range p.PrimaryCalls {
		made := slices.ContainsFunc(p.ShadowCalls, func(s shadow.Call) bool {
			return s.Operation == call.Operation && s.Ordinal == call.Ordinal
		})
		if call.Class != shadow.CallMoney || made {
			continue
		}
		w.keep(shadow.Mismatch{
			Place: shadow.InCall, Name: call.Operation, Kind: shadow.KindMissing, Class: shadow.ClassPlain, Call: call.Class,
			Expected: clip(call.Exchange.Method+" "+call.Exchange.URI, w.config.MaxValue), Actual: "no call",
		})
	}
}

func (w *walk) headers(primary, shadowed shadow.Header) {
	if primary.Get("Content-Type") != shadowed.Get("Content-Type") {
		if a, b := mediaType(primary), mediaType(shadowed); a != b {
			w.add("header.Content-Type", shadow.KindValue, shadow.ClassPlain, a, b)
		}
	}
	for _, name := range w.config.Headers {
		name = http.CanonicalHeaderKey(name)
		w.pairOf("header."+name, texts(primary[name]), texts(shadowed[name]))
	}
}
