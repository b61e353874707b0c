package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/uber/jaeger-client-go/log"
	"github.com/uber/jaeger-client-go/thrift-gen/jaeger"
	"github.com/uber/jaeger-client-go/utils"
)

// agentLink is the way to a Jaeger agent over UDP. It is used by one goroutine.
//
// A packet to a port where nobody listens fails at the next write, which the kernel then does not do. jaeger-client's own
// reconnecting connection writes again and forgets the error; here it is the only word of what was lost.
type agentLink struct {
	address  string
	client   *utils.AgentClientUDP // nil until the name was resolved once
	at       string
	resolved time.Time
	last     int       // spans of the packet before
	sent     time.Time // when it was
	now      func() time.Time
}

const (
	agentPacket  = 65_000               // bytes; a longer packet would be lost whole
	agentResolve = 30 * time.Second     // how long a resolved name is good
	agentPace    = 5 * time.Millisecond // between packets: an agent's socket holds two or three long ones, and drops the next
)

var errPacket = errors.New("does not fit into a packet")

// send writes one packet. Also without an error, more may be lost than this packet's spans: those of the one before.
func (l *agentLink) send(ctx context.Context, batch *jaeger.Batch) (lostBefore int, err error) {
	if err := l.connect(); err != nil {
		return 0, err
	}
	time.Sleep(agentPace - l.now().Sub(l.sent))
	err = l.client.EmitBatch(ctx, batch)
	if errors.Is(err, syscall.ECONNREFUSED) {
		lostBefore, l.last = l.last, 0
		err = l.client.EmitBatch(ctx, batch)
	}
	switch {
	case err == nil:
		l.last, l.sent = len(batch.Spans), l.now()
		return lostBefore, nil
	case strings.Contains(err.Error(), "does not fit"): // jaeger-client has no name for it
		return lostBefore, fmt.Errorf("%w: %w", errPacket, err)
	}
	l.resolved = time.Time{} // it may have moved
	return lostBefore, fmt.Errorf("send to the jaeger agent: %w", err)
}

// connect resolves the name now and again. An agent whose name is not known any more is still sent to where it was.
func (l *agentLink) connect() error {
	now := l.now()
	if l.client != nil && now.Sub(l.resolved) < agentResolve {
		return nil
	}
	addr, err := net.ResolveUDPAddr("udp", l.address)
	if err != nil && l.client == nil {
		return fmt.Errorf("resolve the jaeger agent: %w", err)
	}
	l.resolved = now
	if err != nil || l.client != nil && addr.String() == l.at {
		return nil
	}
	client, err := utils.NewAgentClientUDPWithParams(utils.AgentClientUDPParams{
		HostPort: addr.String(), MaxPacketSize: agentPacket, Logger: log.NullLogger, DisableAttemptReconnecting: true,
	})
	if err != nil {
		return fmt.Errorf("reach the jaeger agent %s: %w", addr, err)
	}
	_ = l.close() // of a connection that is not used any more
	l.client, l.at, l.last = client, addr.String(), 0
	return nil
}

func (l *agentLink) close() error {
	if l.client == nil {
		return nil
	}
	return l.client.Close()
}
