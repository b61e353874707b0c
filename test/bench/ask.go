package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/seed-3356bd69/touchstone/test/bench/internal/duck"
)

// The peers.
const (
	peerJoin    = "duckdb-join"
	peerClasses = "duckdb-classes"
	peerSHA256  = "sha256"
)

// askCmd is one run of a peer in a process of its own, so that its cost can be told.
type askCmd struct {
	Peer    string   `arg:"" enum:"duckdb-join,duckdb-classes,sha256"`
	Files   []string `arg:""`
	Threads int      `default:"2"`
}

// Run prints the peer's answer as JSON.
func (cmd *askCmd) Run(ctx context.Context, out io.Writer) error {
	answer, err := cmd.ask(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(answer)
}

func (cmd *askCmd) ask(ctx context.Context) (any, error) {
	if cmd.Peer == peerSHA256 {
		return sums(cmd.Files)
	}
	dir, err := os.MkdirTemp("", "duckdb")
	if err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	defer os.RemoveAll(dir)
	db, err := duck.Open(ctx, cmd.Threads, dir)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if err := db.Files(ctx, cmd.Files[0], cmd.Files[1]); err != nil {
		return nil, err
	}
	if cmd.Peer == peerJoin {
		return db.Joined(ctx)
	}
	return db.Classes(ctx)
}

// sums hashes each file in a goroutine of its own.
func sums(files []string) ([]string, error) {
	type result struct {
		at  int
		sum string
		err error
	}
	results, found := make(chan result), make([]string, len(files))
	for i, name := range files {
		go func() {
			sum, err := sum(name)
			results <- result{i, sum, err}
		}()
	}
	var failed error
	for range files {
		r := <-results
		if found[r.at] = r.sum; r.err != nil {
			failed = r.err
		}
	}
	return found, failed
}

func sum(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", h.Sum(nil)), nil
}
