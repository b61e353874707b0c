package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	pacing "golang.org/x/time/rate"

	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/cmd/internal/daemon"
	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon/events"
)

// eventsPath is where callbacks come: behind it channel, account, and the path at which the channel's callback came.
const eventsPath = "/events/"

// receiver takes callbacks of channels as they came. The channel's adapter verifies the signature, which is all that lets a
// callback in; it is acknowledged once what it tells is committed.
//
//	POST /events/{channel}/{account}/{path} ─► bounds ─► adapter: genuine? ─► intake: committed ─► the adapter's reply
type receiver struct {
	limits   config.ReconEvents
	accounts map[string]*hearer // by channel/account
	intake   *events.Intake
	pace     *pacing.Limiter
	places   chan struct{} // of callbacks under way
	now      func() time.Time
	log      *slog.Logger
	metrics  *events.Metrics
}

// eventReader is what reads callbacks.
type eventReader interface {
	DecodeEvent(ctx context.Context, req plugins.EventRequest) (plugins.EventResult, error)
}

// hearer is an account whose callbacks somebody listens for.
type hearer struct {
	channel, account string
	line             string // of the statements that will have them
	zone             *time.Location
	reader           eventReader
	settings         func(account string) plugins.Settings
}

func newReceiver(cfg *config.Recon, r *Recon, reg prometheus.Registerer) (*receiver, error) {
	out := &receiver{
		limits: *cfg.Events, accounts: map[string]*hearer{}, intake: events.NewIntake(r.DB), pace: pacing.NewLimiter(pacing.Limit(cfg.Events.Rate), cfg.Events.Rate),
		places: make(chan struct{}, cfg.Events.AtOnce), now: r.Now, log: r.Log,
	}
	channels := []string{events.Unclaimed}
	for i := range cfg.Channels {
		s := &cfg.Channels[i]
		if s.Callbacks == nil {
			continue
		}
		a, err := newChannelAdapter(r.adapters, s.Adapter)
		if err != nil {
			return nil, fmt.Errorf("adapter of %s: %w", s.Name, err)
		}
		zone, err := time.LoadLocation(s.Zone)
		if err != nil {
			return nil, fmt.Errorf("zone of %s: %w", s.Name, err)
		}
		channels = append(channels, s.Name)
		out.accounts[s.Name+"/"+s.Account] = &hearer{s.Name, s.Account, strings.Join([]string{s.Name, s.Account, s.Kind}, "/"), zone, a.keeper, a.settings}
	}
	out.metrics = events.NewMetrics(reg, channels)
	return out, nil
}

// components are the listener and what commits for it.
func (e *receiver) components(ln net.Listener) []daemon.Component {
	return []daemon.Component{
		{Name: "intake of events", Bound: partBound, Run: e.intake.Run},
		{Name: "events", Bound: e.limits.Timeout + partBound, Run: func(ctx context.Context) error {
			return daemon.Serve(ctx, e.log, ln, e, e.limits.Timeout)
		}},
	}
}

// refusal is an answer that says why nothing was kept. One with 429 or 5xx asks for the callback again.
type refusal struct {
	status  int
	outcome events.Outcome
	why     string
}

// Error says why.
func (r *refusal) Error() string { return r.why }

// ServeHTTP takes one callback.
func (e *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, path := e.hearerOf(r)
	channel := events.Unclaimed
	if h != nil {
		channel = h.channel
	}
	reply, outcome, err := e.take(w, r, h, path)
	refused, ok := errors.AsType[*refusal](err)
	if err != nil && !ok {
		refused = &refusal{http.StatusServiceUnavailable, events.Unavailable, "cannot be kept now"}
		e.log.Warn("callback waits to come again", "channel", channel, telemetry.KeyError, err)
	}
	if refused != nil {
		e.metrics.Count(channel, refused.outcome)
		if refused.status >= http.StatusInternalServerError || refused.status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		http.Error(w, refused.why, refused.status)
		return
	}
	e.metrics.Count(channel, outcome)
	if reply.Type != "" {
		w.Header().Set("Content-Type", reply.Type)
	}
	w.WriteHeader(reply.Status)
	_, _ = io.WriteString(w, reply.Body) // who went away sends it again
}

