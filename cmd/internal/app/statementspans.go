package app

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-3356bd69/touchstone/proxy"
	"github.com/seed-3356bd69/touchstone/proxy/lru"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// statementSpans puts the statements of a committed transaction below the span that its order's request has on that side.
// The databases' connections do not say which request they work for, so it is the one of that order that began last at
// this sidecar; an order that it knows no request of gets no spans. What is known of a statement is when its transaction
// ended: its span is a point in time.
type statementSpans struct {
	tracer trace.Tracer
	mu     sync.Mutex
	recent *lru.Cache[orderSide, trace.SpanContext]
}

type orderSide struct {
	order string
	side  shadow.Side
}

const (
	tracedOrders     = 4096
	tracedStatements = 64 // of one transaction; the queue of spans is not much longer
)

func newStatementSpans(p trace.TracerProvider) *statementSpans {
	return &statementSpans{tracer: p.Tracer("github.com/seed-3356bd69/touchstone/cmd/internal/app"), recent: lru.New[orderSide, trace.SpanContext](tracedOrders)}
}

// began remembers the span of an order.
func (s *statementSpans) began(order string, side shadow.Side, span trace.SpanContext) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recent.Put(orderSide{order, side}, span)
}

// tell makes spans of a masked write set. A nil s makes none.
func (s *statementSpans) tell(ws shadow.WriteSet) {
	if s == nil {
		return
	}
	s.mu.Lock()
	span, ok := s.recent.Get(orderSide{ws.Order, ws.Side})
	s.mu.Unlock()
	if !ok {
		return
	}
	parent := trace.ContextWithSpanContext(context.Background(), span)
	for _, st := range ws.Statements[:min(len(ws.Statements), tracedStatements)] {
		s.statement(parent, &ws, st)
	}
}

func (s *statementSpans) statement(parent context.Context, ws *shadow.WriteSet, st shadow.Statement) {
	_, span := s.tracer.Start(parent, st.Verb+" "+st.Table, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(ws.Sealed),
		trace.WithAttributes(proxy.SpanOrigin(ws.Side)...),
		trace.WithAttributes(attribute.String("db.system.name", "mysql"), attribute.String("db.query.text", st.Text),
			attribute.Int64("touchstone.affected", int64(st.Affected)), attribute.String("touchstone.commit", string(ws.Outcome)),
			attribute.Int("touchstone.statements", len(ws.Statements))))
	if ws.Outcome == shadow.CommitUnknown {
		span.SetStatus(codes.Error, "commit unknown")
	}
	span.End(trace.WithTimestamp(ws.Sealed))
}
