package proxy

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Why a copy is turned away: labels of touchstone_copies_refused_total.
const (
	copyUntrusted  = "untrusted"   // of a peer that is no trusted gateway
	copyUnstamped  = "unstamped"   // not of this release, or without its epoch
	copyRolledBack = "rolled-back" // made under a policy that is older than the rollback
	copyTooLong    = "too-long"    // or cut short
)

// receive takes the copy that another proxy made of a request, and answers at once: nobody reads the answer. What is gray
// goes to the candidate, and nothing else does.
func (s *Sidecar) receive(w http.ResponseWriter, r *http.Request) {
	in := fromLibrary(r)
	reason := s.refusedCopy(in)
	if reason == "" {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.config.Limits.MaxBody))
		if in.body, in.length = body, int64(len(body)); err != nil {
			reason = copyTooLong
		}
	}
	if reason != "" {
		s.metrics.copiesRefused.WithLabelValues(reason).Inc()
		http.Error(w, reason, http.StatusForbidden)
		return
	}
	p := &passage{}
	s.begin(p, r.Context(), in)
	if p.run != nil {
		p.run.came(s.copyHeader(r.Header, p.carried))
		p.run.request.Keep(in.body)
	}
	s.finish(p, func() shadow.Failure { return shadow.FailNone })
	w.WriteHeader(http.StatusNoContent)
}

func (s *Sidecar) refusedCopy(in *inbound) string {
	slice := s.slice.Load()
	epoch, err := epochOf(in)
	switch {
	case !within(s.config.Trusted, in.remote):
		return copyUntrusted
	case err != nil || in.value(shadow.HeaderTag) != slice.Release:
		return copyUnstamped
	case slice.Halted || epoch < slice.Epoch:
		return copyRolledBack
	}
	return ""
}

var errEpoch = errors.New("not one epoch")

func epochOf(in *inbound) (uint64, error) {
	values := in.values(shadow.HeaderEpoch)
	if len(values) != 1 {
		return 0, errEpoch
	}
	return strconv.ParseUint(values[0], 10, 64)
}

// copyHeader is the header as the stable release got it, but for the stamps.
func (s *Sidecar) copyHeader(from http.Header, carried fields) http.Header {
	out := from.Clone()
	for name := range out {
		switch {
		case isTag(name):
			delete(out, name)
		case name == "Connection", name == "Keep-Alive", name == "Proxy-Connection", name == "Transfer-Encoding", name == shadow.HeaderEpoch:
			delete(out, name)
		}
	}
	carried.over(out)
	return out
}
