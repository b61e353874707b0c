package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/compare"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
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
