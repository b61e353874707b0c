package api

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/recon/casework"
)

//go:embed openapi.json
var document []byte

// Document is the OpenAPI document.
func Document() []byte { return append([]byte(nil), document...) }

// Who tells who sends a request, by its bearer token.
type Who interface {
	// Actor gives the person, or ErrStranger.
	Actor(ctx context.Context, token string) (casework.Actor, error)
}

// ErrStranger means that a token is nobody's, or no longer.
var ErrStranger = errors.New("the token is nobody's")

// API answers for one desk.
type API struct {
	Desk   *casework.Desk
	Who    Who
	Traces Traces // nil: cases are shown without
}

// Traces knows the requests of an order.
type Traces interface {
	// Of gives the traces of an order's requests, oldest first; none where nobody saw the order.
	Of(ctx context.Context, order string) ([]Trace, error)
}

// Trace is where one request of an order is told.
type Trace struct {
	Route string    `json:"route"`
	Time  time.Time `json:"time"`
	ID    string    `json:"id"`            // of the trace, 32 hex digits
	URL   string    `json:"url,omitempty"` // of the page that shows it
}

// request is a request of somebody who is known.
type request struct {
	*http.Request
	who casework.Actor
}

// answer is what is sent back; a nil body sends none.
type answer struct {
	status int
	body   any
}

// Handler serves /api/v1/.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document) // a client that went away cannot be told
	})
	for pattern, do := range map[string]func(*request) (answer, error){
		"GET /api/v1/cases":                   a.list,
		"GET /api/v1/cases/{id}":              a.show,
		"POST /api/v1/cases/{id}/take":        a.take,
		"POST /api/v1/cases/{id}/assign":      a.assign,
		"POST /api/v1/cases/{id}/comments":    a.comment,
		"POST /api/v1/cases/{id}/attachments": a.attach,
		"POST /api/v1/cases/{id}/moves":       a.move,
		"POST /api/v1/cases/{id}/close":       a.close,
		"POST /api/v1/cases/{id}/reopen":      a.reopen,
		"POST /api/v1/cases/{id}/repairs":     a.propose,
		"GET /api/v1/repairs":                 a.begun,
		"GET /api/v1/repairs/{id}":            a.repair,
		"POST /api/v1/repairs/{id}/approve":   a.approve,
		"POST /api/v1/repairs/{id}/reject":    a.reject,
		"POST /api/v1/repairs/{id}/apply":     a.apply,
		"GET /api/v1/sla":                     a.sla,
	} {
		mux.HandleFunc(pattern, a.known(do))
	}
	mux.HandleFunc("GET /api/v1/attachments/{sha256}", a.attachment)
	mux.HandleFunc("GET /api/v1/exports/{what}", a.export)
	return mux
}

// known lets in who is known and may read, and sends what do gives.
func (a *API) known(do func(*request) (answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, err := a.actor(r, casework.ActRead)
		if err != nil {
			refuse(w, err)
			return
		}
		switch out, err := do(&request{r, who}); {
		case err != nil:
			refuse(w, err)
		default:
			write(w, out.status, out.body)
		}
	}
}

const maxToken = 8 << 10

func (a *API) actor(r *http.Request, do casework.Action) (casework.Actor, error) {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer || token == "" || len(token) > maxToken {
		return casework.Actor{}, ErrStranger
	}
	who, err := a.Who.Actor(r.Context(), token)
	if err != nil {
		return who, err
	}
	if t := regexp.MustCompile(`^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$`).FindStringSubmatch(r.Header.Get("Traceparent")); t != nil {
		who.Trace = t[1]
	}
	if !who.Role.May(do) {
		return who, fmt.Errorf("%w: %q has the role %q", casework.ErrForbidden, who.Name, who.Role)
	}
	return who, nil
}

// maxBody bounds a request's JSON.
const maxBody = 256 << 10

// read decodes a request's body; what it does not know it does not take.
func (r *request) read(into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("body: %w: %w", casework.ErrInput, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("body: %w: something follows the JSON", casework.ErrInput)
	}
	return nil
}

// statusOf is the status of an error: the client's fault, the state's, or ours.
func statusOf(err error) int {
	for status, kinds := range map[int][]error{
		http.StatusUnauthorized: {ErrStranger},
		http.StatusForbidden:    {casework.ErrForbidden, casework.ErrFourEyes},
		http.StatusNotFound:     {casework.ErrNotFound},
		http.StatusBadRequest:   {casework.ErrInput, casework.ErrID, audit.ErrEntry},
		http.StatusConflict:     {casework.ErrConflict, casework.ErrMove, casework.ErrRefused},
	} {
		for _, kind := range kinds {
			if errors.Is(err, kind) {
				return status
			}
		}
	}
	return http.StatusServiceUnavailable // the log, the store or a target does not answer: nothing was done, or its end is told as unknown
}

func refuse(w http.ResponseWriter, err error) {
	status := statusOf(err)
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	write(w, status, map[string]string{"error": err.Error()})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that went away cannot be told
}
