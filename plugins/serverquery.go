package plugins

import (
	"context"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
	"github.com/seed-3356bd69/touchstone/recon"
)

// Query answers with the channel's state of one transaction.
func (s *server) Query(ctx context.Context, in *pb.QueryRequest) (*pb.QueryResponse, error) {
	res, err := s.adapter.Query(ctx, QueryRequest{
		Account: in.Account, Kind: recon.Kind(in.Kind), ID: in.Id, Order: in.Order, ChannelTxn: in.ChannelTxn,
		Time: timeOf(in.Time), Settings: in.Settings,
	})
	out := &pb.QueryResponse{Found: res.Found, State: clean(res.State)}
	if err == nil && res.Found {
		out.Record, err = one(res.Record)
	}
	if err != nil {
		out = &pb.QueryResponse{Failure: failureToWire(err)}
	}
	return out, ended(ctx)
}

// DecodeEvent answers with what a callback says.
func (s *server) DecodeEvent(ctx context.Context, in *pb.EventRequest) (*pb.EventResponse, error) {
	res, err := s.adapter.DecodeEvent(ctx, EventRequest{
		Account: in.Account, Method: in.Method, Path: string(in.Path), Header: headerFromWire(in.Header), Body: in.Body,
		Received: timeOf(in.Received), Settings: in.Settings,
	})
	out := &pb.EventResponse{Kind: clean(res.Kind), State: clean(res.State), Reply: replyToWire(res.Reply)}
	if err == nil {
		out.Record, err = one(res.Record)
	}
	if err != nil {
		out = &pb.EventResponse{Failure: failureToWire(err)}
	}
	return out, ended(ctx)
}
