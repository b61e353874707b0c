package plugins

import (
	"context"
	"os"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
)

// Versions of the wire contract. Host and adapter speak the newest that both know: an adapter that was built for an older
// one keeps working, and is not asked for what came later.
const (
	oldestContract  = 1
	ContractVersion = 2 // Query, DecodeEvent, packed columns
)

// contractName is the contract's name inside go-plugin.
const contractName = "adapter"

// handshake keeps people from running an adapter by hand; it is no protection.
func handshake() goplugin.HandshakeConfig {
	return goplugin.HandshakeConfig{
		ProtocolVersion:  oldestContract, // what is assumed of a peer that negotiates nothing
		MagicCookieKey:   "TOUCHSTONE_ADAPTER",
		MagicCookieValue: "5b7f4c0e-channel-adapter",
	}
}

// Serve runs an adapter process: an author's main calls it and nothing else. It returns when the host ends the process.
// Standard output belongs to the handshake; what the adapter writes to standard error is in the host's log.
func Serve(a Adapter) {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  handshake(),
		VersionedPlugins: versions(a),
		GRPCServer:       newGRPCServer,
		Logger: hclog.New(&hclog.LoggerOptions{
			Level: hclog.Warn, Output: os.Stderr, JSONFormat: true,
		}),
	})
}

func newGRPCServer(opts []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(opts, serverOptions()...)...)
}

// versions offers every version of the contract. The adapter is nil on the host's side.
func versions(a Adapter) map[int]goplugin.PluginSet {
	all := map[int]goplugin.PluginSet{}
	for v := oldestContract; v <= ContractVersion; v++ {
		all[v] = goplugin.PluginSet{contractName: &contract{adapter: a, version: v}}
	}
	return all
}

// contract binds the generated stubs to go-plugin, for one version. The adapter is nil on the host's side.
type contract struct {
	goplugin.NetRPCUnsupportedPlugin
	adapter Adapter
	version int
}

// line is the host's end of a connection.
type line struct {
	rpc      pb.AdapterClient
	health   healthpb.HealthClient
	contract int
}

// GRPCServer registers the author's adapter.
func (c *contract) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterAdapterServer(s, &server{adapter: c.adapter, contract: c.version})
	return nil
}

// GRPCClient gives the host's *line.
func (c *contract) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return &line{rpc: pb.NewAdapterClient(conn), health: healthpb.NewHealthClient(conn), contract: c.version}, nil
}
