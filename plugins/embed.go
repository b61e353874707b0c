package plugins

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
)

// Embed serves an adapter inside this process over the same wire as Start: real gRPC, on a socket in a folder that only
// this user can enter. It is for tests of adapters and for demonstrations; a panic of the adapter is the host's own.
// Path, SHA256, Env and Memory of the configuration are not used.
func Embed(ctx context.Context, a Adapter, cfg HostConfig) (*Host, error) {
	cfg = cfg.withDefaults()
	dir, err := os.MkdirTemp("", "touchstone-adapter-")
	if err != nil {
		return nil, fmt.Errorf("create socket folder: %w", err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		_ = os.RemoveAll(dir) // the listen error is the one to report
		return nil, fmt.Errorf("listen on socket: %w", err)
	}
	srv := newGRPCServer(nil)
	pb.RegisterAdapterServer(srv, &server{adapter: a, contract: ContractVersion})
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(listener) // ends with Stop
	}()
	release := func() {
		srv.Stop()
		<-served
		_ = os.RemoveAll(dir) // a leftover folder does no harm
	}
	conn, err := grpc.NewClient("unix:"+listener.Addr().String(), append(dialOptions(), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		release()
		return nil, fmt.Errorf("connect to embedded adapter: %w", err)
	}
	h := &Host{
		remote: &remote{
			line: &line{rpc: pb.NewAdapterClient(conn), contract: ContractVersion}, name: cfg.Name, timing: cfg.Timing, maxBytes: cfg.MaxStatement,
			metrics: cfg.Metrics, exited: func(time.Duration) string { return "" },
		},
		kill:  func() {},
		close: sync.OnceFunc(func() { _ = conn.Close(); release() }),
	}
	if h.desc, err = h.Describe(ctx); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}
