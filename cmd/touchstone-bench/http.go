package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/seed-3356bd69/touchstone/test/loopback"
)

// httpPart measures the HTTP port against nginx.
func httpPart(ctx context.Context, m *machine, o options) error {
	return httpParts(ctx, m, o, forwarding, mirroring, badCandidates)
}

// mirrorPart measures mirroring alone: time and memory.
func mirrorPart(ctx context.Context, m *machine, o options) error {
	return httpParts(ctx, m, o, mirroring)
}

func httpParts(ctx context.Context, m *machine, o options, parts ...func(context.Context, *machine, options, *service, *service) error) error {
	stable, err := newService(1000, false)
	if err != nil {
		return err
	}
	defer stable.close()
	candidate, err := newService(1000, false)
	if err != nil {
		return err
	}
	defer candidate.close()
	for _, part := range parts {
		if err := part(ctx, m, o, stable, candidate); err != nil {
			return err
		}
	}
	return nil
}

// forwarding compares what one request costs that is only passed on.
func forwarding(ctx context.Context, m *machine, o options, stable, candidate *service) error {
	ours, err := m.httpSidecar(ctx, stable.addr(), candidate.addr(), "0%")
	if err != nil {
		return err
	}
	defer ours.end()
	theirs, err := m.nginx(ctx, stable.addr(), "")
	if err != nil {
		return err
	}
	defer theirs.end()
	span := time.Duration(o.Seconds) * time.Second
	fmt.Printf("forwarding, processor time of the proxy for one request of 1 KB both ways, median of %d pairs of %s, %d connections\n", o.Pairs, span, connections)
	var a, b, ratios []float64
	for range o.Pairs {
		x, _, err := perRequest(theirs, func() (result, error) { return closedLoop(ctx, theirs.addr, "f", span) })
		if err != nil {
			return err
		}
		y, _, err := perRequest(ours, func() (result, error) { return closedLoop(ctx, ours.addr, "f", span) })
		if err != nil {
			return err
		}
		a, b, ratios = append(a, x), append(b, y), append(ratios, y/x)
	}
	fmt.Printf("  nginx %.1f us, port %.1f us, ratio %.2f, goal at most 1.20\n", median(a), median(b), median(ratios))
	return nil
}

// mirroring compares what one request costs that is mirrored; ours is compared as well.
func mirroring(ctx context.Context, m *machine, o options, stable, candidate *service) error {
	ours, err := m.httpSidecar(ctx, stable.addr(), candidate.addr(), "100%")
	if err != nil {
		return err
	}
	defer ours.end()
	theirs, err := m.nginx(ctx, stable.addr(), candidate.addr())
	if err != nil {
		return err
	}
	defer theirs.end()
	span := time.Duration(o.Seconds) * time.Second
	fmt.Printf("mirroring, processor time of the proxy for one request at %d a second, median of %d pairs of %s\n", o.MirrorRate, o.Pairs, span)
	var a, b, ratios []float64
	for pair := range o.Pairs {
		x, _, err := perRequest(theirs, func() (result, error) { return openLoop(ctx, theirs.addr, "m", o.MirrorRate, span) })
		if err != nil {
			return err
		}
		y, _, err := perRequest(ours, func() (result, error) {
			return openLoop(ctx, ours.addr, fmt.Sprint("m", pair), o.MirrorRate, span)
		})
		if err != nil {
			return err
		}
		a, b, ratios = append(a, x), append(b, y), append(ratios, y/x)
	}
	mem, err := memoryOf(ours.pid())
	if err != nil {
		return err
	}
	samples, err := ours.samples()
	if err != nil {
		return err
	}
	fmt.Printf("  nginx %.1f us (compares nothing), port %.1f us, ratio %.2f, goal at most 0.75\n", median(a), median(b), median(ratios))
	fmt.Printf("  samples by outcome: %v; most resident memory %.1f MiB, goal below 64; at the end %.1f of its own and %.1f of files\n", samples, mem.peak, mem.own, mem.files)
	return nil
}

// badCandidates compares the latency of clients beside a candidate that is of no use with that of none.
func badCandidates(ctx context.Context, m *machine, o options, stable, _ *service) error {
	addrs, err := loopback.FreeAddrs(1)
	if err != nil {
		return err
	}
	hanging, err := newService(0, true)
	if err != nil {
		return err
	}
	defer hanging.close()
	huge, err := newService(10<<20, false)
	if err != nil {
		return err
	}
	defer huge.close()
	span := time.Duration(o.Seconds) * time.Second / 2
	fmt.Printf("latency beside a bad candidate, p99 at %d a second, median of %d pairs of %s\n", o.HTTPRate, 2*o.Pairs, span)
	for _, c := range []struct{ name, addr string }{{"stopped", addrs[0]}, {"hanging", hanging.addr()}, {"answers 10 MB", huge.addr()}} {
		if err := badCandidate(ctx, m, o, stable, c.name, c.addr, span); err != nil {
			return err
		}
	}
	return nil
}

