package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/payservice"
)

// HeaderOrder carries the business key of a request.
const HeaderOrder = "X-Order-Id"

// Client drives a plan against one base URL.
type Client struct {
	Base    string
	Workers int           // orders in flight; the requests of one order follow each other
	Pace    time.Duration // between two orders that start
	Sent    func(n int)   // told after each request, from any goroutine
}

// Outcome is what the customers saw.
type Outcome struct {
	Latencies []time.Duration
	Failed    []string // order ids with an answer that is not 201, with the answer
}

// Quantile gives the latency below which a share q (0..1) of the requests stayed.
func (o Outcome) Quantile(q float64) time.Duration {
	if len(o.Latencies) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(o.Latencies))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// Drive makes all requests of the plan and waits for their answers.
func (c Client) Drive(ctx context.Context, orders []Order) (Outcome, error) {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: c.Workers}}
	defer client.CloseIdleConnections()
	work := make(chan Order)
	var mu sync.Mutex
	var out Outcome
	var wg sync.WaitGroup
	for range c.Workers {
		wg.Go(func() {
			for o := range work {
				c.order(ctx, client, o, func(took time.Duration, failed string) {
					mu.Lock()
					defer mu.Unlock()
					out.Latencies = append(out.Latencies, took)
					if failed != "" {
						out.Failed = append(out.Failed, failed)
					}
					c.Sent(len(out.Latencies))
				})
			}
		})
	}
	err := c.feed(ctx, orders, work)
	wg.Wait()
	return out, err
}

func (c Client) feed(ctx context.Context, orders []Order, work chan<- Order) error {
	defer close(work)
	pace := time.NewTicker(c.Pace)
	defer pace.Stop()
	for _, o := range orders {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pace.C:
			work <- o
		}
	}
	return nil
}

// order pays and refunds; what fails is told, and the order's later requests are still made, as customers would.
func (c Client) order(ctx context.Context, client *http.Client, o Order, done func(time.Duration, string)) {
	requests := []struct {
		path string
		body payservice.Request
	}{{"/payments", payservice.Request{OrderID: o.ID, Amount: o.Amount()}}}
	for _, r := range o.Refunds {
		requests = append(requests, struct {
			path string
			body payservice.Request
		}{"/refunds", payservice.Request{OrderID: o.ID, RefundID: r.ID, Amount: r.Amount()}})
	}
	for _, r := range requests {
		start := time.Now()
		failed := ""
		if err := post(ctx, client, c.Base+r.path, o.ID, r.body); err != nil {
			failed = fmt.Sprintf("%s%s: %v", o.ID, r.path, err)
		}
		done(time.Since(start), failed)
	}
}

func post(ctx context.Context, client *http.Client, url, order string, body payservice.Request) error {
	payload, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(payload))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(HeaderOrder, order)
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	var out payservice.Answer
	if res.StatusCode != http.StatusCreated {
		return fmt.Errorf("answered %d %s", res.StatusCode, bytes.TrimSpace(answer))
	}
	if err := json.Unmarshal(answer, &out); err != nil || out.OrderID != order || out.Amount != body.Amount {
		return fmt.Errorf("the answer is not of this request: %s", bytes.TrimSpace(answer))
	}
	return nil
}
