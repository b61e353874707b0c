package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/cmd/internal/bus"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/daemon"
	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/recon/batch"
)

// RunWorker does the work of daily reconciliation until ctx ends: it puts what is due into the queue, and takes from it.
// Any number of workers may run; each of them does both.
func RunWorker(ctx context.Context, cfg *config.Recon, p Process) (err error) {
	if cfg.Queue == nil || cfg.Listen == "" {
		return errors.New("a worker needs queue and listen in its configuration; try: queue: {listen: 127.0.0.1:4223, data: ./queue, password_file: FILE}")
	}
	registry, health := telemetry.NewRegistry(p.Version), &telemetry.Health{}
	r, err := OpenRecon(ctx, cfg, p, registry, time.Now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	ln, err := net.Listen("tcp", string(cfg.Listen))
	if err != nil {
		return fmt.Errorf("listen for metrics: %w", err)
	}
	defer ln.Close()
	login, components, stop, err := workerBus(ctx, cfg.Queue, r.Log)
	if err != nil {
		return err
	}
	defer stop()
	w := newWorker(r, cfg, login, registry)
	keeper, err := openOperations(ctx, cfg, r, registry)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, keeper.close()) }()
	received, stopped, err := workerEvents(cfg, r, registry)
	if err != nil {
		return err
	}
	defer stopped()
	components = append(components, retentionParts(r, cfg, registry)...)
	components = append(components,
		daemon.Component{Name: "adapters", Bound: partBound, Run: r.adapters.Run},
		daemon.Component{Name: "operations", Bound: partBound, Run: keeper.run},
		daemon.Component{Name: "payments", Bound: partBound, Run: keeper.payments.run},
		daemon.Component{Name: "schedule", Bound: partBound, Run: w.schedule},
		daemon.Component{Name: "sweep", Bound: partBound, Run: func(ctx context.Context) error { return w.sweep(ctx, sweepEvery) }},
		daemon.Component{Name: "work", Bound: partBound, Run: func(ctx context.Context) error { return w.queue.Run(ctx, w.do) }},
		daemon.Component{Name: "admin", Bound: 2 * httpDrain, Run: func(ctx context.Context) error {
			return daemon.Serve(ctx, r.Log, ln, telemetry.AdminMux(registry, health), httpDrain)
		}},
	)
	components = append(components, received...)
	group := daemon.NewGroup(r.Log, components...)
	health.Add("parts", func(context.Context) error { return group.Ready() })
	health.Add("queue", func(context.Context) error { return w.queue.Ready() })
	r.Log.Info("worker listens", telemetry.KeyAddress, ln.Addr().String())
	return group.Run(ctx)
}

// workerEvents opens the listener for callbacks where the configuration asks for one.
func workerEvents(cfg *config.Recon, r *Recon, reg prometheus.Registerer) ([]daemon.Component, func(), error) {
	if cfg.Events == nil {
		return nil, func() {}, nil
	}
	e, err := newReceiver(cfg, r, reg)
	if err != nil {
		return nil, nil, err
	}
	ln, err := net.Listen("tcp", string(cfg.Events.Listen))
	if err != nil {
		return nil, nil, fmt.Errorf("listen for events: %w", err)
	}
	r.Log.Info("events are taken", telemetry.KeyAddress, ln.Addr().String())
	return e.components(ln), func() { ln.Close() }, nil
}

// workerBus starts the queue's own bus where the configuration asks for one, and says where and as whom to connect.
func workerBus(ctx context.Context, q *config.Queue, log *slog.Logger) (bus.Login, []daemon.Component, func(), error) {
	login := bus.Login{User: q.User, Password: q.PasswordFile.Text()}
	if !q.Embedded() {
		login.URL = q.URL.String()
		return login, nil, func() {}, nil
	}
	if err := os.MkdirAll(string(q.Data), 0o755); err != nil {
		return login, nil, nil, fmt.Errorf("create folder of the queue: %w", err)
	}
	s, err := bus.Embedded(ctx, bus.EmbeddedConfig{
		Listen: string(q.Listen), StoreDir: string(q.Data), Logger: log, Users: []bus.User{{Name: login.User, Password: login.Password, Role: bus.RoleWorker}},
	})
	if err != nil {
		return login, nil, nil, fmt.Errorf("start the queue: %w", err)
	}
	login.URL = s.URL()
	return login, []daemon.Component{ownBus(s)}, s.Close, nil
}

