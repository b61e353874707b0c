package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/app"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/test/loopback"
)

// workerSection gives the worker a queue of its own.
func (d *dayRun) workerSection() (string, error) {
	addrs, err := loopback.FreeAddrs(2)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(d.dir, "queue.pass"), []byte("worker-password"), 0o600); err != nil {
		return "", fmt.Errorf("write password: %w", err)
	}
	return fmt.Sprintf("listen: %s\nqueue: {listen: %s, data: ./queue, password_file: queue.pass}\n", addrs[0], addrs[1]), nil
}

// work makes the statements known and starts a worker, which finds them by itself. It is over when all are closed.
func (d *dayRun) work(ctx context.Context, some []int) (used usage, err error) {
	cfg, err := config.LoadRecon(d.config)
	if err != nil {
		return used, err
	}
	r, err := app.OpenRecon(ctx, cfg, app.Process{Log: slog.New(slog.DiscardHandler)}, prometheus.NewRegistry(), time.Now)
	if err != nil {
		return used, err
	}
	defer r.Close()
	if err := r.Expect(ctx, simulatedDay); err != nil {
		return used, err
	}
	m, err := startMeasured(ctx, d.binary, "worker", d.config)
	if err != nil {
		return used, err
	}
	waited := d.closed(ctx, r, some, m.over)
	wall := time.Since(m.begin)
	_ = m.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	used, err = m.wait()
	used.wall = wall // not the time that it took to drain
	if err := errors.Join(waited, err); err != nil {
		return used, fmt.Errorf("worker: %w", err)
	}
	return used, nil
}

// closed waits until the statements of some channels are.
func (d *dayRun) closed(ctx context.Context, r *app.Recon, some []int, over <-chan struct{}) error {
	names := map[string]bool{}
	for _, i := range some {
		names[d.channels[i].name] = true
	}
	for {
		lines, err := r.Status(ctx, simulatedDay)
		if err != nil {
			return err
		}
		open := 0
		for i := range lines {
			if !names[lines[i].Channel] {
				continue
			}
			if lines[i].Phase == batch.Quarantined {
				return fmt.Errorf("quarantined: %s", &lines[i])
			}
			if lines[i].Open() {
				open++
			}
		}
		if open == 0 {
			return nil
		}
		select {
		case <-over:
			return fmt.Errorf("it ended with %d statements open", open)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}