func badCandidate(ctx context.Context, m *machine, o options, stable *service, name, addr string, span time.Duration) error {
	none, err := m.httpSidecar(ctx, stable.addr(), addr, "0%")
	if err != nil {
		return err
	}
	defer none.end()
	bad, err := m.httpSidecar(ctx, stable.addr(), addr, "10%")
	if err != nil {
		return err
	}
	defer bad.end()
	var a, b, ratios []float64
	for pair := range 2 * o.Pairs {
		x, err := openLoop(ctx, none.addr, fmt.Sprint("n", pair), o.HTTPRate, span)
		if err != nil {
			return err
		}
		y, err := openLoop(ctx, bad.addr, fmt.Sprint("b", pair), o.HTTPRate, span)
		if err != nil {
			return err
		}
		a, b, ratios = append(a, x.p99()), append(b, y.p99()), append(ratios, y.p99()/x.p99())
	}
	fmt.Printf("  %-14s without %.0f us, beside it %.0f us, ratio %.2f, goal at most 1.25\n", name, median(a), median(b), median(ratios))
	return nil
}

// port is a proxy under measurement.
type port struct {
	*process
	addr, admin string
}

// perRequest gives the processor time in microseconds that a proxy used for one request of a load. What it still does
// behind the answers belongs to them.
func perRequest(p *port, load func() (result, error)) (float64, result, error) {
	before, err := cpu(p.pid())
	if err != nil {
		return 0, result{}, err
	}
	r, err := load()
	if err != nil {
		return 0, r, err
	}
	time.Sleep(200 * time.Millisecond)
	after, err := cpu(p.pid())
	return (after - before) * 1e6 / float64(len(r.took)), r, err
}

// samples reads how many samples were closed, by outcome.
func (p *port) samples() (map[string]int, error) {
	answer, err := http.Get("http://" + p.admin + "/metrics")
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	out := map[string]int{}
	for _, m := range regexp.MustCompile(`touchstone_samples_total\{cause="([^"]*)",outcome="([^"]*)"\} (\S+)`).FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return nil, fmt.Errorf("read metrics: %w", err)
		}
		out[m[2]+"("+m[1]+")"] += int(n)
	}
	return out, nil
}

// httpSidecar starts a sidecar for a service cutover.
func (m *machine) httpSidecar(ctx context.Context, stable, candidate, percent string) (*port, error) {
	addrs, err := loopback.FreeAddrs(6)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf(`role: sidecar
cutover: service
release: v2
tag: {key_file: tag.key, salt_file: salt.key, percent: %s}
admin: {listen: "%s"}
bus: {url: "nats://%s", user: sidecar, password_file: bus.pass, buffer: 100000}
http:
  listen: "%s"
  stable: http://%s
  candidate: http://%s
  queue: 1000
  workers: 64
  routes:
    - {name: pay, method: POST, path: /payments, creates: true, key: {header: X-Order-Id}, amount: {field: amount, unit: major, currency: CNY}}
egress:
  channel: http://127.0.0.1:9
  primary: {listen: "%s"}
  shadow: {listen: "%s"}
  operations:
    - {name: pay, method: POST, path: /, class: money}
mysql:
  primary: {listen: "%s", upstream: "%s"}
  divert: {listen: "%s", upstream: "%s", schema: bench}
  prove: {primary_dsn_file: primary.dsn, shadow_dsn_file: shadow.dsn}
  tables:
    - {name: entries, order: order_no}
`, percent, addrs[0], m.bus, addrs[1], stable, candidate, addrs[2], addrs[3], addrs[4], m.primary.Addr, addrs[5], m.shadow.Addr)
	file := filepath.Join(m.dir, "http.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	p, err := spawn(m.binary, "sidecar", file)
	if err != nil {
		return nil, err
	}
	out := &port{process: p, addr: addrs[1], admin: addrs[0]}
	if err := p.ready(ctx, out.admin); err != nil {
		p.end()
		return nil, err
	}
	return out, nil
}

// nginx starts the peer with one worker and kept connections; with a mirror where there is one.
func (m *machine) nginx(ctx context.Context, stable, mirror string) (*port, error) {
	addrs, err := loopback.FreeAddrs(1)
	if err != nil {
		return nil, err
	}
	use, location := "", ""
	if mirror != "" {
		use = "mirror /mirror;"
		location = "location = /mirror { internal; proxy_pass http://candidate$request_uri; proxy_http_version 1.1; proxy_set_header Connection \"\"; }"
		mirror = fmt.Sprintf("upstream candidate { server %s; keepalive 64; }", mirror)
	}
	dir := filepath.Join(m.dir, "nginx"+addrs[0])
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	text := fmt.Sprintf(`worker_processes 1; daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 4096; }
http {
  access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  keepalive_requests 1000000;
  upstream stable { server %[2]s; keepalive 64; keepalive_requests 1000000; }
  %[3]s
  server {
    listen %[4]s;
    location / { %[5]s proxy_pass http://stable; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }
    %[6]s
  }
}
`, dir, stable, mirror, addrs[0], use, location)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write nginx's configuration: %w", err)
	}
	p, err := spawn("nginx", "-c", file, "-p", dir)
	if err != nil {
		return nil, err
	}
	out := &port{process: p, addr: addrs[0]}
	if err := awaitPort(ctx, p, addrs[0]); err != nil {
		p.end()
		return nil, err
	}
	return out, nil
}
