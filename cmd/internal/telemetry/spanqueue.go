package telemetry

import (
	"context"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// spanQueue is the SDK's batch processor with a bound of its own: the SDK drops what finds no room without a word, and here
// each span that does is counted. The bound is never above the SDK's, so that the SDK always has room.
type spanQueue struct {
	sdk.SpanProcessor
	bound   int64
	waiting atomic.Int64 // not yet handed to the exporter, or by it to the network
	lost    prometheus.Counter
}

// newSpanQueue puts a queue before an exporter.
func newSpanQueue(exporter sdk.SpanExporter, bound int, lost prometheus.Counter, options ...sdk.BatchSpanProcessorOption) *spanQueue {
	q := &spanQueue{bound: int64(bound), lost: lost}
	options = append(options, sdk.WithMaxQueueSize(bound), sdk.WithMaxExportBatchSize(min(spanBatch, bound)), sdk.WithExportTimeout(exportTimeout))
	q.SpanProcessor = sdk.NewBatchSpanProcessor(leaving{exporter, q}, options...)
	return q
}

// OnEnd takes a span, or counts it as lost. It never waits.
func (q *spanQueue) OnEnd(s sdk.ReadOnlySpan) {
	switch {
	case !s.SpanContext().IsSampled():
	case q.waiting.Add(1) > q.bound:
		q.waiting.Add(-1)
		q.lost.Inc()
	default:
		q.SpanProcessor.OnEnd(s)
	}
}

// leaving makes room in the queue once a batch is gone.
type leaving struct {
	sdk.SpanExporter
	queue *spanQueue
}

func (l leaving) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	defer l.queue.waiting.Add(-int64(len(spans)))
	return l.SpanExporter.ExportSpans(ctx, spans)
}
