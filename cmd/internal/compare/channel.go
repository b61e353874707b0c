package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

// Channel says where the description of a channel's own file comes from: an adapter, or a file of JSON.
type Channel struct {
	Format string   // name of an adapter, or a file that ends in .json
	Kind   string   // statement kind; "" = the adapter's first that is described
	Folder string   // of adapters; "" = beside this program
	Env    []string // names of variables that the adapter needs
	Logger *slog.Logger
}

// Spec gives the description.
func (c Channel) Spec(ctx context.Context) (*recon.FormatSpec, error) {
	if strings.HasSuffix(c.Format, ".json") {
		return ReadSpec(c.Format)
	}
	return c.ask(ctx)
}

// ReadSpec reads a FormatSpec from a file of JSON. A complaint says where.
func ReadSpec(path string) (*recon.FormatSpec, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read format: %w", err)
	}
	spec := &recon.FormatSpec{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(spec); err != nil {
		return nil, fmt.Errorf("%s: %w; try: the fields of docs/reconcile.md", at(path, text, offsetOf(err, d.InputOffset())), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: text behind the format; try: one format a file", at(path, text, d.InputOffset()))
	}
	if err := spec.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return spec, nil
}

// offsetOf is where a decoder stumbled: where the error says, else where it stopped reading.
func offsetOf(err error, read int64) int64 {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return syntax.Offset
	case errors.As(err, &kind):
		return kind.Offset
	}
	return read
}

// at prints "file:line:col" of an offset.
func at(path string, text []byte, offset int64) string {
	before := text[:min(int(offset), len(text))]
	return fmt.Sprintf("%s:%d:%d", path, bytes.Count(before, []byte{'\n'})+1, max(1, len(before)-bytes.LastIndexByte(before, '\n')-1))
}

// ask starts the adapter and takes the format from its description.
func (c Channel) ask(ctx context.Context) (_ *recon.FormatSpec, err error) {
	found, err := c.find()
	if err != nil {
		return nil, err
	}
	host, err := plugins.Start(ctx, plugins.HostConfig{
		Name: c.Format, Path: found.Path, SHA256: found.SHA256, Env: c.Env, Logger: c.Logger, Metrics: plugins.NewMetrics(prometheus.NewRegistry()),
	})
	if err != nil {
		return nil, fmt.Errorf("--format: %w", err)
	}
	defer host.Close()
	return Lines(c.Format, c.Kind, host.Description().Kinds)
}

func (c Channel) find() (plugins.Found, error) {
	folder := c.Folder
	if folder == "" {
		program, err := os.Executable()
		if err != nil {
			return plugins.Found{}, fmt.Errorf("--format: %w", err)
		}
		folder = filepath.Dir(program)
	}
	all, err := plugins.Discover(folder)
	if err != nil {
		return plugins.Found{}, fmt.Errorf("--format: %w", err)
	}
	var names []string
	for _, f := range all {
		if f.Name == c.Format {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return plugins.Found{}, fmt.Errorf("--format: no %s%s in %s (there are: %s); try: --adapters FOLDER, or FILE.json", plugins.BinaryPrefix, c.Format, folder, strings.Join(names, ", "))
}

// Lines gives how an adapter describes the lines of a statement kind; with "" of the first that it describes.
func Lines(adapter, kind string, kinds []plugins.StatementKind) (*recon.FormatSpec, error) {
	var names []string
	for _, k := range kinds {
		lines := k.Format
		if lines == nil {
			lines = k.Inside // of a container that the scanner opens too
		}
		if lines != nil && (kind == "" || kind == k.Name) {
			return lines, nil
		}
		if lines != nil {
			names = append(names, k.Name)
		}
	}
	return nil, fmt.Errorf("adapter %s describes no lines of %q; try: one of the kinds %s", adapter, kind, strings.Join(names, ", "))
}
