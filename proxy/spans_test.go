package proxy

import (
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/seed-3356bd69/touchstone/shadow"
)

func TestMismatchesMarkASpanWithoutTheirValues(t *testing.T) {
	seen := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(seen))
	var found []shadow.Mismatch
	for range 40 {
		found = append(found, shadow.Mismatch{Place: shadow.InCall, Name: "charge", Field: "items.0.price", Kind: shadow.KindError, Expected: "secret-100", Actual: "secret-10"})
	}
	for _, list := range [][]shadow.Mismatch{nil, found} {
		_, span := provider.Tracer("test").Start(t.Context(), "verdict pay")
		mark(span, list)
		span.End()
	}
	spans := seen.GetSpans()
	if clean := spans[0]; len(clean.Attributes) != 0 || clean.Status.Code != codes.Unset {
		t.Errorf("a match is %v, %v", clean.Attributes, clean.Status)
	}
	bad, values := spans[1], map[string]string{}
	for _, a := range bad.Attributes {
		values[string(a.Key)] = a.Value.String()
	}
	if len(values) != 2 || values[attrMismatch] != "true" || values[attrField] != "call charge items.*.price" {
		t.Errorf("tags %v", values)
	}
	if bad.Status.Code != codes.Error || len(bad.Events) != tracedMismatches {
		t.Errorf("status %v, %d events", bad.Status, len(bad.Events))
	}
	for _, e := range bad.Events {
		if len(e.Attributes) != 2 || e.Attributes[0].Value.String() != "call charge items.*.price" || e.Attributes[1].Value.String() != string(shadow.KindError) {
			t.Fatalf("event %v", e.Attributes)
		}
	}
}