// worker is one process that schedules and works.
type worker struct {
	recon *Recon
	queue *bus.Work
	back  int
}

func newWorker(r *Recon, cfg *config.Recon, login bus.Login, reg prometheus.Registerer) *worker {
	queue := bus.NewWork(bus.WorkConfig{Login: login, Lease: cfg.Queue.Lease, Slots: cfg.Queue.Slots, Logger: r.Log, Registerer: reg})
	if r.Shards != nil {
		r.Shards.Put = queue.Put
	}
	return &worker{recon: r, queue: queue, back: cfg.Back}
}

const (
	scheduleEvery = time.Second
	sweepEvery    = 10 * time.Minute
	dueAtOnce     = 256 // statements put into the queue at a time
)

// schedule puts what is due into the queue. All workers do; a statement that waits or is under way is there only once.
func (w *worker) schedule(ctx context.Context) error {
	expected := map[string]bool{} // days
	return looking(ctx, scheduleEvery, func() {
		err := w.expect(ctx, expected)
		if err == nil {
			err = w.enqueue(ctx)
		}
		err = errors.Join(err, w.recon.Shards.CloseIdle(w.recon.Now()))
		if err != nil && ctx.Err() == nil {
			w.recon.Log.Warn("schedule waits", telemetry.KeyError, err)
		}
	})
}

// sweep removes what is of no more use, beside everything else: what killed processes left in the archive, parts that nobody
// came back for, events of days that are over. It may take its time.
func (w *worker) sweep(ctx context.Context, every time.Duration) error {
	return looking(ctx, every, func() {
		now := w.recon.Now()
		err := errors.Join(w.recon.Archive.Sweep(now), w.recon.Shards.Sweep(now), w.recon.SweepEvents(ctx, w.back))
		if err != nil && ctx.Err() == nil {
			w.recon.Log.Warn("sweep waits", telemetry.KeyError, err)
		}
	})
}

// expect makes the statements of the last days known, in the channels' own zones.
func (w *worker) expect(ctx context.Context, expected map[string]bool) error {
	now := w.recon.Now()
	for _, p := range w.recon.Profiles {
		for back := 1; back <= w.back; back++ {
			day := now.In(p.Zone).AddDate(0, 0, -back).Format(time.DateOnly)
			if expected[day] {
				continue
			}
			if err := w.recon.Expect(ctx, day); err != nil {
				return err
			}
			expected[day] = true
		}
	}
	return nil
}

func (w *worker) enqueue(ctx context.Context) error {
	due, err := w.recon.Due(ctx, dueAtOnce)
	if err != nil {
		return err
	}
	for i := range due {
		id := due[i].ID.String()
		if err := w.queue.Put(ctx, id, []byte(id)); err != nil {
			return err
		}
	}
	return w.recon.Count(ctx)
}

// do brings one statement forward. What went wrong stands in the statement, which says when it is looked at again; only
// what could not even be written down comes again through the queue.
func (w *worker) do(ctx context.Context, item []byte) error {
	if part, is, err := batch.ParseItem(string(item)); is {
		return w.doPart(ctx, part, err)
	}
	id, err := batch.ParseID(string(item))
	if err != nil {
		w.recon.Log.Error("work item is no statement", telemetry.KeyError, err)
		return nil
	}
	s, err := w.recon.Advance(ctx, id)
	switch {
	case errors.Is(err, batch.ErrFenced) || errors.Is(err, batch.ErrLost):
		w.recon.Metrics.Fenced()
		w.recon.Log.Warn("another worker took the statement", "statement", id.String())
		return nil
	case err != nil:
		w.recon.Log.Error("statement failed", "statement", id.String(), telemetry.KeyError, err)
		if s.Next.After(w.recon.Now()) {
			return nil // it is written down: the schedule has it back then
		}
		return err
	case s.Late(w.recon.Now()):
		w.recon.Log.Warn("statement is late", "statement", id.String(), "due", s.Due, "why", s.Why)
	}
	return nil
}

// doPart does a part of a large batch, whose statement another worker has, or this one in another slot.
func (w *worker) doPart(ctx context.Context, part batch.Item, unread error) error {
	if unread != nil {
		w.recon.Log.Error("work item is no part", telemetry.KeyError, unread)
		return nil
	}
	err := w.recon.DoPart(ctx, part)
	if err != nil && ctx.Err() == nil {
		w.recon.Log.Error("part failed", "part", part.String(), telemetry.KeyError, err)
	}
	return err
}
