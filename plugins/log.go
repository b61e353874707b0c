package plugins

import (
	"bytes"
	"context"
	"io"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// Log keys of this package.
const (
	KeyAdapter = "adapter"
	KeyLine    = "line"
)

// maxLogLine bounds one line of an adapter in the host's log, in bytes; the rest of a longer line is dropped.
const maxLogLine = 2 << 10

// quiet silences go-plugin: what matters of its log is in the errors it returns.
func quiet() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard})
}

// stderrLog turns an adapter's standard error into log entries, one a line. One goroutine writes to it.
type stderrLog struct {
	log  *slog.Logger
	line []byte
}

func newStderrLog(log *slog.Logger, adapter string) *stderrLog {
	return &stderrLog{log: log.With(KeyAdapter, adapter)}
}

// Write takes any part of the output; it never fails.
func (l *stderrLog) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		part, after, whole := bytes.Cut(rest, []byte{'\n'})
		l.line = append(l.line, part[:min(len(part), maxLogLine-len(l.line))]...)
		if whole {
			l.flush()
		}
		rest = after
	}
	return len(p), nil
}

func (l *stderrLog) flush() {
	if len(l.line) > 0 {
		l.log.LogAttrs(context.Background(), slog.LevelInfo, "adapter wrote to standard error", slog.String(KeyLine, string(l.line)))
	}
	l.line = l.line[:0]
}