// hearerOf finds who listens, and the path with its query at which the callback came first.
func (e *receiver) hearerOf(r *http.Request) (*hearer, string) {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), eventsPath)
	if !ok {
		return nil, ""
	}
	parts := strings.SplitN(rest, "/", 3)
	if len(parts) < 2 {
		return nil, ""
	}
	path := "/"
	if len(parts) == 3 {
		path += parts[2]
	}
	if r.URL.RawQuery != "" {
		path += "?" + r.URL.RawQuery
	}
	return e.accounts[parts[0]+"/"+parts[1]], path
}

// take keeps what a callback tells, and gives the channel's reply.
func (e *receiver) take(w http.ResponseWriter, r *http.Request, h *hearer, path string) (reply plugins.EventReply, outcome events.Outcome, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), e.limits.Timeout)
	defer cancel()
	leave, err := e.admit(ctx, r, h)
	if err != nil {
		return reply, "", err
	}
	defer leave()
	body, err := e.read(w, r)
	if err != nil {
		return reply, "", err
	}
	received := e.now()
	res, err := h.reader.DecodeEvent(ctx, plugins.EventRequest{
		Account: h.account, Method: r.Method, Path: path, Header: r.Header, Body: body, Received: received, Settings: h.settings(h.account),
	})
	if err != nil {
		return reply, "", e.unread(h, err)
	}
	if res.Record.Account != "" && res.Record.Account != h.account {
		return reply, "", &refusal{http.StatusUnauthorized, events.Forged, "the callback is for another account"}
	}
	sum := sha256.Sum256(body)
	event, err := events.New(h.line, h.zone, res.Record, events.Callback, hex.EncodeToString(sum[:]), received)
	if err != nil {
		e.log.Warn("callback tells nothing that can be kept", "channel", h.channel, telemetry.KeyError, err)
		return reply, "", &refusal{http.StatusUnprocessableEntity, events.Unread, err.Error()}
	}
	outcome, err = e.intake.Keep(ctx, event)
	return res.Reply, outcome, err
}

// admit holds a request against what is listened for and what is allowed, and waits for its place: who waits holds a
// connection, and nothing of its body.
func (e *receiver) admit(ctx context.Context, r *http.Request, h *hearer) (leave func(), err error) {
	switch {
	case h == nil:
		return nil, &refusal{http.StatusNotFound, events.Refused, "no channel and account of the configuration has callbacks here; try: POST /events/{channel}/{account}/…"}
	case r.Method != http.MethodPost:
		return nil, &refusal{http.StatusMethodNotAllowed, events.Refused, "callbacks come by POST"}
	case !e.pace.Allow():
		return nil, &refusal{http.StatusTooManyRequests, events.Refused, "too many callbacks"}
	}
	select {
	case e.places <- struct{}{}:
		return func() { <-e.places }, nil
	case <-ctx.Done():
		return nil, &refusal{http.StatusTooManyRequests, events.Refused, "too many callbacks at a time"}
	}
}

// read reads the body, within the size and the time that are allowed.
func (e *receiver) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	// A writer without deadlines is one without a network.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(e.limits.Timeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(e.limits.MaxBody)))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, &refusal{http.StatusRequestEntityTooLarge, events.Refused, fmt.Sprintf("more than %d bytes", e.limits.MaxBody)}
	}
	if err != nil {
		return nil, &refusal{http.StatusRequestTimeout, events.Refused, "the body did not come"}
	}
	return body, nil
}

// unread translates what an adapter says of a callback that it does not give a record of.
func (e *receiver) unread(h *hearer, err error) error {
	switch plugins.KindOf(err) {
	case plugins.FailureForged:
		e.log.Warn("callback is not the channel's", "channel", h.channel, telemetry.KeyError, err)
		return &refusal{http.StatusUnauthorized, events.Forged, "the signature is not the channel's"}
	case plugins.FailureUnsupported, plugins.FailureRefused, plugins.FailureQuarantine:
		e.log.Warn("callback says nothing that the adapter knows", "channel", h.channel, telemetry.KeyError, err)
		return &refusal{http.StatusUnprocessableEntity, events.Unread, err.Error()}
	}
	return err
}
