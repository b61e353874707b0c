package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/casework"
)

// asker speaks with the API.
type asker struct {
	base  *url.URL
	token string
}

const askTimeout = 2 * time.Minute

func (c *caseCmd) asker() (*asker, error) {
	token, err := os.ReadFile(c.Token)
	if err != nil {
		return nil, fmt.Errorf("read token: %w", err)
	}
	return &asker{c.URL, strings.TrimSpace(string(token))}, nil
}

// send sends a request and gives its answer, which must be closed; an error that the server names is the error.
func (a *asker) send(ctx context.Context, method, path string, query url.Values, kind string, body io.Reader) (*http.Response, error) {
	at := a.base.JoinPath("/api/v1/", path)
	at.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, at.String(), body)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", a.base, err)
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w; try: touchstone recon serve FILE, or --url", a.base, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	var refused struct{ Error string }
	err = json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&refused)
	if err != nil || refused.Error == "" {
		refused.Error = fmt.Sprintf("%s answered %s", a.base, resp.Status)
	}
	return nil, errors.Join(errors.New(refused.Error), resp.Body.Close())
}

// ask sends JSON and decodes JSON.
func (c *caseCmd) ask(method, path string, query url.Values, body, into any) (err error) {
	a, err := c.asker()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	kind := "application/json"
	if method == http.MethodGet {
		text, kind = nil, ""
	}
	resp, err := a.send(ctx, method, path, query, kind, strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("read answer of %s: %w", c.URL, err)
	}
	return nil
}

// act does something to a case and prints what it is now.
func (c *caseCmd) act(s *streams, path string, body any) error {
	var now casework.Case
	if err := c.ask(http.MethodPost, path, nil, body, &now); err != nil {
		return err
	}
	return printCase(s.out, &now)
}

func (c *caseCmd) repair(s *streams, path string, body any) error {
	var now casework.Repair
	if err := c.ask(http.MethodPost, path, nil, body, &now); err != nil {
		return err
	}
	return printRepair(s.out, &now)
}
