package telemetry

import (
	"fmt"
	"io"
	"log/slog"
)

// Format is how log lines are written.
type Format string

// The formats: text for people, JSON for collectors.
const (
	FormatText Format = "text"
	FormatJSON Format = "json"
)

// NewLogger writes lines of at least the level.
func NewLogger(w io.Writer, format Format, level slog.Level) (*slog.Logger, error) {
	options := &slog.HandlerOptions{Level: level}
	switch format {
	case FormatText:
		return slog.New(slog.NewTextHandler(w, options)), nil
	case FormatJSON:
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("unknown log format %q (text or json)", format)
}
