package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/compare"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/batch"
)

// named fills a statement into the pattern of a file's name.
func named(pattern string, id batch.ID) string {
	return strings.NewReplacer("{account}", id.Account, "{day}", id.Day, "{yyyymmdd}", strings.ReplaceAll(id.Day, "-", "")).Replace(pattern)
}

// folderSource takes statements that somebody puts into a folder.
type folderSource struct {
	config *config.ReconFolder
	format *recon.FormatSpec
}

func openFolder(c *config.ReconFolder) (*folderSource, error) {
	format, err := compare.ReadSpec(string(c.Format))
	if err != nil {
		return nil, err
	}
	return &folderSource{c, format}, nil
}

// Format is the same for all statements of the folder.
func (s *folderSource) Format(context.Context, batch.ID) (*recon.FormatSpec, error) {
	return s.format, nil
}

// Fetch copies the file once it is whole: its mark is there, or nobody wrote to it for a while.
func (s *folderSource) Fetch(ctx context.Context, id batch.ID, w io.Writer) (batch.Fetched, error) {
	name := named(s.config.File, id)
	path := filepath.Join(string(s.config.Path), name)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return batch.Fetched{Readiness: batch.NotReady, Why: "there is no " + path}, nil
	}
	if err != nil {
		return batch.Fetched{}, fmt.Errorf("open statement: %w", err)
	}
	defer f.Close()
	if why, err := s.unfinished(f, name); err != nil || why != "" {
		return batch.Fetched{Readiness: batch.NotReady, Why: why, RetryAfter: s.config.Settle}, err
	}
	before, err := f.Stat()
	if err != nil {
		return batch.Fetched{}, fmt.Errorf("look at statement: %w", err)
	}
	n, err := io.Copy(w, readerOf(ctx, f))
	if err != nil {
		return batch.Fetched{}, fmt.Errorf("read statement: %w", err)
	}
	after, err := f.Stat()
	if err != nil || n != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return batch.Fetched{}, errors.Join(fmt.Errorf("read statement: %s changed meanwhile", path), err)
	}
	return batch.Fetched{Readiness: batch.Ready, Name: name}, nil
}

// unfinished tells why a file must not be taken yet.
func (s *folderSource) unfinished(f *os.File, name string) (string, error) {
	if s.config.Done != "" {
		mark := filepath.Join(string(s.config.Path), strings.ReplaceAll(s.config.Done, "{file}", name))
		if _, err := os.Stat(mark); errors.Is(err, fs.ErrNotExist) {
			return "there is no " + mark, nil
		} else if err != nil {
			return "", fmt.Errorf("look for mark of statement: %w", err)
		}
		return "", nil
	}
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("look at statement: %w", err)
	}
	if age := time.Since(info.ModTime()); age < s.config.Settle {
		return fmt.Sprintf("%s was written %s ago and may not be whole", name, age.Round(time.Second)), nil
	}
	return "", nil
}

// readerOf ends with its context.
func readerOf(ctx context.Context, r io.Reader) io.Reader { return &endingReader{ctx.Err, r} }

type endingReader struct {
	ended func() error
	io.Reader
}

// Read reads unless the context ended.
func (r *endingReader) Read(p []byte) (int, error) {
	if err := r.ended(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// adapterHost is what all adapters of a process share.
type adapterHost struct {
	logger  *slog.Logger
	metrics *plugins.Metrics
}

// adapterSource gets statements from a channel, through an adapter that runs for the time of a call.
type adapterSource struct {
	host   adapterHost
	config *config.ReconAdapter
}

func (s *adapterSource) start(ctx context.Context) (*plugins.Host, error) {
	secrets := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(s.config.Secrets)) {
		secrets[name] = s.config.Secrets[name].Text()
	}
	host, err := plugins.Start(ctx, plugins.HostConfig{
		Name: s.config.Name, Path: string(s.config.Path), SHA256: s.config.SHA256, Secrets: secrets, Logger: s.host.logger, Metrics: s.host.metrics,
	})
	if err != nil {
		return nil, fmt.Errorf("start adapter: %w", err)
	}
	return host, nil
}

// Format asks the adapter how it describes the lines.
func (s *adapterSource) Format(ctx context.Context, id batch.ID) (*recon.FormatSpec, error) {
	host, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	defer host.Close()
	return compare.Lines(s.config.Name, id.Kind, host.Description().Kinds)
}

// Fetch asks the channel. The adapter has checked the channel's own hash.
func (s *adapterSource) Fetch(ctx context.Context, id batch.ID, w io.Writer) (batch.Fetched, error) {
	host, err := s.start(ctx)
	if err != nil {
		return batch.Fetched{}, err
	}
	defer host.Close()
	settings := plugins.Settings{}
	maps.Copy(settings, s.config.Settings)
	if s.config.BaseURL != nil {
		settings["base_url"] = s.config.BaseURL.String()
	}
	got, err := host.Fetch(ctx, plugins.FetchRequest{Account: id.Account, Kind: id.Kind, Date: id.Day, Settings: settings}, w)
	if err != nil {
		return batch.Fetched{}, err
	}
	d := host.Description()
	out := batch.Fetched{Name: fmt.Sprintf("%s-%s-%s-%s", id.Channel, id.Account, id.Kind, id.Day), Adapter: d.Name + " " + d.Version, RetryAfter: got.RetryAfter}
	if got.Hash.Value != "" {
		out.Declared = string(got.Hash.Type) + " " + got.Hash.Value
	}
	switch got.Status {
	case plugins.FetchReady:
		out.Readiness = batch.Ready
	case plugins.FetchEmpty:
		out.Readiness = batch.EmptyDay
	case plugins.FetchNotReady:
		out.Readiness, out.Why = batch.NotReady, "the channel has not made it yet"
	}
	return out, nil
}
