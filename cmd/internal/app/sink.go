package app

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/seed-3356bd69/touchstone/proxy/privacy"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// tallyEvery is how often a sidecar tells its own count, besides at its end.
const tallyEvery = time.Second

// publisher takes events without blocking.
type publisher interface {
	Publish(shadow.Event)
}

// sink turns what the ports see into events of this sidecar, and counts the write sets among them.
type sink struct {
	publisher
	masker    *privacy.Masker
	instance  string
	writeSets atomic.Uint64
	tallied   uint64 // of the one goroutine that runs tallies

	statements *statementSpans // nil = nobody is sent spans
}

// newSink makes a sink whose tokens for what must not be stored are those of the salt.
func newSink(instance string, p publisher, salt []byte) *sink {
	return &sink{publisher: p, instance: instance, masker: privacy.New(salt)}
}

// WriteSet tells a transaction of either database port.
func (s *sink) WriteSet(ws shadow.WriteSet) {
	ws = maskedSet(s.masker, ws)
	s.Publish(shadow.Event{ID: ws.ID, Kind: shadow.EventWriteSet, Instance: s.instance, Time: ws.Sealed, WriteSet: &ws})
	s.writeSets.Add(1) // after the event: a tally never tells more than was published, also when this process is killed
	s.statements.tell(ws)
}

// again tells a transaction that an earlier run of this sidecar may have told.
func (s *sink) again(ws shadow.WriteSet) {
	ws = maskedSet(s.masker, ws)
	s.Publish(shadow.Event{ID: ws.ID + ":" + s.instance, Kind: shadow.EventWriteSet, Instance: s.instance, Time: ws.Sealed, WriteSet: &ws})
	s.writeSets.Add(1)
}

// taint tells that something happened to an order outside of any sample; "" = of which nobody knows which it is.
func (s *sink) taint(order, cause string) {
	s.Publish(shadow.Event{ID: uuid.NewString(), Kind: shadow.EventTaint, Instance: s.instance, Time: time.Now(), Taint: &shadow.TaintNote{Order: order, Cause: cause}})
}

// void tells that nothing found in a sample holds.
func (s *sink) void(sample, cause string) {
	s.Publish(shadow.Event{ID: uuid.NewString(), Kind: shadow.EventTaint, Instance: s.instance, Time: time.Now(), Taint: &shadow.TaintNote{Sample: sample, Cause: cause}})
}

// read tells that an order's SELECT gives something else on the shadow.
func (s *sink) read(n shadow.ReadNote) {
	n.Mismatches = maskedMismatches(s.masker, n.Mismatches)
	s.Publish(shadow.Event{ID: uuid.NewString(), Kind: shadow.EventRead, Instance: s.instance, Time: time.Now(), Read: &n})
}

// apply tells where a write set is on its way to the shadow.
func (s *sink) apply(a shadow.Apply) {
	s.Publish(shadow.Event{ID: a.WriteSet + ":" + string(a.State), Kind: shadow.EventApplied, Instance: s.instance, Time: time.Now(), Apply: &a})
}

// tallies tells the sidecar's own count at once, so that one that is killed in its first second has told it as well, then
// now and again, and a last time when ctx ends: by then everything that counts has stopped.
func (s *sink) tallies(ctx context.Context, count func() shadow.Tally) error {
	s.tally(count())
	tick := time.NewTicker(tallyEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.tally(count())
		case <-ctx.Done():
			last := count()
			last.Final = true
			s.tally(last)
			return nil
		}
	}
}

func (s *sink) tally(t shadow.Tally) {
	s.tallied++
	s.Publish(shadow.Event{ID: fmt.Sprintf("%s:tally:%d", s.instance, s.tallied), Kind: shadow.EventTally, Instance: s.instance, Time: time.Now(), Tally: &t})
}
