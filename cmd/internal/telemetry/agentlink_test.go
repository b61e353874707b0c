package telemetry

import (
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uber/jaeger-client-go/thrift-gen/jaeger"
)

// A packet to a port where nobody listens is lost without a word; the next write tells.
func TestPacketsThatNobodyTookAreLost(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := conn.LocalAddr().String()
	lost := prometheus.NewCounter(prometheus.CounterOpts{Name: "lost"})
	r := prometheus.NewRegistry()
	r.MustRegister(lost)
	exporter, err := newAgentExporter(AgentSettings{Address: addr, Service: "s"}, lost)
	if err != nil {
		t.Fatal(err)
	}
	send := func(n int) {
		_ = exporter.emit(t.Context(), emptySpans(n)) // the count tells
	}
	expect := func(when string, want float64) {
		t.Helper()
		if got := count(t, r, "lost"); got != want {
			t.Errorf("%s: %v spans are lost, want %v", when, got, want)
		}
	}
	send(1)
	expect("somebody listens", 0)
	conn.Close()
	send(2)
	expect("nobody does, and nothing told", 0)
	send(3)
	expect("the first refusal", 2)
	conn, err = net.ListenPacket("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	send(4)
	expect("somebody listens again", 5)
	send(5)
	expect("all is well", 5)
	buf := make([]byte, agentPacket)
	for range 2 {
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, _, err := conn.ReadFrom(buf); err != nil {
			t.Error(err)
		}
	}
	if err := exporter.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func emptySpans(n int) []*jaeger.Span {
	out := make([]*jaeger.Span, n)
	for i := range out {
		out[i] = &jaeger.Span{OperationName: "pay"}
	}
	return out
}

// An agent whose name nobody knows yet keeps nobody from starting.
func TestAnUnknownAgentIsNoReasonNotToStart(t *testing.T) {
	r := prometheus.NewRegistry()
	tracing, err := NewTracing(t.Context(), TracingConfig{Agent: "jaeger.invalid:6831", PerMillion: perMillion, Service: "s", Registerer: r})
	if err != nil {
		t.Fatal(err)
	}
	_, span := tracing.Provider.Tracer("test").Start(t.Context(), "pay")
	span.End()
	if err := tracing.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if lost := count(t, r, "touchstone_trace_lost_spans_total"); lost != 1 {
		t.Errorf("%v spans lost, want 1", lost)
	}
}
