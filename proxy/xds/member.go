package xds

import "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

// member is a named subscriber, with its streams: it has a policy in force when every one of them has.
type member struct {
	Named
	streams map[*stream]bool
	acked   uint64 // epoch
	refused uint64 // epoch
	reason  string // of its last refusal
	serves  bool   // a policy that lets the candidate serve went out to it, and it acknowledged no other since
}

// describe tells a member's state.
func (s *Server) describe(m *member) Subscriber {
	out := Subscriber{Name: m.Name, Kind: m.Kind, State: s.stateOf(m), Epoch: m.acked, Refused: m.refused, Reason: m.reason, Serves: m.serves}
	held := s.inForce.RolledBack && s.fenced >= s.inForce.Epoch && (m.Kind == Sidecar || !m.serves)
	if held && (out.State == Gone || out.State == Nacked) {
		out.State = Fenced
	}
	return out
}

func (s *Server) stateOf(m *member) State {
	if len(m.streams) == 0 {
		return Gone
	}
	state := Acked
	for st := range m.streams {
		switch st.state() {
		case Nacked:
			return Nacked
		case Pending:
			state = Pending
		}
	}
	if state == Pending && s.deps.Now().Sub(s.inForce.since) > s.patience {
		return Gone
	}
	return state
}

// state tells whether a stream's end has all that is in force. Each has to know the routes.
func (st *stream) state() State {
	snap := st.snapshot()
	if st.feeds[resource.RouteType] == nil {
		return Pending
	}
	state := Acked
	for typ, f := range st.feeds {
		current := snap[typ]
		switch {
		case current == nil: // a type that is not ours to give
		case f.handed == nil && f.sent.version == current.version && f.nacked:
			return Nacked
		case f.handed != nil || f.sent.version != current.version || !f.acked:
			state = Pending
		}
	}
	return state
}
