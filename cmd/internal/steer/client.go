package steer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/seed-3356bd69/touchstone/comparer/rollout"
	"github.com/seed-3356bd69/touchstone/comparer/server"
)

// Client speaks to one comparer.
type Client struct {
	base *url.URL
	http *http.Client
}

const (
	askBound  = 40 * time.Second // longer than the comparer takes at most for an act
	maxAnswer = 16 << 20
)

// New makes a client of the comparer at a URL such as http://127.0.0.1:9200.
func New(address string) (*Client, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return nil, fmt.Errorf("is no URL of a comparer (got %q); try: http://127.0.0.1:9200", address)
	}
	return &Client{base: base, http: &http.Client{Timeout: askBound}}, nil
}

// Gate asks where the gate stands.
func (c *Client) Gate(ctx context.Context) (server.Gate, error) {
	return c.call(ctx, http.MethodGet, "", "", nil)
}

// Act tells what a person wants, and gives where the gate stands then.
func (c *Client) Act(ctx context.Context, token string, act rollout.Act, wish server.Wish) (server.Gate, error) {
	body, err := json.Marshal(wish)
	if err != nil {
		return server.Gate{}, fmt.Errorf("encode wish: %w", err)
	}
	return c.call(ctx, http.MethodPost, string(act), token, body)
}

func (c *Client) call(ctx context.Context, method, act, token string, body []byte) (server.Gate, error) {
	var out server.Gate
	req, err := http.NewRequestWithContext(ctx, method, c.base.JoinPath("api/v1/gate", act).String(), bytes.NewReader(body))
	if err != nil {
		return out, fmt.Errorf("make request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return out, fmt.Errorf("ask the comparer: %w; try: --comparer with the address of its listen", err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return out, fmt.Errorf("read the comparer's answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return out, refused(res.StatusCode, text)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return out, fmt.Errorf("decode the comparer's answer: %w", err)
	}
	return out, nil
}

func refused(status int, text []byte) error {
	var problem struct {
		Error string `json:"error"`
	}
	if err := json.Unmarshal(text, &problem); err != nil || problem.Error == "" {
		return fmt.Errorf("the comparer answered %d: %.200s", status, text)
	}
	return fmt.Errorf("the comparer answered %d: %s", status, problem.Error)
}
