package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// client is one keep-alive connection that posts payments.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte
}

func dialClient(addr string) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &client{conn: conn, in: bufio.NewReaderSize(conn, 8<<10)}, nil
}

func (c *client) post(order, body string) error {
	c.out = fmt.Appendf(c.out[:0], "POST /payments HTTP/1.1\r\nHost: pay.example\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\nX-Order-Id: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", order, len(body), body)
	if _, err := c.conn.Write(c.out); err != nil {
		return err
	}
	return skipMessage(c.in)
}

const connections = 64

// result is what a load gave: requests, and the time of each in microseconds.
type result struct {
	took []float64
}

func (r result) p99() float64 {
	s := slices.Sorted(slices.Values(r.took))
	return s[len(s)*99/100]
}

// closedLoop posts as fast as 64 connections do.
func closedLoop(ctx context.Context, addr, prefix string, span time.Duration) (result, error) {
	end := time.Now().Add(span)
	return eachConnection(addr, func(n int, c *client) (took []float64, err error) {
		body := document(1000)
		for i := 0; time.Now().Before(end) && ctx.Err() == nil; i++ {
			start := time.Now()
			if err := c.post(fmt.Sprintf("%s-%d-%d", prefix, n, i), body); err != nil {
				return nil, err
			}
			took = append(took, float64(time.Since(start).Microseconds()))
		}
		return took, nil
	})
}

// openLoop posts at a fixed rate, each connection at its own times, and measures from the time a request was due.
func openLoop(ctx context.Context, addr, prefix string, rate int, span time.Duration) (result, error) {
	every := time.Second * connections / time.Duration(rate)
	start := time.Now().Add(10 * time.Millisecond)
	return eachConnection(addr, func(n int, c *client) (took []float64, err error) {
		body := document(1000)
		due := start.Add(every * time.Duration(n) / connections)
		for i := 0; due.Sub(start) < span && ctx.Err() == nil; i++ {
			time.Sleep(time.Until(due))
			if err := c.post(fmt.Sprintf("%s-%d-%d", prefix, n, i), body); err != nil {
				return nil, err
			}
			took = append(took, float64(time.Since(due).Microseconds()))
			due = due.Add(every)
		}
		return took, nil
	})
}

func eachConnection(addr string, work func(n int, c *client) ([]float64, error)) (result, error) {
	var mu sync.Mutex
	var all result
	var failed error
	var wg sync.WaitGroup
	for n := range connections {
		wg.Go(func() {
			c, err := dialClient(addr)
			var took []float64
			if err == nil {
				defer c.conn.Close()
				took, err = work(n, c)
			}
			mu.Lock()
			defer mu.Unlock()
			all.took, failed = append(all.took, took...), errors.Join(failed, err)
		})
	}
	wg.Wait()
	return all, failed
}
