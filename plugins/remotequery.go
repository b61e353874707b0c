package plugins

import (
	"context"
	"fmt"
	"slices"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
	"github.com/seed-3356bd69/touchstone/recon"
)

// Query asks the channel, through the adapter, for its state of one transaction.
func (r *remote) Query(ctx context.Context, req QueryRequest) (QueryResult, error) {
	if !slices.Contains(r.desc.Queries, req.Kind) {
		return QueryResult{}, Fail(FailureUnsupported, "adapter %s cannot query a %s", r.name, req.Kind)
	}
	at, err := timeCode(req.Time)
	if err != nil {
		return QueryResult{}, Fail(FailureConfig, "query: %v", err)
	}
	defer r.metrics.timed(r.name, OpQuery)()
	call, cancel, stop := bounded(ctx, r.timing.Query)
	defer stop()
	defer cancel(errDone)
	out, err := r.rpc.Query(call, &pb.QueryRequest{
		Account: req.Account, Kind: string(req.Kind), Id: req.ID, Order: req.Order, ChannelTxn: req.ChannelTxn, Time: at,
		Settings: req.Settings,
	})
	switch {
	case err != nil:
		return QueryResult{}, r.failed(OpQuery, ctx, call, err)
	case out.Failure != nil:
		return QueryResult{}, r.reported(OpQuery, out.Failure)
	case !out.Found:
		return QueryResult{State: out.State}, nil
	}
	res := QueryResult{Found: true, State: out.State}
	if res.Record, err = openOne(out.Record); err != nil {
		return QueryResult{}, r.broke(OpQuery, err)
	}
	if res.Record.Key.Kind != req.Kind || (req.ID != "" && res.Record.Key.ID != req.ID) {
		return QueryResult{}, r.broke(OpQuery, fmt.Errorf("%w: asked for %s, got %s", ErrContract, recon.Key{Kind: req.Kind, ID: req.ID}, res.Record.Key))
	}
	r.sign(&res.Record)
	return res, nil
}

// DecodeEvent hands a callback to the adapter, which verifies its signature.
func (r *remote) DecodeEvent(ctx context.Context, req EventRequest) (EventResult, error) {
	if len(r.desc.Events) == 0 {
		return EventResult{}, Fail(FailureUnsupported, "adapter %s reads no callbacks", r.name)
	}
	if len(req.Body) > MaxEvent {
		return EventResult{}, Fail(FailureForged, "callback over %d bytes", MaxEvent)
	}
	at, err := timeCode(req.Received)
	if err != nil {
		return EventResult{}, Fail(FailureConfig, "event: %v", err)
	}
	defer r.metrics.timed(r.name, OpEvent)()
	call, cancel, stop := bounded(ctx, r.timing.Call)
	defer stop()
	defer cancel(errDone)
	out, err := r.rpc.DecodeEvent(call, &pb.EventRequest{
		Account: req.Account, Method: req.Method, Path: []byte(req.Path), Header: headerToWire(req.Header), Body: req.Body,
		Received: at, Settings: req.Settings,
	})
	if err != nil {
		return EventResult{}, r.failed(OpEvent, ctx, call, err)
	}
	if out.Failure != nil {
		return EventResult{}, r.reported(OpEvent, out.Failure)
	}
	res := EventResult{Kind: out.Kind, State: out.State, Reply: replyFromWire(out.Reply)}
	if res.Record, err = openOne(out.Record); err == nil {
		err = r.checkEvent(res)
	}
	if err != nil {
		return EventResult{}, r.broke(OpEvent, err)
	}
	r.sign(&res.Record)
	return res, nil
}

func (r *remote) checkEvent(res EventResult) error {
	if !slices.ContainsFunc(r.desc.Events, func(e EventKind) bool { return e.Name == res.Kind }) {
		return fmt.Errorf("%w: event of kind %q, which was not described", ErrContract, res.Kind)
	}
	if res.Reply.Status < 200 || res.Reply.Status > 599 {
		return fmt.Errorf("%w: reply of status %d", ErrContract, res.Reply.Status)
	}
	return nil
}

// sign fills what only the host knows of a record that came alone.
func (r *remote) sign(record *recon.Record) {
	record.Channel, record.Origin.Adapter = r.desc.Channel, r.desc.Name+" "+r.desc.Version
}
