package jaeger

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/seed-3356bd69/touchstone/test/loopback"
)

// Server is one Jaeger. It can be stopped, and started again at the same addresses; its storage is in memory.
type Server struct {
	Agent string // host:port of UDP, compact thrift
	OTLP  string // URL
	Query string // URL

	binary, file string
	process      *exec.Cmd
	said         *output
}

const (
	startWithin = 30 * time.Second
	// The long packets of a burst are queued by the kernel in the socket's buffer.
	config = `service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: {receivers: [otlp, jaeger], exporters: [jaeger_storage_exporter]}
  telemetry:
    metrics: {level: none}
    logs: {level: warn}
extensions:
  jaeger_query:
    storage: {traces: memory}
    http: {endpoint: "%s"}
    grpc: {endpoint: "%s"}
  jaeger_storage:
    backends:
      memory: {memory: {max_traces: 10000}}
receivers:
  otlp:
    protocols:
      http: {endpoint: "%s"}
  jaeger:
    protocols:
      thrift_compact: {endpoint: "%s"}
exporters:
  jaeger_storage_exporter: {trace_storage: memory}
`
)

// ErrMissing says how to get what is missing.
var ErrMissing = errors.New("no Jaeger named by JAEGER_BIN; try: make test-jaeger, which builds it")

// Start starts one, with its configuration in dir.
func Start(dir string) (*Server, error) {
	binary := os.Getenv("JAEGER_BIN")
	if binary == "" {
		return nil, ErrMissing
	}
	addrs, err := loopback.FreeAddrs(4)
	if err != nil {
		return nil, err
	}
	s := &Server{Query: "http://" + addrs[0], OTLP: "http://" + addrs[2], Agent: addrs[3], binary: binary, file: filepath.Join(dir, "jaeger.yaml")}
	if err := os.WriteFile(s.file, fmt.Appendf(nil, config, addrs[0], addrs[1], addrs[2], addrs[3]), 0o600); err != nil {
		return nil, fmt.Errorf("write jaeger's configuration: %w", err)
	}
	return s, s.Restart()
}

// Restart starts it again after Stop, with nothing stored.
func (s *Server) Restart() error {
	s.said = &output{}
	s.process = exec.Command(s.binary, "--config", s.file)
	s.process.Stdout, s.process.Stderr = s.said, s.said
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		return fmt.Errorf("start jaeger: %w", err)
	}
	for end := time.Now().Add(startWithin); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if res, err := http.Get(s.Query + "/api/services"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
	s.Stop()
	return fmt.Errorf("jaeger does not answer within %s: %s", startWithin, s.said)
}

// Stop ends it, and waits until it has ended.
func (s *Server) Stop() {
	_ = s.process.Process.Kill() // it may have ended
	_ = s.process.Wait()         // by the signal
}

// output keeps what it writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
