package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/seed-3356bd69/touchstone/comparer/rollout"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// rollbacks tells sidecars of rollbacks, at their admin ports. What a policy asks for beside that is in their own
// configuration; this has nothing to tell them of it.
type rollbacks struct {
	client *http.Client
	urls   []*url.URL

	mu    sync.Mutex
	state []rollout.Subscriber
}

const tellBound = 5 * time.Second

func newRollbacks(urls []*url.URL) *rollbacks {
	out := &rollbacks{client: &http.Client{Timeout: tellBound}, urls: urls}
	for _, u := range urls {
		out.state = append(out.state, rollout.Subscriber{Name: u.Host, State: "not told yet"})
	}
	return out
}

// Publish tells every sidecar that has not confirmed the policy's rollback, all at the same time.
func (r *rollbacks) Publish(ctx context.Context, p shadow.Policy) error {
	errs := make([]error, len(r.urls))
	var all sync.WaitGroup
	for i := range r.urls {
		if r.has(i, p.Epoch) {
			continue
		}
		all.Go(func() { errs[i] = r.tell(ctx, i, p) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (r *rollbacks) has(i int, epoch uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state[i].Settled && r.state[i].Epoch == epoch
}

func (r *rollbacks) tell(ctx context.Context, i int, p shadow.Policy) error {
	var err error
	if p.RolledBack {
		err = r.post(ctx, r.urls[i], p.Epoch)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.state[i]
	if err != nil {
		s.Settled, s.State, s.Reason = false, "not told", err.Error()
		return fmt.Errorf("tell %s: %w", s.Name, err)
	}
	*s = rollout.Subscriber{Name: s.Name, State: "told", Settled: true, Epoch: p.Epoch}
	return nil
}

func (r *rollbacks) post(ctx context.Context, u *url.URL, epoch uint64) error {
	body, err := json.Marshal(map[string]uint64{"epoch": epoch})
	if err != nil {
		return fmt.Errorf("encode rollback: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.JoinPath("rollback").String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := r.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 4<<10))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	var now struct {
		Epoch uint64 `json:"rollback_epoch"`
	}
	// A sidecar that could not keep the epoch has it in force all the same.
	if err := json.Unmarshal(text, &now); err != nil || now.Epoch < epoch {
		return fmt.Errorf("status %d: %.200s", res.StatusCode, text)
	}
	return nil
}

// Subscribers are the sidecars.
func (r *rollbacks) Subscribers() []rollout.Subscriber {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]rollout.Subscriber{}, r.state...)
}
