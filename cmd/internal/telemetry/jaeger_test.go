package telemetry

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uber/jaeger-client-go/thrift"
	"github.com/uber/jaeger-client-go/thrift-gen/agent"
	"github.com/uber/jaeger-client-go/thrift-gen/jaeger"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// jaegerAgent stands for a Jaeger agent: it decodes what comes to its UDP port.
func jaegerAgent(t *testing.T) (addr string, batches chan *jaeger.Batch) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.(*net.UDPConn).SetReadBuffer(8 << 20)
	batches = make(chan *jaeger.Batch, 1000)
	go func() {
		buf := make([]byte, 70_000)
		for {
			n, _, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if n >= agentPacket {
				t.Errorf("a packet of %d bytes", n)
			}
			transport := thrift.NewTMemoryBufferLen(n)
			transport.Write(buf[:n])
			in := thrift.NewTCompactProtocolFactoryConf(nil).GetProtocol(transport)
			if name, _, _, err := in.ReadMessageBegin(t.Context()); err != nil || name != "emitBatch" {
				t.Errorf("message %q, %v", name, err)
				return
			}
			args := agent.NewAgentEmitBatchArgs()
			if err := args.Read(t.Context(), in); err != nil {
				t.Error(err)
				return
			}
			batches <- args.Batch
		}
	}()
	return conn.LocalAddr().String(), batches
}

func TestSpansReachAJaegerAgentInSmallPackets(t *testing.T) {
	addr, batches := jaegerAgent(t)
	t.Setenv("JAEGER_TAGS", "cluster=c1")
	r := prometheus.NewRegistry()
	tr, err := NewTracing(t.Context(), TracingConfig{Agent: addr, PerMillion: perMillion, Service: "touchstone-sidecar", Version: "1", Instance: "pod-1", Registerer: r})
	if err != nil {
		t.Fatal(err)
	}
	tracer := tr.Provider.Tracer("test")
	ctx, root := tracer.Start(t.Context(), "pay", trace.WithSpanKind(trace.SpanKindServer))
	const n = 300
	for i := range n {
		_, span := tracer.Start(ctx, fmt.Sprint("call ", i), trace.WithAttributes(attribute.String("text", strings.Repeat("x", 1500)), attribute.Int("i", i), attribute.Bool("recon.mismatch", true)))
		span.SetStatus(codes.Error, "differs")
		span.End()
	}
	_, long := tracer.Start(ctx, "long", trace.WithAttributes(attribute.String("text", strings.Repeat("x", 70_000))))
	long.End()
	root.End()
	if err := tr.Shutdown(t.Context()); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	seen := map[string]*jaeger.Span{}
	for deadline := time.After(5 * time.Second); len(seen) < n+1; {
		select {
		case b := <-batches:
			if b.Process.ServiceName != "touchstone-sidecar" || !strings.Contains(fmt.Sprint(b.Process.Tags), "cluster") {
				t.Errorf("process %v", b.Process)
			}
			for _, s := range b.Spans {
				seen[s.OperationName] = s
			}
		case <-deadline:
			t.Fatalf("%d spans came", len(seen))
		}
	}
	pay, call := seen["pay"], seen["call 7"]
	if call.ParentSpanId != pay.SpanId || call.TraceIdLow != pay.TraceIdLow || call.TraceIdHigh != pay.TraceIdHigh || pay.ParentSpanId != 0 {
		t.Errorf("call %v is not under pay %v", call, pay)
	}
	tags := map[string]string{}
	for _, tag := range call.Tags {
		tags[tag.Key] = fmt.Sprint(tag.VBool != nil && *tag.VBool, tag.VLong != nil && *tag.VLong == 7, tag.VStr != nil)
	}
	if tags["error"] != "true false false" || tags["i"] != "false true false" || tags["recon.mismatch"] != "true false false" {
		t.Errorf("tags %v", tags)
	}
	if lost := count(t, r, "touchstone_trace_lost_spans_total"); lost != 1 {
		t.Errorf("%v spans were lost, one was too long", lost)
	}
}

func TestTraceIsMadeAndUberIsUnderstood(t *testing.T) {
	tr, err := NewTracing(t.Context(), TracingConfig{Service: "s", Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	pass := func(in propagation.MapCarrier) propagation.MapCarrier {
		ctx, span := tr.Provider.Tracer("test").Start(tr.Propagator.Extract(t.Context(), in), "x")
		defer span.End()
		out := propagation.MapCarrier{}
		tr.Propagator.Inject(ctx, out)
		return out
	}
	if out := pass(propagation.MapCarrier{}); len(out["traceparent"]) != 55 || !strings.HasSuffix(out["traceparent"], "-00") || out["uber-trace-id"] != "" {
		t.Errorf("without a trace: %v", out)
	}
	const w3c = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	if out := pass(propagation.MapCarrier{"traceparent": w3c}); !strings.HasPrefix(out["traceparent"], w3c[:36]) || !strings.HasSuffix(out["traceparent"], "-01") {
		t.Errorf("a caller's trace and decision: %v", out)
	}
	out := pass(propagation.MapCarrier{"uber-trace-id": "4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7:0:1"})
	if !strings.HasPrefix(out["traceparent"], w3c[:36]) || !strings.HasPrefix(out["uber-trace-id"], w3c[3:35]+":") {
		t.Errorf("jaeger-client's trace: %v", out)
	}
	if out := pass(propagation.MapCarrier{"traceparent": w3c, "uber-trace-id": "1:2:0:1"}); !strings.HasPrefix(out["traceparent"], w3c[:36]) {
		t.Errorf("both: %v", out)
	}
}
