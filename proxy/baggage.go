package proxy

import (
	"net/http"
	"strings"
)

const (
	headerBaggage = "Baggage"
	memberGray    = "gray"
)

// stripBaggage removes every "gray" member from W3C baggage and leaves the others as they are.
func stripBaggage(h http.Header) {
	values := h[headerBaggage]
	if len(values) == 0 {
		return
	}
	var kept []string
	for _, value := range values {
		for member := range strings.SplitSeq(value, ",") {
			if name, _, _ := strings.Cut(member, "="); strings.TrimSpace(name) != memberGray && strings.TrimSpace(member) != "" {
				kept = append(kept, strings.TrimSpace(member))
			}
		}
	}
	if len(kept) == 0 {
		h.Del(headerBaggage)
		return
	}
	h.Set(headerBaggage, strings.Join(kept, ","))
}

// addBaggage says which release the request is gray for.
func addBaggage(h http.Header, release string) {
	stripBaggage(h)
	member := memberGray + "=" + release
	if others := h.Get(headerBaggage); others != "" {
		member = others + "," + member
	}
	h.Set(headerBaggage, member)
}
