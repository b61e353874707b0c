package bus

import (
	"strconv"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

const lineSize = 512 // bytes of an evidence line, roughly

// appendLine writes an evidence line without exchanges, calls and mismatches, as nearly all are, byte for byte as
// encoding/json does and in a fraction of its time. False = it is for encoding/json.
func appendLine(b []byte, e shadow.Event) ([]byte, bool) {
	v := e.Evidence
	if v == nil || e.WriteSet != nil || e.Apply != nil || e.Tally != nil || e.Taint != nil || e.Read != nil ||
		v.Primary != nil || v.Shadow != nil || len(v.Calls) > 0 || len(v.Bindings) > 0 || len(v.Verdict.Mismatches) > 0 {
		return nil, false
	}
	for _, text := range []string{e.ID, string(e.Kind), e.Instance, v.Sample, v.Release, v.Order, v.Route, string(v.Verdict.Outcome), v.Verdict.Cause, v.TraceID} {
		if !isPlain(text) {
			return nil, false
		}
	}
	if v.Amount != nil && !isPlain(string(v.Amount.Currency)) {
		return nil, false
	}
	for _, operation := range v.Operations {
		if !isPlain(operation) {
			return nil, false
		}
	}
	b = appendText(append(b, '{'), "id", e.ID)
	b = appendText(append(b, ','), "kind", string(e.Kind))
	b = appendText(append(b, ','), "instance", e.Instance)
	b, ok := appendTime(append(b, ','), "time", e.Time)
	b = appendText(append(b, `,"evidence":{`...), "sample", v.Sample)
	b = appendText(append(b, ','), "release", v.Release)
	b = appendText(append(b, ','), "order", v.Order)
	b = appendText(append(b, ','), "route", v.Route)
	if v.Amount != nil {
		b = strconv.AppendInt(append(b, `,"amount":{"minor":`...), v.Amount.Minor, 10)
		b = append(appendText(append(b, ','), "currency", string(v.Amount.Currency)), '}')
	}
	if v.Creates {
		b = append(b, `,"creates":true`...)
	}
	b = appendText(append(b, `,"verdict":{`...), "outcome", string(v.Verdict.Outcome))
	if v.Verdict.Cause != "" {
		b = appendText(append(b, ','), "cause", v.Verdict.Cause)
	}
	b = append(b, '}')
	if v.TraceID != "" {
		b = appendText(append(b, ','), "trace_id", v.TraceID)
	}
	if v.Ran != nil {
		var fine bool
		b, fine = appendTime(append(b, ','), "ran", *v.Ran)
		ok = ok && fine
	}
	for i, operation := range v.Operations {
		between := `","`
		if i == 0 {
			between = `,"operations":["`
		}
		b = append(append(b, between...), operation...)
	}
	if len(v.Operations) > 0 {
		b = append(b, `"]`...)
	}
	return append(b, "}}"...), ok
}

// isPlain tells whether a text stands in JSON as it is.
func isPlain(text string) bool {
	for i := range len(text) {
		if !plainByte[text[i]] {
			return false
		}
	}
	return true
}

// plainByte tells the bytes that stand in JSON as they are.
var plainByte = plainBytes()

func plainBytes() (table [256]bool) {
	for b := ' '; b <= '~'; b++ {
		table[b] = !strings.ContainsRune(`"\<>&`, b)
	}
	return table
}

func appendText(b []byte, name, text string) []byte {
	b = append(append(append(b, '"'), name...), `":"`...)
	return append(append(b, text...), '"')
}

// appendTime leaves to encoding/json what RFC 3339 does not know: years beyond 9999 and odd zones.
func appendTime(b []byte, name string, t time.Time) ([]byte, bool) {
	_, zone := t.Zone()
	plain := t.Year() >= 0 && t.Year() <= 9999 && zone%60 == 0 && zone > -24*3600 && zone < 24*3600
	b = append(append(append(b, '"'), name...), `":"`...)
	return append(t.AppendFormat(b, time.RFC3339Nano), '"'), plain
}
