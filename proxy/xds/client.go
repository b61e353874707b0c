package xds

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

// ClientConfig says whom a sidecar follows.
type ClientConfig struct {
	Address string      // of the control plane, host:port
	TLS     *tls.Config // nil: clear text
	Node    string      // name among the control plane's subscribers
	Service string
	File    string // of the last directive taken; "" = it is forgotten at the end
}

// Client follows a control plane: each directive is put into force, kept, and then acknowledged. While there is no
// control plane, what was taken last stays in force.
type Client struct {
	config    ClientConfig
	take      func(Directive) error
	log       *slog.Logger
	metrics   *clientMetrics
	connected atomic.Bool
}

// NewClient makes a client. What take refuses is answered with its reason, and changes nothing.
func NewClient(config ClientConfig, take func(Directive) error, log *slog.Logger, reg prometheus.Registerer) *Client {
	return &Client{config: config, take: take, log: log, metrics: newClientMetrics(reg)}
}

// Resume puts into force what an earlier run took last, and tells whether there was anything.
func (c *Client) Resume() (bool, error) {
	var d Directive
	found, err := load(c.config.File, &d)
	if err != nil || !found {
		return false, err
	}
	if err := errors.Join(d.check(), c.take(d)); err != nil {
		return false, fmt.Errorf("%s:1:1: policy %d: %w", c.config.File, d.Epoch, err)
	}
	c.metrics.epoch.Set(float64(d.Epoch))
	return true, nil
}

// Ready is an error while there is no control plane.
func (c *Client) Ready() error {
	if !c.connected.Load() {
		return errNoControl
	}
	return nil
}

var errNoControl = errors.New("no control plane: what it said last is in force")

// Bounds of trying again.
const (
	retryFirst = 100 * time.Millisecond
	retryMost  = 5 * time.Second
)

// Run follows until ctx ends.
func (c *Client) Run(ctx context.Context) error {
	conn, err := c.dial()
	if err != nil {
		return fmt.Errorf("reach control plane: %w", err)
	}
	defer conn.Close()
	pause := &backoff.ExponentialBackOff{InitialInterval: retryFirst, MaxInterval: retryMost, Multiplier: 2, RandomizationFactor: 0.5}
	pause.Reset()
	for {
		err := c.follow(ctx, conn, pause.Reset)
		if c.connected.Swap(false) {
			c.log.Warn("the control plane is gone; its last policy stays in force", keyReason, err)
		}
		c.metrics.connected.Set(0)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause.NextBackOff()):
		}
	}
}

func (c *Client) dial() (*grpc.ClientConn, error) {
	secure := insecure.NewCredentials()
	if c.config.TLS != nil {
		secure = credentials.NewTLS(c.config.TLS)
	}
	return grpc.NewClient("passthrough:///"+c.config.Address,
		grpc.WithTransportCredentials(secure),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingEvery, Timeout: pingBound, PermitWithoutStream: true}),
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: retryMost, Backoff: clientBackoff()}),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		}),
	)
}

// follow takes directives from one stream until it breaks.
func (c *Client) follow(ctx context.Context, conn *grpc.ClientConn, progress func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(conn).StreamAggregatedResources(ctx)
	if err != nil {
		return err
	}
	request := discovery.DiscoveryRequest{TypeUrl: resource.RouteType, ResourceNames: []string{c.config.Service}, Node: &core.Node{Id: c.config.Node, UserAgentName: "touchstone"}}
	for {
		if err := stream.Send(&request); err != nil && ctx.Err() == nil {
			_, err = stream.Recv() // which knows the reason
			return err
		}
		res, err := stream.Recv()
		if err != nil {
			return err
		}
		if !c.connected.Swap(true) {
			c.log.Info("follows the control plane")
		}
		c.metrics.connected.Set(1)
		progress()
		c.answer(&request, res)
	}
}

// answer puts what came into force, or makes the request one that refuses it.
func (c *Client) answer(request *discovery.DiscoveryRequest, res *discovery.DiscoveryResponse) {
	request.Node, request.ErrorDetail, request.ResponseNonce = nil, nil, res.GetNonce()
	d, err := c.read(res)
	if err == nil {
		err = c.take(d)
	}
	if err != nil {
		c.metrics.refused.Inc()
		c.log.Error("policy refused", keyEpoch, d.Epoch, keyReason, err)
		request.ErrorDetail = &status.Status{Code: int32(codes.InvalidArgument), Message: err.Error()}
		return
	}
	if err := save(c.config.File, d); err != nil { // it is in force, and what is in force is what is told
		c.metrics.unkept.Inc()
		c.log.Error("the policy is in force and cannot be kept", keyEpoch, d.Epoch, keyReason, err)
	}
	c.metrics.taken.Inc()
	c.metrics.epoch.Set(float64(d.Epoch))
	request.VersionInfo = res.GetVersionInfo()
}

var errNotOurs = errors.New("not one route configuration of our service")

func (c *Client) read(res *discovery.DiscoveryResponse) (Directive, error) {
	if res.GetTypeUrl() != resource.RouteType || len(res.GetResources()) != 1 {
		return Directive{}, fmt.Errorf("%w: %d of type %s", errNotOurs, len(res.GetResources()), res.GetTypeUrl())
	}
	var rc route.RouteConfiguration
	if err := res.GetResources()[0].UnmarshalTo(&rc); err != nil {
		return Directive{}, fmt.Errorf("read route configuration: %w", err)
	}
	d, err := ReadDirective(&rc)
	if err == nil && (d.Service != c.config.Service || rc.GetName() != c.config.Service) {
		err = fmt.Errorf("%w: it is of %s", errNotOurs, d.Service)
	}
	return d, err
}
