package telemetry

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uber/jaeger-client-go/config"
	"github.com/uber/jaeger-client-go/thrift-gen/jaeger"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// agentExporter sends spans to a Jaeger agent: compact thrift in UDP packets.
//
// jaeger-client-go is archived; its thrift types and its UDP client stay behind this type.
type agentExporter struct {
	link    *agentLink
	process *jaeger.Process
	lost    prometheus.Counter
}

const agentQueue = 1000 // spans, jaeger-client's own default is 100

// AgentSettings are those of jaeger-client that hold here, from its own environment variables: JAEGER_AGENT_HOST,
// JAEGER_AGENT_PORT, JAEGER_REPORTER_MAX_QUEUE_SIZE, JAEGER_REPORTER_FLUSH_INTERVAL, JAEGER_SERVICE_NAME, JAEGER_TAGS.
type AgentSettings struct {
	Address string // host:port
	Queue   int    // spans that wait
	Flush   time.Duration
	Service string
	Tags    map[string]string
}

// ReadAgentSettings reads them; what is not set there is as given.
func ReadAgentSettings(address, service string) (AgentSettings, error) {
	cfg, err := (&config.Configuration{ServiceName: service, Reporter: &config.ReporterConfig{LocalAgentHostPort: address, QueueSize: agentQueue}}).FromEnv()
	if err != nil {
		return AgentSettings{}, fmt.Errorf("read jaeger-client's settings: %w", err)
	}
	out := AgentSettings{Address: cfg.Reporter.LocalAgentHostPort, Queue: cfg.Reporter.QueueSize, Flush: cfg.Reporter.BufferFlushInterval, Service: cfg.ServiceName, Tags: map[string]string{}}
	if out.Queue <= 0 {
		out.Queue = agentQueue
	}
	for _, tag := range cfg.Tags {
		out.Tags[tag.Key] = fmt.Sprint(tag.Value)
	}
	return out, nil
}

func newAgentExporter(s AgentSettings, lost prometheus.Counter) (*agentExporter, error) {
	if _, _, err := net.SplitHostPort(s.Address); err != nil {
		return nil, fmt.Errorf("reach the jaeger agent %s: %w", s.Address, err)
	}
	process := &jaeger.Process{ServiceName: s.Service}
	for name, value := range s.Tags {
		process.Tags = append(process.Tags, textTag(name, value))
	}
	return &agentExporter{link: &agentLink{address: s.Address, now: time.Now}, process: process, lost: lost}, nil
}

// ExportSpans sends a batch in as many packets as it needs.
func (e *agentExporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	out := make([]*jaeger.Span, len(spans))
	for i, s := range spans {
		out[i] = agentSpan(s)
	}
	return e.emit(ctx, out)
}

// emit halves a batch until its parts fit into a packet. A span that fits into none is counted as lost, as are those of a
// packet that nobody took.
func (e *agentExporter) emit(ctx context.Context, spans []*jaeger.Span) error {
	if len(spans) == 0 {
		return nil
	}
	lostBefore, err := e.link.send(ctx, &jaeger.Batch{Process: e.process, Spans: spans})
	e.lost.Add(float64(lostBefore))
	switch half := len(spans) / 2; {
	case err == nil && lostBefore > 0:
		return fmt.Errorf("send to the jaeger agent: nobody took %d spans", lostBefore)
	case errors.Is(err, errPacket) && half > 0:
		return errors.Join(e.emit(ctx, spans[:half]), e.emit(ctx, spans[half:]))
	case err != nil:
		e.lost.Add(float64(len(spans)))
		return fmt.Errorf("%d spans, of %s: %w", len(spans), spans[0].OperationName, err)
	}
	return nil
}

// Shutdown closes the socket.
func (e *agentExporter) Shutdown(context.Context) error { return e.link.close() }

func agentSpan(s sdk.ReadOnlySpan) *jaeger.Span {
	id, parent := s.SpanContext(), s.Parent()
	trace128 := id.TraceID()
	out := &jaeger.Span{
		TraceIdHigh: int64(binary.BigEndian.Uint64(trace128[:8])), TraceIdLow: int64(binary.BigEndian.Uint64(trace128[8:])),
		SpanId: spanNumber(id.SpanID()), OperationName: s.Name(), Flags: int32(id.TraceFlags()),
		StartTime: s.StartTime().UnixMicro(), Duration: s.EndTime().Sub(s.StartTime()).Microseconds(),
	}
	if parent.HasSpanID() {
		out.ParentSpanId = spanNumber(parent.SpanID())
	}
	out.Tags = append(agentTags(s.Attributes()), textTag("span.kind", s.SpanKind().String()))
	if s.Status().Code == codes.Error {
		yes := true
		out.Tags = append(out.Tags, &jaeger.Tag{Key: "error", VType: jaeger.TagType_BOOL, VBool: &yes})
	}
	for _, link := range s.Links() {
		other := link.SpanContext.TraceID()
		out.References = append(out.References, &jaeger.SpanRef{
			RefType: jaeger.SpanRefType_FOLLOWS_FROM, TraceIdHigh: int64(binary.BigEndian.Uint64(other[:8])),
			TraceIdLow: int64(binary.BigEndian.Uint64(other[8:])), SpanId: spanNumber(link.SpanContext.SpanID()),
		})
	}
	for _, event := range s.Events() {
		out.Logs = append(out.Logs, &jaeger.Log{Timestamp: event.Time.UnixMicro(), Fields: append(agentTags(event.Attributes), textTag("event", event.Name))})
	}
	return out
}

func spanNumber(id trace.SpanID) int64 { return int64(binary.BigEndian.Uint64(id[:])) }

func textTag(name, value string) *jaeger.Tag {
	return &jaeger.Tag{Key: name, VType: jaeger.TagType_STRING, VStr: &value}
}

func agentTags(attributes []attribute.KeyValue) []*jaeger.Tag {
	var out []*jaeger.Tag
	for _, a := range attributes {
		tag := &jaeger.Tag{Key: string(a.Key)}
		switch a.Value.Type() {
		case attribute.BOOL:
			v := a.Value.AsBool()
			tag.VType, tag.VBool = jaeger.TagType_BOOL, &v
		case attribute.INT64:
			v := a.Value.AsInt64()
			tag.VType, tag.VLong = jaeger.TagType_LONG, &v
		case attribute.FLOAT64:
			v := a.Value.AsFloat64()
			tag.VType, tag.VDouble = jaeger.TagType_DOUBLE, &v
		default:
			v := a.Value.String()
			tag.VType, tag.VStr = jaeger.TagType_STRING, &v
		}
		out = append(out, tag)
	}
	return out
}
