package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

// adapter reads lines of "id minor"; the statement's kind says how it behaves.
type adapter struct{}

// Query knows the order that the account names, and misbehaves as the account says.
func (*adapter) Query(ctx context.Context, req plugins.QueryRequest) (plugins.QueryResult, error) {
	record := recon.Record{
		Key: recon.Key{Kind: req.Kind, ID: req.ID}, Order: req.Order, Original: "T0", Settled: "2026-07-01", Booked: req.Time,
		Status: recon.StatusClosed, Amount: recon.Money{Minor: 1999, Currency: "CNY"}, Time: req.Time,
	}
	switch req.Account {
	case "paid":
		record.Status = recon.StatusSuccess
	case "unknown":
		if tamed(req.Settings) {
			break
		}
		return plugins.QueryResult{State: "NOTEXIST"}, nil
	case "hang":
		select {}
	case "kill":
		return plugins.QueryResult{}, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "stray":
		record.Status, record.Order = recon.StatusSuccess, "P0"
	case "other":
		record.Key.ID += "x"
	case "spin":
		for ctx.Err() == nil {
		}
	}
	return plugins.QueryResult{Found: true, Record: record, State: "CLOSED"}, nil
}

// DecodeEvent believes a callback whose header X-Sign is the body backwards; the body is the order's number.
func (*adapter) DecodeEvent(_ context.Context, req plugins.EventRequest) (plugins.EventResult, error) {
	turned := []byte(req.Header.Get("X-Sign"))
	slices.Reverse(turned)
	if string(turned) != string(req.Body) {
		return plugins.EventResult{}, plugins.Fail(plugins.FailureForged, "X-Sign is not the body backwards")
	}
	kind, reply := "paid", plugins.EventReply{Status: 200, Type: "text/plain", Body: "ok"}
	switch req.Account {
	case "undescribed":
		kind = "refunded"
	case "noreply":
		reply = plugins.EventReply{}
	}
	return plugins.EventResult{Kind: kind, State: "PAID", Reply: reply, Record: recon.Record{
		Key: recon.Key{Kind: recon.KindPayment, ID: string(req.Body)}, Order: string(req.Body), Status: recon.StatusSuccess,
		Amount: recon.Money{Minor: 1, Currency: "CNY"}, Time: req.Received, ChannelTxn: req.Path,
	}}, nil
}

// Describe offers each behaviour as a statement kind.
func (*adapter) Describe(context.Context) (plugins.Description, error) {
	d := plugins.Description{
		Name: "bad", Version: "1.0.0", Channel: "nowhere",
		Queries: []recon.Kind{recon.KindPayment, recon.KindRefund}, Events: []plugins.EventKind{{Name: "paid"}},
	}
	for _, kind := range []string{"good", "kill", "hang", "panic", "early", "quarantine", "alloc", "env", "folder", "short", "negative", "fast"} {
		d.Kinds = append(d.Kinds, plugins.StatementKind{Name: kind})
	}
	return d, nil
}

// Fetch gives the environment for kind env, hangs for kind hang, and states a file it did not send for kind short.
func (*adapter) Fetch(ctx context.Context, req plugins.FetchRequest, w io.Writer) (plugins.FetchResult, error) {
	if path := req.Settings["statement"]; path != "" {
		return give(path, req.Date, w)
	}
	switch req.Kind {
	case "env":
		_, err := io.WriteString(w, strings.Join(os.Environ(), "\n"))
		return plugins.FetchResult{Status: plugins.FetchReady}, err
	case "folder":
		here, err := os.Getwd()
		if err != nil {
			return plugins.FetchResult{}, err
		}
		_, err = io.WriteString(w, here+"\n"+os.TempDir())
		return plugins.FetchResult{Status: plugins.FetchReady}, err
	case "hang":
		select {}
	case "kill":
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			return plugins.FetchResult{}, err
		}
		return plugins.FetchResult{}, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "short":
		return plugins.FetchResult{Status: plugins.FetchReady}, nil
	case "quarantine":
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureQuarantine, "the channel's hash is another one")
	}
	return plugins.FetchResult{Status: plugins.FetchNotReady, RetryAfter: time.Minute}, nil
}

// give is a channel whose statement is a file here; where its name has {day} there is one a day, once it is made.
func give(path, day string, w io.Writer) (plugins.FetchResult, error) {
	daily := strings.ReplaceAll(path, "{day}", day)
	text, err := os.ReadFile(daily)
	if errors.Is(err, fs.ErrNotExist) && daily != path {
		return plugins.FetchResult{Status: plugins.FetchNotReady, RetryAfter: time.Second}, nil
	}
	if err != nil {
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureUnavailable, "%v", err)
	}
	_, err = w.Write(text)
	return plugins.FetchResult{Status: plugins.FetchReady}, err
}

// tamed tells whether a file is there that keeps the adapter from misbehaving.
func tamed(settings plugins.Settings) bool {
	path := settings["tamed_by"]
	_, err := os.Stat(path)
	return path != "" && err == nil
}

// Decode emits a record a line and misbehaves after half of a batch beyond the first one.
func (*adapter) Decode(ctx context.Context, req plugins.DecodeRequest, r io.Reader, emit plugins.Emitter) (plugins.DecodeResult, error) {
	if req.Kind == "fast" {
		return fast(r, emit)
	}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		if err := line(n, lines.Text(), emit); err != nil {
			return plugins.DecodeResult{}, err
		}
		if n == plugins.MaxBatch*3/2 {
			time.Sleep(50 * time.Millisecond) // lets the first batch reach the host
			if tamed(req.Settings) {
				continue
			}
			if done, err := misbehave(req.Kind, emit); done {
				return plugins.DecodeResult{}, err
			}
		}
	}
	return plugins.DecodeResult{}, lines.Err()
}

func line(n int, text string, emit plugins.Emitter) error {
	origin := recon.Origin{Line: n}
	id, amount, _ := strings.Cut(text, " ")
	minor, err := strconv.ParseInt(amount, 10, 64)
	if err != nil {
		return emit.Reject(recon.Reject{Origin: origin, Column: len(id) + 2, Field: "amount", Value: amount, Reason: "not a number"})
	}
	return emit.Record(recon.Record{
		Key: recon.Key{Kind: recon.KindPayment, ID: id}, Order: id, Status: recon.StatusSuccess,
		Amount: recon.Money{Minor: minor, Currency: "CNY"}, Origin: origin,
	})
}

// misbehave tells whether Decode must end now.
func misbehave(kind string, emit plugins.Emitter) (bool, error) {
	switch kind {
	case "kill":
		return true, syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "hang":
		select {}
	case "panic":
		panic("no such case")
	case "early":
		return true, nil
	case "quarantine":
		return true, plugins.Fail(plugins.FailureQuarantine, "details are not the summary")
	case "alloc":
		var held [][]byte
		for i := range 1 << 12 {
			block := make([]byte, 1<<20)
			for j := 0; j < len(block); j += 4096 {
				block[j] = byte(i)
			}
			held = append(held, block)
		}
		return true, fmt.Errorf("%d blocks fitted", len(held))
	case "negative":
		return true, emit.Record(recon.Record{
			Key: recon.Key{Kind: recon.KindPayment, ID: "N"}, Order: "N", Status: recon.StatusSuccess,
			Amount: recon.Money{Minor: -1, Currency: "CNY"}, Origin: recon.Origin{Line: 1},
		})
	}
	return false, nil
}
