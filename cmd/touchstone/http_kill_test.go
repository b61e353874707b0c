package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Sidecars are killed while clients pay and refund through them. Every sample that reached the stable release is heard of
// afterwards, every verdict that a sidecar counted as told too, and nothing of it is held against the candidate.

const httpKillSpan = 5 * time.Second

// seenSamples are the samples whose request the stable release got: they were told before.
type seenSamples struct {
	signer *shadow.Signer
	mu     sync.Mutex
	ids    map[string]bool
}

func newSeenSamples(t *testing.T) *seenSamples {
	signer, err := shadow.NewSigner([]byte(httpTagKey), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return &seenSamples{signer: signer, ids: map[string]bool{}}
}

func (s *seenSamples) note(q *http.Request) {
	tag, err := s.signer.Verify(q.Header.Get(shadow.HeaderTag), time.Now())
	if err != nil {
		return // not in the slice
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids[tag.Sample] = true
}

// epitaph is what a sidecar said of itself just before it was killed.
type epitaph struct {
	Instance string
	Tally    shadow.Tally
	Unsent   int
}

func TestKilledSidecarsTakeNoEvidenceWithThem(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := newHTTPFaultRun(t)
	end := time.Now().Add(httpKillSpan)
	var clients sync.WaitGroup
	for n := range httpFaultClients {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(n)))
			for i := 0; time.Now().Before(end); i++ {
				r.client(random, fmt.Sprintf("K%d-%d", n, i))
			}
		})
	}
	random := rand.New(rand.NewPCG(seed, 1000))
	var killed []epitaph
	for time.Now().Before(end) {
		time.Sleep(time.Duration(100+random.IntN(400)) * time.Millisecond)
		killed = append(killed, r.kill(r.sidecars[random.IntN(2)]))
	}
	clients.Wait()
	r.finish()
	r.judgeKilled(killed)
}

// kill ends a sidecar with SIGKILL when its clients have their answers, and starts it again.
func (r *httpFaultRun) kill(s *httpSidecar) (last epitaph) {
	s.alive.Lock()
	defer s.alive.Unlock()
	res, err := http.Get("http://" + s.admin + "/status")
	if err == nil {
		err = json.NewDecoder(res.Body).Decode(&last)
		res.Body.Close()
	}
	if err != nil {
		r.t.Error(err)
	}
	_, _ = s.process.Process.Kill(), s.process.Wait() // it was killed
	r.start(s)
	return last
}

func (r *httpFaultRun) judgeKilled(killed []epitaph) {
	r.mu.Lock()
	defer r.mu.Unlock()
	opened, counted, unsent := map[string]bool{}, map[string]shadow.Tally{}, 0
	for _, events := range r.heard {
		for _, e := range events {
			c := counted[e.Instance]
			switch {
			case e.Kind == shadow.EventOpened && !opened[e.Evidence.Sample]:
				opened[e.Evidence.Sample] = true
				c.Sampled++
			case e.Kind == shadow.EventClosed:
				c.Closed++
			}
			counted[e.Instance] = c
		}
	}
	for _, k := range killed {
		unsent += k.Unsent
		if got := counted[k.Instance]; got.Sampled < k.Tally.Sampled || got.Closed < k.Tally.Closed {
			r.t.Errorf("%s told %d samples and %d verdicts, %d and %d are heard", k.Instance, k.Tally.Sampled, k.Tally.Closed, got.Sampled, got.Closed)
		}
	}
	for id := range r.seen.ids {
		if !opened[id] {
			r.t.Errorf("sample %s reached the stable release, and nobody heard of it", id)
		}
	}
	for _, o := range r.ledger.Orders() {
		for _, m := range o.Mismatches {
			if m.Kind != shadow.KindError {
				r.t.Errorf("%s: held against a candidate that does the same: %s\n%s", o.ID, m, r.told(o.ID))
			}
		}
	}
	counts := r.ledger.Counts()
	r.t.Logf("%d kills with %d events on their way, %d samples seen, %d heard, %v", len(killed), unsent, len(r.seen.ids), len(opened), counts.Outcomes)
	if !counts.Balanced() || len(killed) < 3 || len(r.seen.ids) < 100 || counts.Outcomes[shadow.Match] == 0 {
		r.t.Errorf("the ledger, or the run showed too little: %+v", counts)
	}
}
