package plugins_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

// book takes what a decoding emits.
type book struct {
	records []recon.Record
	rejects []recon.Reject
	fail    error
}

func (b *book) Record(r recon.Record) error { b.records = append(b.records, r); return b.fail }
func (b *book) Reject(r recon.Reject) error { b.rejects = append(b.rejects, r); return b.fail }

// syncBuffer is a log that a subprocess reader and a test share.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}
func (s *syncBuffer) String() string { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }

type rig struct {
	cfg plugins.HostConfig
	reg *prometheus.Registry
	log *syncBuffer
}

func newRig(t testing.TB) *rig {
	t.Helper()
	pin, err := plugins.FileSHA256(badAdapter)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{reg: prometheus.NewRegistry(), log: &syncBuffer{}}
	r.cfg = plugins.HostConfig{
		Name: "bad", Path: badAdapter, SHA256: pin,
		Timing:  plugins.Timing{Start: 5 * time.Second, Call: 2 * time.Second, Transfer: 10 * time.Second, Idle: 400 * time.Millisecond},
		Logger:  slog.New(slog.NewTextHandler(r.log, nil)),
		Metrics: plugins.NewMetrics(r.reg),
	}
	return r
}

func (r *rig) start(t testing.TB) *plugins.Host {
	t.Helper()
	h, err := plugins.Start(t.Context(), r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// counter sums one metric; op selects the failures of one call.
func (r *rig) counter(t *testing.T, name string, op plugins.Op) float64 {
	t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if op == "" || (l.GetName() == "op" && l.GetValue() == string(op)) {
					sum += m.GetCounter().GetValue()
					break
				}
			}
		}
	}
	return sum
}

func statement(lines int) ([]byte, string) {
	var b bytes.Buffer
	for i := range lines {
		fmt.Fprintf(&b, "P%06d %d\n", i, i)
	}
	sum := sha256.Sum256(b.Bytes())
	return b.Bytes(), hex.EncodeToString(sum[:])
}
