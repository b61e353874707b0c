package plugins_test

import (
	"bytes"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

func TestQuery(t *testing.T) {
	h := newRig(t).start(t)
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	ask := func(account string) (plugins.QueryResult, error) {
		return h.Query(t.Context(), plugins.QueryRequest{Account: account, Kind: recon.KindPayment, ID: "P1", Order: "P1", Time: at})
	}
	t.Run("found", func(t *testing.T) {
		want := recon.Record{
			Channel: "nowhere", Key: recon.Key{Kind: recon.KindPayment, ID: "P1"}, Order: "P1", Original: "T0", Settled: "2026-07-01",
			Amount: recon.Money{Minor: 1999, Currency: "CNY"}, Status: recon.StatusClosed, Time: at, Booked: at,
			Origin: recon.Origin{Adapter: "bad 1.0.0"},
		}
		if res, err := ask(""); err != nil || !res.Found || res.State != "CLOSED" || !reflect.DeepEqual(res.Record, want) {
			t.Errorf("got %+v, %v", res, err)
		}
	})
	t.Run("unknown is an answer", func(t *testing.T) {
		if res, err := ask("unknown"); err != nil || res.Found || res.State != "NOTEXIST" {
			t.Errorf("got %+v, %v", res, err)
		}
	})
	t.Run("another transaction", func(t *testing.T) {
		if _, err := ask("other"); !errors.Is(err, plugins.ErrContract) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a kind that was not described", func(t *testing.T) {
		_, err := h.Query(t.Context(), plugins.QueryRequest{Kind: recon.KindReversal, ID: "R"})
		if plugins.KindOf(err) != plugins.FailureUnsupported {
			t.Errorf("got %v", err)
		}
	})
}

func TestQueryHasADeadline(t *testing.T) {
	rig := newRig(t)
	rig.cfg.Timing.Query = 200 * time.Millisecond
	h := rig.start(t)
	begin := time.Now()
	_, err := h.Query(t.Context(), plugins.QueryRequest{Account: "hang", Kind: recon.KindPayment, ID: "P1"})
	if !errors.Is(err, plugins.ErrDeadline) || time.Since(begin) > 3*time.Second {
		t.Errorf("got %v after %v", err, time.Since(begin))
	}
	if n := rig.counter(t, "touchstone_adapter_failures_total", plugins.OpQuery); n != 1 {
		t.Errorf("failures_total %v", n)
	}
}

func TestQueryOfAKilledProcess(t *testing.T) {
	h := newRig(t).start(t)
	_, err := h.Query(t.Context(), plugins.QueryRequest{Account: "kill", Kind: recon.KindPayment, ID: "P1"})
	if pe, ok := errors.AsType[*plugins.ProcessError](err); !ok || pe.Op != plugins.OpQuery || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("got %v", err)
	}
}

func TestDecodeEvent(t *testing.T) {
	h := newRig(t).start(t)
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name, account, body, sign string
		want                      error
		kind                      plugins.FailureKind
	}{
		{name: "signed", body: "P1", sign: "1P"},
		{name: "forged", body: "P1", sign: "P1", kind: plugins.FailureForged},
		{name: "too long", body: strings.Repeat("x", plugins.MaxEvent+1), sign: "", kind: plugins.FailureForged},
		{name: "a kind that was not described", account: "undescribed", body: "P1", sign: "1P", want: plugins.ErrContract},
		{name: "without a reply", account: "noreply", body: "P1", sign: "1P", want: plugins.ErrContract},
		{name: "a record that breaks the contract", body: "", sign: "", kind: plugins.FailureInternal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			res, err := h.DecodeEvent(t.Context(), plugins.EventRequest{
				Account: tt.account, Method: "POST", Path: "/notify?x=\xff", Header: http.Header{"X-Sign": {tt.sign}, "X-Any": {"\xfe"}},
				Body: []byte(tt.body), Received: at,
			})
			if plugins.KindOf(err) != tt.kind || !errors.Is(err, tt.want) && tt.want != nil {
				t.Fatalf("got %+v, %v", res, err)
			}
			if tt.kind != "" || tt.want != nil {
				return
			}
			want := plugins.EventResult{Kind: "paid", State: "PAID", Reply: plugins.EventReply{Status: 200, Type: "text/plain", Body: "ok"}, Record: recon.Record{
				Channel: "nowhere", Key: recon.Key{Kind: recon.KindPayment, ID: "P1"}, Order: "P1", ChannelTxn: "/notify?x=\xff",
				Amount: recon.Money{Minor: 1, Currency: "CNY"}, Status: recon.StatusSuccess, Time: at, Origin: recon.Origin{Adapter: "bad 1.0.0"},
			}}
			if err != nil || !reflect.DeepEqual(res, want) {
				t.Errorf("got %+v, %v", res, err)
			}
		})
	}
}

