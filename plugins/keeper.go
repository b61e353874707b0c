package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Keeper keeps one adapter running: it starts it, notices its end, and starts it again after a pause that grows. It is an
// Adapter itself. A call that finds the adapter down waits for it, within the time a start may take; a call during which
// the process breaks fails, and is not repeated: the caller knows what it did with the first half.
type Keeper struct {
	cfg atomic.Pointer[HostConfig]

	mu      sync.Mutex
	host    *Host
	last    error         // why there is no host
	changed chan struct{} // closed when host or last change
}

// settled is how long a process must live before its next end counts as the first.
const settled = time.Minute

// NewKeeper makes a keeper that has not started anything: Run does.
func NewKeeper(cfg HostConfig) *Keeper {
	cfg = cfg.withDefaults()
	k := &Keeper{changed: make(chan struct{})}
	k.cfg.Store(&cfg)
	return k
}

// Swap takes another configuration, whole: a binary with its pin, other variables, another profile. The running process
// ends, its calls fail, and the next one starts with what is new.
func (k *Keeper) Swap(cfg HostConfig) {
	cfg = cfg.withDefaults()
	k.cfg.Store(&cfg)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.host != nil {
		k.host.kill()
	}
}

// Name is the adapter's configured name.
func (k *Keeper) Name() string { return k.cfg.Load().Name }

// Run keeps the adapter running until ctx ends; then the process is gone.
func (k *Keeper) Run(ctx context.Context) error {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.Multiplier, pause.MaxInterval = k.cfg.Load().Timing.Restart, 2, time.Minute
	for ctx.Err() == nil {
		cfg := k.cfg.Load()
		host, err := Start(ctx, *cfg)
		if err == nil {
			cfg.Metrics.started(cfg.Name)
			if k.serve(ctx, host, cfg) > settled {
				pause.Reset()
			}
			err = errors.New("process ended")
		}
		if ctx.Err() != nil || cfg != k.cfg.Load() {
			continue // over, or something new to start at once
		}
		k.set(nil, err)
		wait := pause.NextBackOff()
		cfg.Logger.Warn("adapter is down", KeyAdapter, cfg.Name, "err", err, "restart_in", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	k.set(nil, context.Cause(ctx))
	return nil
}

// serve hands the host to callers until its process ends, and tells how long that was. A configuration that came while it
// started found no process to end.
func (k *Keeper) serve(ctx context.Context, host *Host, cfg *HostConfig) time.Duration {
	begin := time.Now()
	k.set(host, nil)
	if cfg != k.cfg.Load() {
		host.kill()
	}
	select {
	case <-host.Done():
	case <-ctx.Done():
	}
	k.set(nil, errors.New("process ended"))
	host.Close()
	host.metrics.stopped(host.name)
	return time.Since(begin)
}

func (k *Keeper) set(host *Host, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.host, k.last = host, err
	close(k.changed)
	k.changed = make(chan struct{})
}

// running waits for a host, at most as long as a start may take.
func (k *Keeper) running(ctx context.Context) (*Host, error) {
	limit := time.NewTimer(k.cfg.Load().Timing.Start)
	defer limit.Stop()
	for {
		k.mu.Lock()
		host, last, changed := k.host, k.last, k.changed
		k.mu.Unlock()
		if host != nil {
			return host, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for adapter %s: %w", k.Name(), context.Cause(ctx))
		case <-limit.C:
			return nil, &ProcessError{Adapter: k.Name(), Op: OpStart, Err: cause(last)}
		}
	}
}

// cause takes the adapter's name off an error that will carry it again.
func cause(err error) error {
	if pe, ok := errors.AsType[*ProcessError](err); ok {
		return pe.Err
	}
	if err == nil {
		return errors.New("it was not started")
	}
	return err
}

// do runs one call. A process that broke the contract, or hung, is replaced: nothing it says is believed any more.
func (k *Keeper) do(ctx context.Context, call func(*Host) error) error {
	host, err := k.running(ctx)
	if err != nil {
		return err
	}
	err = call(host)
	if _, broken := errors.AsType[*ProcessError](err); broken {
		k.drop(host, err)
	}
	return err
}

// drop ends a process that nobody may call any more.
func (k *Keeper) drop(host *Host, why error) {
	k.mu.Lock()
	if k.host == host {
		k.host, k.last = nil, why
	}
	k.mu.Unlock()
	host.kill()
}

// Describe asks the running adapter.
func (k *Keeper) Describe(ctx context.Context) (d Description, err error) {
	err = k.do(ctx, func(h *Host) error { d, err = h.Describe(ctx); return err })
	return d, err
}

// Fetch runs on the running adapter.
func (k *Keeper) Fetch(ctx context.Context, req FetchRequest, w io.Writer) (res FetchResult, err error) {
	err = k.do(ctx, func(h *Host) error { res, err = h.Fetch(ctx, req, w); return err })
	return res, err
}

// Decode runs on the running adapter.
func (k *Keeper) Decode(ctx context.Context, req DecodeRequest, r io.Reader, emit Emitter) (res DecodeResult, err error) {
	err = k.do(ctx, func(h *Host) error { res, err = h.Decode(ctx, req, r, emit); return err })
	return res, err
}

// Query runs on the running adapter.
func (k *Keeper) Query(ctx context.Context, req QueryRequest) (res QueryResult, err error) {
	err = k.do(ctx, func(h *Host) error { res, err = h.Query(ctx, req); return err })
	return res, err
}

// DecodeEvent runs on the running adapter.
func (k *Keeper) DecodeEvent(ctx context.Context, req EventRequest) (res EventResult, err error) {
	err = k.do(ctx, func(h *Host) error { res, err = h.DecodeEvent(ctx, req); return err })
	return res, err
}
