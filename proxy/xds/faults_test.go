package xds

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/seed-3356bd69/touchstone/test/certs"
)

// road carries bytes between subscribers and a control plane until it is cut: then nothing comes through, and nobody is
// told.
type road struct {
	addr string
	cut  atomic.Bool
}

func newRoad(t *testing.T, to string) *road {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &road{addr: ln.Addr().String()}
	var ended sync.WaitGroup
	var open sync.Map
	ended.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			open.Store(in, out)
			ended.Go(func() { r.carry(in, out) })
			ended.Go(func() { r.carry(out, in) })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		open.Range(func(in, out any) bool { in.(net.Conn).Close(); out.(net.Conn).Close(); return true })
		ended.Wait()
	})
	return r
}

func (r *road) carry(from, to net.Conn) {
	room := make([]byte, 32<<10)
	for {
		n, err := from.Read(room)
		if err != nil {
			to.Close()
			return
		}
		if r.cut.Load() {
			continue
		}
		if _, err := to.Write(room[:n]); err != nil {
			from.Close()
			return
		}
	}
}

// TestPartition: the sidecar goes on as it was and nobody knows; the rollback counts as done only by the fence.
func TestPartition(t *testing.T) {
	var held atomic.Bool
	r := newRig(t, named(Named{Name: "pay-0", Kind: Sidecar}), func(d *Deps) {
		d.Patience = 300 * time.Millisecond
		d.Guard = guardFunc(func(context.Context, uint64) error {
			if !held.Load() {
				return io.ErrUnexpectedEOF
			}
			return nil
		})
	})
	road := newRoad(t, r.addr)
	f := follow(t, road.addr, "")
	f.start(t)
	r.settle(t, 0)
	r.publish(t, policy(1, 5*percent, 0))
	r.settle(t, 1)
	road.cut.Store(true)
	r.publish(t, rolledBack(2))
	eventually(t, "it is known to be gone", func() bool { return r.subscriber("pay-0").State == Gone })
	r.stays(t, 2, "no guard has confirmed")
	if f.last().Policy != policy(1, 5*percent, 0) {
		t.Errorf("in force %+v", f.last())
	}
	held.Store(true)
	r.settle(t, 2)
	if s := r.subscriber("pay-0"); s.State != Fenced || s.Epoch != 1 {
		t.Errorf("subscriber %+v", s)
	}
}

// TestClockJumps: neither direction settles anything, or brings anything back.
func TestClockJumps(t *testing.T) {
	for name, jump := range map[string]time.Duration{"back": -time.Hour, "forth": time.Hour} {
		t.Run(name, func(t *testing.T) {
			var offset atomic.Int64
			r := newRig(t, named(Named{Name: "edge", Kind: Envoy}, Named{Name: "quiet", Kind: Envoy}), func(d *Deps) {
				d.Now = func() time.Time { return time.Now().Round(0).Add(time.Duration(offset.Load())) }
			})
			edge := &robot{}
			edge.live(t, dial(t, r.addr), "edge", envoyTypes()...)
			quiet := play(t, dial(t, r.addr), "quiet")
			quiet.ask(resource.RouteType, "pay")
			quiet.ack(quiet.recv())
			r.settle(t, 0)
			r.publish(t, policy(1, percent, 0))
			offset.Store(int64(jump))
			r.stays(t, 1, "the clock says nothing about who has it")
			quiet.ack(quiet.recv())
			r.settle(t, 1)
			if took := r.Status().Took; took <= 0 {
				t.Errorf("took %s", took)
			}
			offset.Store(-int64(jump))
			r.publish(t, rolledBack(2))
			quiet.ack(quiet.recv())
			r.settle(t, 2)
			if n := edge.answers.Load(); n != 4+2 {
				t.Errorf("%d answers", n)
			}
		})
	}
}

func TestStrangersAreNotServed(t *testing.T) {
	r := newRig(t, named(Named{Name: "edge", Kind: Envoy}), nil)
	p := play(t, dial(t, r.addr), "somebody")
	p.ask(resource.RouteType, "pay")
	if _, err := p.stream.Recv(); err == nil || !strings.Contains(err.Error(), `"somebody" is no subscriber`) {
		t.Errorf("error %v", err)
	}
}

func TestClearTextStaysOnThisMachine(t *testing.T) {
	r := newRig(t, named(Named{Name: "edge", Kind: Envoy}), nil)
	err := r.Serve(t.Context(), elsewhere{}, nil)
	if err == nil || !strings.Contains(err.Error(), "only loopback addresses") {
		t.Errorf("error %v", err)
	}
}

// elsewhere is a listener that other machines reach.
type elsewhere struct{ net.Listener }

// Addr says so.
func (elsewhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1} }

// TestCertificates: who has none, one of another authority, or that of another subscriber, is not served.
func TestCertificates(t *testing.T) {
	ours, theirs := set(t), set(t)
	server := ours.Server.Clone()
	server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, ours.Client.RootCAs
	config := named(Named{Name: "edge", Kind: Envoy, Certificate: "localhost"}, Named{Name: "other", Kind: Envoy, Certificate: "other.internal"})
	r := newRig(t, config, nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var served sync.WaitGroup
	served.Go(func() {
		if err := r.Serve(ctx, ln, server); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); served.Wait() })
	for name, c := range map[string]struct {
		node string
		cert *certs.Set
		ok   bool
	}{
		"its own":              {"edge", &ours, true},
		"none":                 {"edge", nil, false},
		"another authority":    {"edge", &theirs, false},
		"another's name of it": {"other", &ours, false},
	} {
		t.Run(name, func(t *testing.T) {
			client := &tls.Config{RootCAs: ours.Client.RootCAs, ServerName: "localhost"}
			if c.cert != nil {
				client.Certificates = c.cert.Server.Certificates
			}
			conn, err := grpc.NewClient("passthrough:///"+ln.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(client)))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			if err := firstAnswer(t, conn, c.node); (err == nil) != c.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}

func set(t *testing.T) certs.Set {
	t.Helper()
	s, err := certs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}
