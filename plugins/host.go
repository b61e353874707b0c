package plugins

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
)

// HostConfig says which binary to run as an adapter, and within which bounds.
type HostConfig struct {
	Name         string            // for errors, logs and metrics; default: the binary's base name
	Path         string            // of the binary. Nobody but the deployment may be able to write it.
	SHA256       string            // of the binary, hex; required unless Unpinned
	Unpinned     bool              // run whatever is at Path: for development only
	Env          []string          // names of the host's variables the adapter may see; each must be set
	Secrets      map[string]string // further variables only this adapter sees; never logged
	Timing       Timing
	Folder       string        // working folder, which must exist; default: one for each process, taken away after it
	Memory       int64         // bytes of data the process may map, thread stacks of C libraries included; default 2 GiB
	CPUs         int           // cores at a time: held by a cgroup, and told to Go adapters in any case; default 2
	CPUTime      time.Duration // of the process's whole life; default 4 h
	Cgroup       string        // folder of a delegated cgroup v2 to put processes below; default: look for one, else limits of the process
	MaxStatement int64         // bytes one Fetch may give; default 32 GiB
	Logger       *slog.Logger
	Metrics      *Metrics
}

func (c HostConfig) withDefaults() HostConfig {
	if c.Name == "" {
		c.Name = filepath.Base(c.Path)
	}
	if c.MaxStatement <= 0 {
		c.MaxStatement = 32 << 30
	}
	c.Timing = c.Timing.withDefaults()
	return c
}

// Host is one running adapter. It is an Adapter; calls may run at the same time. The caller must Close it.
type Host struct {
	*remote
	done  <-chan struct{} // closed once the process is gone; nil for an embedded adapter
	kill  func()          // ends the process; it fails only for one that is gone
	close func()
}

// Start runs the adapter and asks it for its description. Every failure is a *ProcessError, except the adapter's own
// (*Error) and the caller's cancellation.
func Start(ctx context.Context, cfg HostConfig) (*Host, error) {
	cfg = cfg.withDefaults()
	r := &remote{name: cfg.Name, timing: cfg.Timing, maxBytes: cfg.MaxStatement, metrics: cfg.Metrics}
	path, err := verified(cfg)
	if err != nil {
		return nil, r.broke(OpStart, err)
	}
	env, err := environment(cfg.Env, cfg.Secrets)
	if err != nil {
		return nil, r.broke(OpStart, err)
	}
	p := newProcess(path, env, cfg.Folder, bounds{memory: cfg.Memory, cpus: cfg.CPUs, cpuTime: cfg.CPUTime, parent: cfg.Cgroup})
	client := goplugin.NewClient(clientConfig(cfg, p))
	watch := &watch{stop: make(chan struct{})}
	h := &Host{remote: r, done: p.done, kill: func() { _ = p.Kill(context.Background()) }, close: sync.OnceFunc(func() {
		watch.end()
		stop(p, client)
		if err := p.tidy(); err != nil {
			cfg.Logger.Warn("adapter left something behind", KeyAdapter, cfg.Name, "err", err)
		}
	})}
	r.exited = p.exited
	call, cancel, release := bounded(ctx, cfg.Timing.Start)
	defer release()
	defer cancel(errDone)
	if r.line, err = connect(call, p, client); err != nil {
		h.Close()
		return nil, r.failed(OpStart, ctx, call, err)
	}
	if r.desc, err = r.Describe(call); err != nil {
		h.Close()
		return nil, err
	}
	watch.begin(func(stop <-chan struct{}) {
		r.pulse(stop, h.kill)
	})
	return h, nil
}

// watch is one goroutine that is waited for.
type watch struct {
	stop chan struct{}
	wait sync.WaitGroup
}

func (w *watch) begin(work func(stop <-chan struct{})) { w.wait.Go(func() { work(w.stop) }) }
func (w *watch) end()                                  { close(w.stop); w.wait.Wait() }

// verified gives the absolute path of the binary once its digest is the pinned one.
func verified(cfg HostConfig) (string, error) {
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return "", fmt.Errorf("resolve path: %w", err)
	}
	if cfg.SHA256 == "" && !cfg.Unpinned {
		return "", ErrUnpinned
	}
	got, err := FileSHA256(path)
	if err != nil {
		return "", err
	}
	if cfg.SHA256 != "" && !strings.EqualFold(got, cfg.SHA256) {
		return "", fmt.Errorf("%w: sha256 is %s", ErrChecksum, got)
	}
	return path, nil
}

// FileSHA256 gives a file's SHA-256 in hex: of an adapter's binary to pin it, of a statement to decode it.
func FileSHA256(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open file to digest: %w", err)
	}
	defer f.Close()
	digest := sha256.New()
	if _, err := io.Copy(digest, f); err != nil {
		return "", fmt.Errorf("digest file: %w", err)
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}

// environment looks the named variables up. A missing one is an error now, and not a strange one later.
func environment(names []string, secrets map[string]string) ([]string, error) {
	var env []string
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		env = append(env, name+"="+secrets[name])
	}
	for _, name := range names {
		value, ok := os.LookupEnv(name)
		if !ok {
			return nil, fmt.Errorf("environment variable %s is not set", name)
		}
		env = append(env, name+"="+value)
	}
	return env, nil
}

func clientConfig(cfg HostConfig, p *process) *goplugin.ClientConfig {
	return &goplugin.ClientConfig{
		HandshakeConfig:  handshake(),
		VersionedPlugins: versions(nil),
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     cfg.Timing.Start,
		Logger:           quiet(),
		Stderr:           newStderrLog(cfg.Logger, cfg.Name),
		GRPCDialOptions:  dialOptions(),
		RunnerFunc:       func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) { return p, p.prepare(cmd.Env) },
	}
}

// connect starts the process and shakes hands. When ctx ends first the process is killed, which ends go-plugin's waits:
// go-plugin itself knows no context here.
func connect(ctx context.Context, p *process, client *goplugin.Client) (*line, error) {
	type outcome struct {
		rpc any
		err error
	}
	result := make(chan outcome, 1)
	go func() {
		protocol, err := client.Client()
		if err != nil {
			result <- outcome{err: err}
			return
		}
		rpc, err := protocol.Dispense(contractName)
		result <- outcome{rpc, err}
	}()
	var got outcome
	select {
	case got = <-result:
	case <-ctx.Done():
		killErr := p.Kill(ctx)
		if got = <-result; got.err == nil {
			got.err = context.Cause(ctx)
		}
		if killErr != nil {
			return nil, killErr
		}
	}
	if got.err != nil {
		return nil, got.err
	}
	return got.rpc.(*line), nil
}

// stop kills first: go-plugin's own way asks the adapter to leave, without a deadline, and a hung one would hold it.
func stop(p *process, client *goplugin.Client) {
	_ = p.Kill(context.Background()) // it fails only for a process that is gone
	client.Kill()
}

// Done is closed once the adapter's process is gone.
func (h *Host) Done() <-chan struct{} { return h.done }

// Close kills the adapter's process and waits until it is gone. Running calls fail.
func (h *Host) Close() { h.close() }

// Description is what the adapter said when it was started.
func (h *Host) Description() Description { return h.desc }
