package casework

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Service is the payment service itself, as the target of reversals: it takes payments back over the path it always uses.
// A repair is a resource of it, named by its ID: GET tells how it stands (404: not applied), PUT applies it, as often as it
// comes, once. 409 and 422 say that it will not. There is no Idempotency-Key header on purpose: net/http takes it as leave
// to send a request again by itself when a connection dies.
type Service struct {
	Base   *url.URL // the resource's name is added
	Client *http.Client
	Token  string // bearer token; "" = none
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 10

// Look asks the service.
func (s *Service) Look(ctx context.Context, r *Repair) (Standing, string, error) {
	status, text, err := s.Call(ctx, http.MethodGet, r.ID, nil)
	switch {
	case err != nil:
		return "", "", err
	case status == http.StatusNotFound:
		return StandingReady, "the service does not know it", nil
	case status == http.StatusOK:
		return StandingApplied, string(text), nil
	}
	return "", "", fmt.Errorf("ask service about repair %s: it answered %d: %s", r.ID, status, text)
}

// Apply tells the service.
func (s *Service) Apply(ctx context.Context, r *Repair) error {
	body, err := json.Marshal(struct {
		ID     string            `json:"id"`
		Case   string            `json:"case"`
		Reason string            `json:"reason"`
		Call   map[string]string `json:"call"`
	}{r.ID, r.Case, r.Proposal.Reason, r.Proposal.Call})
	if err != nil {
		return fmt.Errorf("encode repair %s: %w", r.ID, err)
	}
	status, text, err := s.Call(ctx, http.MethodPut, r.ID, body)
	switch {
	case err != nil:
		return err
	case status == http.StatusConflict || status == http.StatusUnprocessableEntity:
		return fmt.Errorf("%w: the service answered %d: %s", ErrRefused, status, text)
	case status != http.StatusOK && status != http.StatusCreated && status != http.StatusNoContent:
		return fmt.Errorf("tell service repair %s: it answered %d: %s", r.ID, status, text)
	}
	return nil
}

// Call sends a request for a resource of the service, with a JSON body unless that is nil, and gives the status and what was
// said, at most 64 KiB of it.
func (s *Service) Call(ctx context.Context, method, name string, body []byte) (status int, said []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, method, s.Base.JoinPath(url.PathEscape(name)).String(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("call service: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if s.Token != "" {
		req.Header.Set("Authorization", "Bearer "+s.Token)
	}
	resp, err := s.Client.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("call service: %w", err)
	}
	defer resp.Body.Close()
	said, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return 0, nil, fmt.Errorf("read answer of service: %w", err)
	}
	return resp.StatusCode, bytes.TrimSpace(said), nil
}
