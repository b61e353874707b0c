package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/casework"
)

// operationService is the payment service, which sends operations to channels. An operation is a resource of it, by name:
// GET tells how it stands, PUT asks for it, as often as it comes, once.
//
//	404            it never came
//	200, 201, 204  it is done; {"rest": 12} says what a split left, in minor units
//	202            it is under way
//	409, 410, 422  it will never be done
type operationService struct{ casework.Service }

func (s *operationService) look(ctx context.Context, name string) (batch.Told, error) {
	status, body, err := s.Call(ctx, http.MethodGet, name, nil)
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
	status, answer, err := s.Call(ctx, http.MethodPut, name, body)
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
