package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"os"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
)

// liar speaks the wire itself, without the kit, so that it can send what the kit never would. The statement's kind says
// what it lies about.
type liar struct {
	contract uint
	pb.UnimplementedAdapterServer
	goplugin.NetRPCUnsupportedPlugin
}

// It knows one version of the contract only, as an adapter would that was built long ago, or that will be.
func serveRaw(contract uint) {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{
			ProtocolVersion: contract, MagicCookieKey: "TOUCHSTONE_ADAPTER", MagicCookieValue: os.Getenv("TOUCHSTONE_ADAPTER"),
		},
		Plugins:    goplugin.PluginSet{"adapter": &liar{contract: contract}},
		GRPCServer: goplugin.DefaultGRPCServer,
		Logger:     hclog.New(&hclog.LoggerOptions{Level: hclog.Warn}),
	})
}

// GRPCServer registers the liar.
func (l *liar) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterAdapterServer(s, l)
	return nil
}

// GRPCClient is never asked for here.
func (l *liar) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

// Describe names the lies.
func (l *liar) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	d := &pb.DescribeResponse{Name: "liar", Version: "1.0.0", Channel: "nowhere"}
	for _, kind := range []string{"honest", "count", "digest", "notrailer", "beforeend", "after", "rejects", "columns", "huge"} {
		d.Kinds = append(d.Kinds, &pb.StatementKind{Name: kind})
	}
	return d, nil
}

// Decode answers one record to any file.
func (l *liar) Decode(stream grpc.BidiStreamingServer[pb.DecodeInput, pb.DecodeOutput]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	kind := first.GetStart().GetKind()
	for end := kind == "beforeend"; !end; {
		in, err := stream.Recv()
		if err != nil {
			return err
		}
		end = in.GetEnd() != nil
	}
	payload, err := l.batch(kind == "columns")
	if err != nil {
		return err
	}
	if kind == "huge" {
		payload = append(payload, make([]byte, 20<<20)...)
	}
	if err := stream.Send(&pb.DecodeOutput{Part: &pb.DecodeOutput_Batch{Batch: payload}}); err != nil {
		return err
	}
	return l.finish(kind, payload, stream)
}

func (l *liar) finish(kind string, payload []byte, stream grpc.BidiStreamingServer[pb.DecodeInput, pb.DecodeOutput]) error {
	head := binary.BigEndian.AppendUint32([]byte{'B'}, uint32(len(payload)))
	digest := sha256.Sum256(append(head, payload...))
	trailer := &pb.Trailer{Records: 1, Digest: digest[:]}
	switch kind {
	case "count":
		trailer.Records = 2
	case "rejects":
		trailer.Rejects = 1
	case "digest":
		trailer.Digest[0] ^= 1
	case "notrailer":
		return nil
	}
	out := &pb.DecodeOutput{Part: &pb.DecodeOutput_Trailer{Trailer: trailer}}
	if err := stream.Send(out); err != nil || kind != "after" {
		return err
	}
	return stream.Send(&pb.DecodeOutput{Part: &pb.DecodeOutput_Batch{Batch: payload}})
}

// batch is one record in the form of the contract; broken lacks the amounts.
func (l *liar) batch(broken bool) ([]byte, error) {
	if l.contract < 2 {
		b := oneRecord()
		if broken {
			b.Amount = nil
		}
		return proto.Marshal(b)
	}
	a := &pb.PackedText{Data: []byte("A")}
	b := &pb.Columns{
		Count: 1, Line: []byte{1, 0, 0, 0}, Kind: []byte{1}, Status: []byte{1}, Currencies: []string{"CNY"}, Currency: []byte{1},
		Amount: []byte{1, 0, 0, 0, 0, 0, 0, 0}, Id: a, Order: a,
	}
	if broken {
		b.Amount = nil
	}
	return proto.Marshal(b)
}

func oneRecord() *pb.Batch {
	text := func(s string) *pb.TextColumn { return &pb.TextColumn{Data: []byte(s), Ends: []uint32{uint32(len(s))}} }
	return &pb.Batch{
		Count: 1, Line: []uint32{1}, Account: text(""), Id: text("A"), Order: text("A"), ChannelTxn: text(""),
		Kind: []byte{1}, Status: []byte{1}, Currencies: []string{"CNY"}, Currency: []byte{1}, Amount: []int64{1},
		FeeCurrency: []byte{0}, Fee: []int64{0}, Time: []int64{0}, Aliases: []uint32{0},
		AliasColumn: &pb.TextColumn{}, AliasValue: &pb.TextColumn{},
	}
}
