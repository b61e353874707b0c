package proxy

import (
	"strconv"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// judge gives the verdict of a shadow run: what broke is judged here, what answered by the comparer. What the guard saw
// in outgoing calls stands, however the run ended.
func (s *Sidecar) judge(pair *shadow.Pair) (shadow.Verdict, []shadow.Binding) {
	found, gaveUp := guardFindings(pair.ShadowCalls)
	if s.config.Copies {
		return unpaired(pair), nil
	}
	switch {
	case pair.Shadow.Failure != shadow.FailNone && gaveUp && len(found) == 0:
		return inconclusive(shadow.CauseGuard), nil
	case pair.Shadow.Failure != shadow.FailNone && gaveUp:
		return shadow.Verdict{Outcome: shadow.Mismatched, Mismatches: found}, nil
	}
	switch pair.Shadow.Failure {
	case shadow.FailNone:
		return s.compare(pair)
	case shadow.FailUnreachable:
		return dropped(shadow.ReasonUnreachable), nil
	case shadow.FailTimeout:
		if len(found) == 0 {
			return inconclusive(shadow.CauseTimeout), nil
		}
	}
	return shadow.Verdict{Outcome: shadow.Mismatched, Mismatches: append([]shadow.Mismatch{broken(pair)}, found...)}, nil
}

// unpaired is the verdict of a copy's run: the stable answer and the stable release's calls are not known here, so that
// only a run that broke can be judged.
func unpaired(pair *shadow.Pair) shadow.Verdict {
	switch pair.Shadow.Failure {
	case shadow.FailNone:
		return excluded(shadow.RuleUnpaired)
	case shadow.FailUnreachable:
		return dropped(shadow.ReasonUnreachable)
	case shadow.FailTimeout:
		return inconclusive(shadow.CauseTimeout)
	}
	m := broken(pair)
	m.Expected = "an answer"
	return shadow.Verdict{Outcome: shadow.Mismatched, Mismatches: []shadow.Mismatch{m}}
}

func (s *Sidecar) compare(pair *shadow.Pair) (shadow.Verdict, []shadow.Binding) {
	v, bindings := s.deps.Comparer.Compare(*pair)
	switch v.Outcome {
	case shadow.Match, shadow.Mismatched, shadow.Inconclusive:
		return v, bindings
	}
	return inconclusive(shadow.CauseInternal), nil
}

func broken(pair *shadow.Pair) shadow.Mismatch {
	return shadow.Mismatch{
		Place: shadow.InResponse, Name: pair.Route, Kind: shadow.KindError, Class: shadow.ClassPlain,
		Expected: strconv.Itoa(pair.Primary.Status), Actual: string(pair.Shadow.Failure),
	}
}

// guardFindings are what the guard found until it refused a call without finding fault with it: what the candidate did
// after that proves nothing.
func guardFindings(calls []shadow.Call) (found []shadow.Mismatch, gaveUp bool) {
	for _, call := range calls {
		if call.GivenUp() {
			return found, true
		}
		found = append(found, call.Mismatches...)
	}
	return found, false
}
