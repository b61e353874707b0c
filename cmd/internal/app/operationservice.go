package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/seed-3356bd69/touchstone/recon/batch"
)

// operationService is the payment service, which sends operations to channels. An operation is a resource of it, by name:
// GET tells how it stands, PUT asks for it, as often as it comes, once.
//
//	404            it never came
//	200, 201, 204  it is done; {"rest": 12} says what a split left, in minor units
//	202            it is under way
//	409, 410, 422  it will never be done
//
// There is no Idempotency-Key header on purpose: net/http takes it as leave to send a request again by itself.
type operationService struct {
	base   *url.URL // the name is added
	client *http.Client
	token  string // bearer token; "" = none
}

const maxServiceAnswer = 64 << 10

func (s *operationService) look(ctx context.Context, name string) (batch.Told, error) {
	status, body, err := s.call(ctx, http.MethodGet, name, nil)
	if err != nil {
		return batch.Told{}, err
	}
	if status == http.StatusNotFound {
		return batch.Told{Known: batch.Unheard}, nil
	}
	return toldBy(status, body)
}

func (s *operationService) send(ctx context.Context, name string, o *batch.Operation) (batch.Told, error) {
	body, err := json.Marshal(struct {
		ID        string              `json:"operation"`
		Kind      batch.OperationKind `json:"operation_kind"`
		Operation json.RawMessage     `json:"payload"`
	}{o.ID, o.Kind, o.Payload})
	if err != nil {
		return batch.Told{}, fmt.Errorf("encode operation %s: %w", o.ID, err)
	}
	status, answer, err := s.call(ctx, http.MethodPut, name, body)
	if err != nil {
		return batch.Told{}, err
	}
	return toldBy(status, answer)
}

func toldBy(status int, body []byte) (batch.Told, error) {
	out := batch.Told{}
	switch status {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent:
		out.Known = batch.Done
	case http.StatusAccepted:
		out.Known = batch.Going
	case http.StatusConflict, http.StatusGone, http.StatusUnprocessableEntity:
		out.Known = batch.Refused
	default:
		return out, fmt.Errorf("ask service: it answered %d: %.200q", status, body)
	}
	if json.Valid(body) {
		out.Raw = body
		var said struct {
			Rest *int64 `json:"rest"`
		}
		if err := json.Unmarshal(body, &said); err == nil && said.Rest != nil { // a body of another form says nothing about a rest
			out.Rest = *said.Rest
		}
	}
	if out.Rest < 0 {
		return out, fmt.Errorf("ask service: a split cannot leave %d", out.Rest)
	}
	return out, nil
}

func (s *operationService) call(ctx context.Context, method, name string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.base.JoinPath(url.PathEscape(name)).String(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("call service: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("call service: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxServiceAnswer))
	if err != nil {
		return 0, nil, fmt.Errorf("read answer of service: %w", err)
	}
	return resp.StatusCode, bytes.TrimSpace(answer), nil
}
