package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const clients = 8

// passthrough compares what one untagged query costs the port with what it costs haproxy in TCP mode.
func passthrough(ctx context.Context, m *machine, o options) error {
	bench, err := find("sysbench")
	if err != nil {
		return err
	}
	peer, err := m.haproxy(ctx)
	if err != nil {
		return err
	}
	if _, err := sysbench(ctx, bench, m.primary.Addr, "oltp_point_select", "auto", o, "prepare"); err != nil {
		return err
	}
	fmt.Printf("pass-through, processor time of the proxy for one query, median of %d pairs of %d s, %d clients\n", o.Pairs, o.Seconds, clients)
	fmt.Printf("  %-18s %-9s %12s %12s %7s  %s\n", "load", "prepared", "haproxy", "port", "ratio", "goal")
	for _, load := range []struct {
		name string
		goal float64
	}{{"oltp_point_select", 1.1}, {"oltp_write_only", 1.25}} {
		for _, prepared := range []string{"auto", "disable"} {
			var ours, theirs, ratios []float64
			for range o.Pairs {
				a, err := perQuery(ctx, bench, m.spare, peer.pid(), load.name, prepared, o)
				if err != nil {
					return err
				}
				b, err := perQuery(ctx, bench, m.port, m.sidecar.pid(), load.name, prepared, o)
				if err != nil {
					return err
				}
				theirs, ours, ratios = append(theirs, a), append(ours, b), append(ratios, b/a)
			}
			fmt.Printf("  %-18s %-9s %9.2f us %9.2f us %7.2f  at most %.2f\n", load.name, prepared, median(theirs), median(ours), median(ratios), load.goal)
		}
	}
	return m.printMemory()
}

func (m *machine) printMemory() error {
	mem, err := memoryOf(m.sidecar.pid())
	if err != nil {
		return err
	}
	fmt.Printf("  most resident memory of the sidecar: %.0f MiB\n", mem.peak)
	return nil
}

// haproxy runs the peer, as many threads as it takes by itself.
func (m *machine) haproxy(ctx context.Context) (*process, error) {
	config := filepath.Join(m.dir, "haproxy.cfg")
	text := fmt.Sprintf("defaults\n mode tcp\n timeout connect 5s\n timeout client 1m\n timeout server 1m\nfrontend f\n bind %s\n default_backend b\nbackend b\n server s %s\n", m.spare, m.primary.Addr)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write haproxy's configuration: %w", err)
	}
	p, err := spawn("haproxy", "-f", config)
	if err != nil {
		return nil, err
	}
	m.onClose(p.end)
	return p, awaitPort(ctx, p, m.spare)
}

// awaitPort waits until a peer listens.
func awaitPort(ctx context.Context, p *process, addr string) error {
	for range 100 {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("%s does not listen: %s", p.cmd.Path, p.stderr)
}

// perQuery gives the processor time in microseconds that a proxy used for one query.
func perQuery(ctx context.Context, bench, addr string, pid int, load, prepared string, o options) (float64, error) {
	before, err := cpu(pid)
	if err != nil {
		return 0, err
	}
	out, err := sysbench(ctx, bench, addr, load, prepared, o, "run")
	if err != nil {
		return 0, err
	}
	after, err := cpu(pid)
	if err != nil {
		return 0, err
	}
	n, err := queries(out)
	if err != nil {
		return 0, err
	}
	return (after - before) * 1e6 / n, nil
}

func sysbench(ctx context.Context, bench, addr, load, prepared string, o options, command string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, bench, load, "--mysql-host="+host, "--mysql-port="+port, "--mysql-user=root", "--tables=4", "--table-size=10000",
		fmt.Sprintf("--threads=%d", clients), fmt.Sprintf("--time=%d", o.Seconds), "--db-ps-mode="+prepared, command)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("sysbench %s %s: %w: %s", load, command, err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}
