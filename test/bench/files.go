package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/seed-3356bd69/touchstone/test/bench/internal/duck"
	"github.com/seed-3356bd69/touchstone/test/recongen"
)

// fileSet is one generated day.
type fileSet struct {
	sides   []string
	want    duck.Counts // what was planted
	records int64       // of all sides
	bytes   int64       // of all sides
}

// generate makes the files of a configuration below dir, or uses those that are there and were made of the same one.
func generate(ctx context.Context, dir, name string, c recongen.Config) (fileSet, error) {
	g, err := recongen.New(c)
	if err != nil {
		return fileSet{}, err
	}
	dir = filepath.Join(dir, name)
	mark, wanted := filepath.Join(dir, "config.json"), fmt.Appendf(nil, "%s\n", must(json.Marshal(c)))
	if made, err := os.ReadFile(mark); err != nil || !bytes.Equal(made, wanted) {
		_ = os.Remove(mark) // what follows may be cut off in the middle
		if err := g.WriteFiles(ctx, dir, false); err != nil {
			return fileSet{}, fmt.Errorf("generate files: %w", err)
		}
		if err := os.WriteFile(mark, wanted, 0o644); err != nil {
			return fileSet{}, fmt.Errorf("generate files: %w", err)
		}
	}
	f := fileSet{}
	if f.want, err = planted(g); err != nil {
		return fileSet{}, err
	}
	f.sides, _ = g.Names(dir)
	for side, name := range f.sides {
		f.records += g.Rows(side)
		n, err := warm(name)
		if err != nil {
			return fileSet{}, fmt.Errorf("read file: %w", err)
		}
		f.bytes += n
	}
	return f, nil
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err) // a map of numbers and texts always has a JSON form
	}
	return b
}

// warm reads a file so that it is in the page cache where there is room, and gives its size.
func warm(name string) (int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, make([]byte, 1<<20))
}