// TestOldAdapterKeepsWorking runs an adapter that knows contract 1 only: its files are read as ever, and it is not asked
// for what it cannot know.
func TestOldAdapterKeepsWorking(t *testing.T) {
	rig := newRig(t)
	t.Setenv("BADADAPTER_START", "contract1")
	rig.cfg.Env = []string{"BADADAPTER_START"}
	h := rig.start(t)
	if got := h.Description().Contract; got != 1 {
		t.Fatalf("contract %d was agreed on", got)
	}
	data, sum := statement(3)
	got := &book{}
	res, err := h.Decode(t.Context(), plugins.DecodeRequest{Kind: "honest", File: "f", SHA256: sum}, bytes.NewReader(data), got)
	if err != nil || res.Records != 1 || len(got.records) != 1 || got.records[0].Key.ID != "A" || got.records[0].Origin.Line != 1 {
		t.Errorf("got %+v, %v", got.records, err)
	}
	if _, err := h.Query(t.Context(), plugins.QueryRequest{Kind: recon.KindPayment, ID: "A"}); plugins.KindOf(err) != plugins.FailureUnsupported {
		t.Errorf("query: got %v", err)
	}
	if _, err := h.DecodeEvent(t.Context(), plugins.EventRequest{}); plugins.KindOf(err) != plugins.FailureUnsupported {
		t.Errorf("event: got %v", err)
	}
}

func TestAdapterOfAnUnknownContractIsRefused(t *testing.T) {
	rig := newRig(t)
	t.Setenv("BADADAPTER_START", "contract99")
	rig.cfg.Env = []string{"BADADAPTER_START"}
	h, err := plugins.Start(t.Context(), rig.cfg)
	if err == nil {
		h.Close()
		t.Fatal("started")
	}
	if pe, ok := errors.AsType[*plugins.ProcessError](err); !ok || pe.Op != plugins.OpStart || !strings.Contains(err.Error(), "99") {
		t.Errorf("got %v", err)
	}
}

// TestStoppedHeartIsNoticed stops the process while nothing is asked of it, and in the middle of a call without an end.
func TestStoppedHeartIsNoticed(t *testing.T) {
	for _, calling := range []bool{false, true} {
		rig := newRig(t)
		rig.cfg.Path = copyOf(t, badAdapter)
		rig.cfg.Timing.Pulse, rig.cfg.Timing.Query = 100*time.Millisecond, time.Minute
		h := rig.start(t)
		result := make(chan error, 1)
		if calling {
			go func() {
				_, err := h.Query(t.Context(), plugins.QueryRequest{Account: "hang", Kind: recon.KindPayment, ID: "P1"})
				result <- err
			}()
		}
		time.Sleep(350 * time.Millisecond) // some heartbeats go well first
		for _, pid := range running(t, rig.cfg.Path) {
			if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case <-h.Done():
		case <-time.After(5 * time.Second):
			t.Fatal("nobody noticed")
		}
		if calling {
			if err := <-result; !errors.Is(err, plugins.ErrHung) {
				t.Errorf("got %v", err)
			}
		}
		if n := rig.counter(t, "touchstone_adapter_failures_total", plugins.OpPulse); n != 1 {
			t.Errorf("failures_total %v", n)
		}
		waitGone(t, rig.cfg.Path)
	}
}

func TestHeartbeatLeavesALongCallAlone(t *testing.T) {
	rig := newRig(t)
	rig.cfg.Timing.Pulse, rig.cfg.Timing.Query = 50*time.Millisecond, 600*time.Millisecond
	h := rig.start(t)
	if _, err := h.Query(t.Context(), plugins.QueryRequest{Account: "hang", Kind: recon.KindPayment, ID: "P1"}); !errors.Is(err, plugins.ErrDeadline) {
		t.Errorf("got %v", err)
	}
	if _, err := h.Describe(t.Context()); err != nil {
		t.Errorf("the process was ended: %v", err)
	}
}
