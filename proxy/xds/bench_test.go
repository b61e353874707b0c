package xds

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// benchmarkPublish tells the time from the decision to the last acknowledgement: its median and its worst.
func benchmarkPublish(b *testing.B, n int, kind Kind, types ...string) {
	config := named(manyNamed(n, kind)...)
	config.State = filepath.Join(b.TempDir(), "control.json")
	r := &rig{config: config}
	var err error
	if r.Server, err = New(config, Deps{Log: slog.New(slog.DiscardHandler), Now: time.Now, Registry: prometheus.NewRegistry()}); err != nil {
		b.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	r.addr = ln.Addr().String()
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx, ln, nil) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}()
	if kind == Sidecar {
		client := NewClient(ClientConfig{Address: r.addr, Node: config.Subscribers[0].Name, Service: "pay", File: filepath.Join(b.TempDir(), "last.json")},
			func(Directive) error { return nil }, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		followed := make(chan error, 1)
		go func() { followed <- client.Run(ctx) }()
		defer func() { cancel(); <-followed }()
	} else {
		crowdOf(b, r, n, types...)
	}
	if err := r.Wait(ctx, 0); err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	for epoch := uint64(1); b.Loop(); epoch++ {
		start := time.Now()
		if err := r.Publish(ctx, policy(epoch, 5*percent, shadow.Share(epoch%99+1)*percent)); err != nil {
			b.Fatal(err)
		}
		if err := r.Wait(ctx, epoch); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms/worst")
}
