package app

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/seed-3356bd69/touchstone/shadow"
)

func TestStatementsStandBelowTheRequestOfTheirOrderAndSide(t *testing.T) {
	seen := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(seen))
	spans := newStatementSpans(provider)
	_, request := provider.Tracer("test").Start(t.Context(), "pay")
	spans.began("P1", shadow.Primary, request.SpanContext())
	set := shadow.WriteSet{Side: shadow.Primary, Order: "P1", Outcome: shadow.CommitUnknown, Sealed: time.Unix(1000, 0)}
	for range tracedStatements + 5 {
		set.Statements = append(set.Statements, shadow.Statement{Verb: "insert", Table: "orders", Text: "INSERT INTO orders VALUES (?)"})
	}
	spans.tell(set)
	got := seen.GetSpans()
	if len(got) != tracedStatements {
		t.Fatalf("%d spans", len(got))
	}
	first := got[0]
	if first.Name != "insert orders" || first.Parent.SpanID() != request.SpanContext().SpanID() || !first.StartTime.Equal(set.Sealed) || !first.EndTime.Equal(set.Sealed) || first.Status.Code != codes.Error {
		t.Errorf("span %+v", first)
	}
	seen.Reset()
	set.Side = shadow.Shadow // whose request is not known
	spans.tell(set)
	set.Side, set.Order = shadow.Primary, "P2"
	spans.tell(set)
	(*statementSpans)(nil).tell(set) // nobody is sent spans
	if got := seen.GetSpans(); len(got) != 0 {
		t.Errorf("spans of unknown requests: %v", got)
	}
}
