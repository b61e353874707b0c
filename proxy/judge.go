package proxy

import (
	"strconv"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// judge gives the verdict of a shadow run: what broke is judged here, what answered by the comparer. What the guard saw
// in outgoing calls stands, however the run ended.
func (s *Sidecar) judge(pair shadow.Pair) (shadow.Verdict, []shadow.Binding) {
	found := guardFindings(pair.ShadowCalls)
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

func (s *Sidecar) compare(pair shadow.Pair) (shadow.Verdict, []shadow.Binding) {
	v, bindings := s.deps.Comparer.Compare(pair)
	switch v.Outcome {
	case shadow.Match, shadow.Mismatched, shadow.Inconclusive:
		return v, bindings
	}
	return inconclusive(shadow.CauseInternal), nil
}

func broken(pair shadow.Pair) shadow.Mismatch {
	return shadow.Mismatch{
		Place: shadow.InResponse, Name: pair.Route, Kind: shadow.KindError, Class: shadow.ClassPlain,
		Expected: strconv.Itoa(pair.Primary.Status), Actual: string(pair.Shadow.Failure),
	}
}

func guardFindings(calls []shadow.Call) []shadow.Mismatch {
	var out []shadow.Mismatch
	for _, call := range calls {
		out = append(out, call.Mismatches...)
	}
	return out
}
