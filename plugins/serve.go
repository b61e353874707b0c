package plugins

import (
	"context"
	"os"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
)

// ContractVersion is the version of the wire contract; a host refuses adapters built for another one.
const ContractVersion = 1

// contractName is the contract's name inside go-plugin.
const contractName = "adapter"

// handshake keeps people from running an adapter by hand; it is no protection.
func handshake() goplugin.HandshakeConfig {
	return goplugin.HandshakeConfig{
		ProtocolVersion:  ContractVersion,
		MagicCookieKey:   "TOUCHSTONE_ADAPTER",
		MagicCookieValue: "5b7f4c0e-channel-adapter",
	}
}

// Serve runs an adapter process: an author's main calls it and nothing else. It returns when the host ends the process.
// Standard output belongs to the handshake; what the adapter writes to standard error is in the host's log.
func Serve(a Adapter) {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: handshake(),
		Plugins:         goplugin.PluginSet{contractName: &contract{adapter: a}},
		GRPCServer:      newGRPCServer,
		Logger: hclog.New(&hclog.LoggerOptions{
			Level: hclog.Warn, Output: os.Stderr, JSONFormat: true,
		}),
	})
}

func newGRPCServer(opts []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(MaxMessage), grpc.MaxSendMsgSize(MaxMessage))...)
}

// contract binds the generated stubs to go-plugin. The adapter is nil on the host's side.
type contract struct {
	goplugin.NetRPCUnsupportedPlugin
	adapter Adapter
}

// GRPCServer registers the author's adapter.
func (c *contract) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterAdapterServer(s, &server{adapter: c.adapter})
	return nil
}

// GRPCClient gives the host's stub.
func (c *contract) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return pb.NewAdapterClient(conn), nil
}
