package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/daemon"
	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/proxy/xds"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// controlPlane carries decisions out: what the gate's ladder needs of it.
type controlPlane interface {
	Publish(ctx context.Context, p shadow.Policy) error
	Wait(ctx context.Context, epoch uint64) error // until every proxy has it, or is fenced
	Status() xds.Status
}

var _ controlPlane = (*xds.Server)(nil)

// ControlFile is the name of the control plane's state in a comparer's data folder.
const ControlFile = "control-plane.json"

// plane is the control plane of a comparer with its port.
type plane struct {
	controlPlane
	server *xds.Server
	ln     net.Listener
	secure *tls.Config
}

// openPlane opens the control plane's port; nil = the configuration has none.
func openPlane(cfg *config.Comparer, registry *prometheus.Registry, log *slog.Logger) (*plane, error) {
	c := cfg.ControlPlane
	if c == nil {
		return nil, nil
	}
	p := &plane{}
	var err error
	if c.TLS != nil {
		if p.secure, err = c.TLS.Server(); err != nil {
			return nil, fmt.Errorf("control_plane.tls: %w", err)
		}
	}
	published := publishing(cfg)
	if errs := published.Validate(); len(errs) > 0 {
		return nil, fmt.Errorf("control_plane: %w", errors.Join(errs...))
	}
	deps := xds.Deps{Log: log, Registry: registry, Now: time.Now, Patience: c.Patience}
	if g := guardsOf(c.Subscribers); len(g.admins) > 0 {
		deps.Guard = g
	}
	if p.server, err = xds.New(published, deps); err != nil {
		return nil, fmt.Errorf("control_plane: %w", err)
	}
	p.controlPlane = p.server
	if p.ln, err = net.Listen("tcp", string(c.Listen)); err != nil {
		return nil, fmt.Errorf("listen for the control plane: %w", err)
	}
	log.Info("control plane listens", telemetry.KeyAddress, p.ln.Addr().String(), telemetry.KeyEpoch, p.Status().InForce.Epoch)
	return p, nil
}

func (p *plane) part() daemon.Component {
	return daemon.Component{Name: "control-plane", Bound: partBound, Run: func(ctx context.Context) error { return p.server.Serve(ctx, p.ln, p.secure) }}
}

// show answers what is in force, and how far each proxy has come.
func (p *plane) show(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, p.Status()) }

// publishing translates the configuration.
func publishing(cfg *config.Comparer) xds.Config {
	c := cfg.ControlPlane
	out := xds.Config{Service: c.Service, Stable: c.Stable, Candidate: cfg.Release, State: filepath.Join(string(cfg.Data), ControlFile)}
	for _, s := range c.Subscribers {
		out.Subscribers = append(out.Subscribers, xds.Named{Name: s.Name, Kind: xds.Kind(s.Kind), Certificate: s.Certificate})
	}
	if r := c.Routing; r != nil {
		out.Routing = &xds.Routing{Listen: string(r.Listen), Stable: texts(r.Stable), Candidate: texts(r.Candidate), Mirror: texts(r.Mirror), Key: r.Key}
		if f := r.Force; f != nil {
			out.Routing.Force = xds.Force{Header: f.Header, Value: f.Value, Share: shadow.Share(f.Percent)}
		}
	}
	return out
}

func texts(list []config.Addr) []string {
	out := make([]string, 0, len(list))
	for _, a := range list {
		out = append(out, string(a))
	}
	return out
}

// guards tells sidecars of a rollback at their admin ports, whether they follow the control plane or not.
type guards struct {
	admins []*url.URL
	client *http.Client
}

func guardsOf(subscribers []config.Subscriber) guards {
	g := guards{client: &http.Client{Timeout: guardBound}}
	for _, s := range subscribers {
		if s.Admin != nil {
			g.admins = append(g.admins, s.Admin)
		}
	}
	return g
}

const guardBound = 3 * time.Second

// Fence is done when every one of them has confirmed.
func (g guards) Fence(ctx context.Context, epoch uint64) error {
	var all errgroup.Group
	errs := make([]error, len(g.admins))
	for i, admin := range g.admins {
		all.Go(func() error {
			if err := g.tell(ctx, admin, epoch); err != nil {
				errs[i] = fmt.Errorf("tell %s of rollback %d: %w", admin.Host, epoch, err)
			}
			return nil
		})
	}
	return errors.Join(all.Wait(), errors.Join(errs...))
}

func (g guards) tell(ctx context.Context, admin *url.URL, epoch uint64) error {
	body := fmt.Appendf(nil, `{"epoch": %d}`, epoch)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, admin.JoinPath("rollback").String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := g.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 4<<10))
	if err != nil {
		return err
	}
	var said struct {
		Epoch uint64 `json:"rollback_epoch"`
	}
	if err := json.Unmarshal(text, &said); err != nil || res.StatusCode != http.StatusOK || said.Epoch < epoch {
		return fmt.Errorf("%w: %s: %.200s", errUnconfirmed, res.Status, text)
	}
	return nil
}

var errUnconfirmed = errors.New("not confirmed")
