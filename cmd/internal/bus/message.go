package bus

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// message is an event ready to be sent.
type message struct {
	id    string
	data  []byte
	place place // in the file of recent events
}

var errNoIdentity = errors.New("event has no id or no kind")

func encode(e shadow.Event) (message, error) {
	return new(room).encode(e, lineSize)
}

// room is memory for events ready to be sent, which lie in it one behind the other. It is safe for concurrent use.
type room struct {
	mu   sync.Mutex
	free []byte
}

const roomBytes = 64 << 10

// encode puts an event into the room; where it has none left, it takes so many bytes more.
func (r *room) encode(e shadow.Event, more int) (message, error) {
	if e.ID == "" || e.Kind == "" {
		return message{}, errNoIdentity
	}
	if data, ok := r.line(e, more); ok {
		return message{id: e.ID, data: data}, nil
	}
	data, err := json.Marshal(e)
	if err != nil {
		return message{}, fmt.Errorf("encode event: %w", err)
	}
	return message{id: e.ID, data: data}, nil
}

func (r *room) line(e shadow.Event, more int) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if cap(r.free) < lineSize {
		r.free = make([]byte, 0, more)
	}
	data, ok := appendLine(r.free, e)
	if !ok {
		return nil, false
	}
	n := len(data)
	r.free = data[n:]
	return data[:n:n], true
}

func decode(data []byte) (shadow.Event, error) {
	var e shadow.Event
	if err := json.Unmarshal(data, &e); err != nil {
		return e, fmt.Errorf("decode event: %w", err)
	}
	if e.ID == "" || e.Kind == "" {
		return e, errNoIdentity
	}
	return e, nil
}

// shrink takes the bodies out of an event that is longer than limit, and then the rows: the verdict travels on.
// What was taken out is marked truncated, so nothing downstream can take it for empty.
func shrink(m message, limit int) (message, bool) {
	for _, strip := range []func(*shadow.Event){withoutBodies, withoutRows} {
		if len(m.data) <= limit {
			return m, true
		}
		e, err := decode(m.data)
		if err != nil {
			return m, false
		}
		strip(&e)
		if m, err = encode(e); err != nil {
			return m, false
		}
	}
	return m, len(m.data) <= limit
}

func withoutBodies(e *shadow.Event) {
	if e.Evidence == nil {
		return
	}
	for _, x := range []*shadow.Exchange{e.Evidence.Primary, e.Evidence.Shadow} {
		if x != nil {
			cut(&x.Request)
			cut(&x.Response)
		}
	}
	for i := range e.Evidence.Calls {
		cut(&e.Evidence.Calls[i].Exchange.Request)
		cut(&e.Evidence.Calls[i].Exchange.Response)
	}
}

func cut(b *shadow.Body) {
	if len(b.Bytes) > 0 {
		b.Bytes, b.Truncated = nil, true
	}
}

func withoutRows(e *shadow.Event) {
	if e.WriteSet == nil {
		return
	}
	e.WriteSet.Cause = shadow.CauseTruncated
	for i := range e.WriteSet.Statements {
		s := &e.WriteSet.Statements[i]
		s.Rows, s.Text, s.Cause = nil, "", shadow.CauseTruncated
	}
}
