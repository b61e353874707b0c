package batch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// Shards says which batches are done in parts, by any number of workers, and where the parts are kept. What was done is
// still there when a worker dies: whoever goes on does the rest. No part needs a fence: it is the same whoever does it, and
// one that is not whole, or of another plan, is made again.
//
//	worker that has the statement        folder of the batch            other workers
//	plan ──────────────────────────────► plan.json
//	offers parts ──► queue ─────────────────────────────────────────► scan/0/0, scan/0/1, …
//	… scan/1/3, scan/1/2 ──────────────► scan-0-0.part … ◄──────────────┘
//	finish, under the fence ◄─────────── join-0.part …
type Shards struct {
	Above    int64  // bytes of a statement's file in the archive, beyond which its batch is done in parts
	Folder   string // which all workers see, on all machines, like the archive
	PartSize int64  // bytes of text in a part; 0 = the engine's
	// Put offers a part to all workers; nil: the process that has the statement does all parts.
	Put func(ctx context.Context, name string, item []byte) error

	mu   sync.Mutex
	free []*bench
}

// bench is a batch's folder with both sides open, between two parts.
type bench struct {
	batch string
	parts *match.Parts
	sides []*scan.Side
	used  time.Time
}

func (b *bench) close() error {
	errs := []error{b.parts.Close()}
	for _, s := range b.sides {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// shardMark stands between a statement and a part in the name of a work item.
const shardMark = "#"

// Item is a part of a statement's batch, as work items name it.
type Item struct {
	ID   ID
	Part match.Part
}

// String prints "wechat/1900000109/trade/2026-11-23#scan/0/3".
func (i Item) String() string { return i.ID.String() + shardMark + i.Part.String() }

// ParseItem reads what String printed; is tells whether the text names a part at all.
func ParseItem(text string) (_ Item, is bool, err error) {
	statement, part, is := strings.Cut(text, shardMark)
	if !is {
		return Item{}, false, nil
	}
	i := Item{}
	if i.ID, err = ParseID(statement); err == nil {
		i.Part, err = match.ParsePart(part)
	}
	return i, true, err
}

// folder is where the parts of a batch are kept.
func (s *Shards) folder(b *Batch) string {
	sum := sha256.Sum256([]byte(b.ID))
	return filepath.Join(s.Folder, hex.EncodeToString(sum[:16]))
}

// keptParts is how long parts stay that nobody came back for.
const keptParts = 7 * 24 * time.Hour

// Sweep removes the parts of batches that were given up long ago.
func (s *Shards) Sweep(now time.Time) error {
	if s == nil {
		return nil
	}
	folders, err := os.ReadDir(s.Folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look for parts: %w", err)
	}
	for _, f := range folders {
		if raw, err := hex.DecodeString(f.Name()); err != nil || len(raw) != 16 || !f.IsDir() {
			continue
		}
		info, err := f.Info()
		if errors.Is(err, fs.ErrNotExist) || (err == nil && now.Sub(info.ModTime()) < keptParts) {
			continue
		}
		if err := errors.Join(err, match.RemoveParts(filepath.Join(s.Folder, f.Name()))); err != nil {
			return err
		}
	}
	return nil
}

// sharded tells whether a batch is done in parts. What an adapter decodes is read by the worker alone that had it decoded.
func (c *claim) sharded(b *Batch) bool {
	s := c.r.Shards
	return s != nil && s.Above > 0 && b.File.Size > s.Above && !b.File.Empty && !c.r.Archive.shows(b.File.SHA256)
}

// parts opens the folder of a batch that is done in parts; nil: it is done as a whole.
func (c *claim) parts(b *Batch) (*match.Parts, error) {
	if !c.sharded(b) {
		return nil, nil
	}
	return match.OpenParts(c.r.Shards.folder(b))
}

// unshard removes the parts of a batch that is confirmed or aborted.
func (c *claim) unshard(b *Batch) error {
	if c.r.Shards == nil {
		return nil
	}
	return match.RemoveParts(c.r.Shards.folder(b))
}

// config says how the sides are held against each other.
func (c *claim) config(compared entry.Compared, each func(*match.Difference) error) match.Config {
	cfg := match.Config{Compared: compared, Threads: max(1, c.r.Threads), Memory: c.r.Memory, Temp: c.r.Temp, Each: each}
	if c.r.Shards != nil {
		cfg.PartSize = c.r.Shards.PartSize
	}
	return cfg
}

// join holds the sides against each other, as a whole or in parts.
func (c *claim) join(ctx context.Context, parts *match.Parts, cfg match.Config, sides ...*scan.Side) (*match.Result, error) {
	if parts == nil {
		return match.Reconcile(ctx, cfg, sides...)
	}
	if err := parts.Begin(ctx, cfg, sides...); err != nil {
		return nil, err
	}
	for _, stage := range match.Stages() {
		if err := c.stage(ctx, parts, stage); err != nil {
			return nil, err
		}
	}
	return parts.Finish(ctx)
}

// stage offers the parts of a stage to all workers and does them from the last one on, while others begin with the first.
// Where they meet, one part or another is done twice, which costs less than to wait for a worker that may be dead.
func (c *claim) stage(ctx context.Context, parts *match.Parts, stage match.Stage) error {
	all := slices.DeleteFunc(parts.All(), func(p match.Part) bool { return p.Stage != stage })
	if c.r.Shards.Put != nil && len(all) > 1 {
		c.offer(ctx, all)
		slices.Reverse(all)
	}
	for _, part := range all {
		outcome, err := parts.Do(ctx, part)
		c.r.Metrics.part(part.Stage, string(outcome))
		if err != nil {
			return err
		}
	}
	return nil
}

// offer puts parts into the queue. Without the queue they are all done here.
func (c *claim) offer(ctx context.Context, all []match.Part) {
	for _, part := range all {
		item := Item{c.s.ID, part}.String()
		if err := c.r.Shards.Put(ctx, item, []byte(item)); err != nil {
			c.r.Log.Warn("parts are not offered to other workers", keyStatement, c.s.ID.String(), keyWhy, err)
			return
		}
	}
}

// partRefused is the outcome of a part whose plan is of another configuration than this worker's.
const partRefused = "refused"

// DoPart does a part of a batch, for the worker that has its statement. A part of a batch that is over is none any more. An
// error means that the part comes again; a match.OtherPlanError that this worker's configuration is not that of the plan.
func (r *Runner) DoPart(ctx context.Context, item Item) error {
	if r.Shards == nil {
		r.Metrics.part(item.Part.Stage, partRefused)
		return fmt.Errorf("%s: this worker does no parts; try: the same shards in the configuration of every worker", item)
	}
	at, err := r.bench(ctx, item.ID)
	if err != nil || at == nil {
		if _, other := errors.AsType[*match.OtherPlanError](err); other {
			r.Metrics.part(item.Part.Stage, partRefused)
		}
		return err
	}
	outcome, err := at.parts.Do(ctx, item.Part)
	if err != nil {
		if !at.parts.Current() { // it was finished meanwhile, or begun anew
			return at.close()
		}
		r.Metrics.part(item.Part.Stage, string(outcome))
		return errors.Join(fmt.Errorf("do part %s: %w", item, err), at.close())
	}
	r.Metrics.part(item.Part.Stage, string(outcome))
	at.used = r.Now()
	r.Shards.mu.Lock()
	defer r.Shards.mu.Unlock()
	r.Shards.free = append(r.Shards.free, at)
	return nil
}

// bench gives a batch's folder with its sides open; nil: there is nothing to do in it any more.
func (r *Runner) bench(ctx context.Context, id ID) (*bench, error) {
	p, err := r.profile(id)
	if err != nil {
		return nil, err
	}
	s, err := readStatement(ctx, r.DB, id)
	if err != nil {
		return nil, err
	}
	b, err := readBatch(ctx, r.DB, s.Batch)
	if err != nil || b == nil || b.State != Preparing {
		return nil, err
	}
	if at := r.Shards.take(b.ID); at != nil {
		if at.parts.Current() {
			return at, nil
		}
		if err := at.close(); err != nil {
			return nil, err
		}
	}
	folder := r.Shards.folder(b)
	if !match.HasParts(folder) {
		return nil, nil
	}
	return (&claim{r: r, p: p, s: s}).bench(ctx, b, folder)
}

// bench opens what a part is done with.
func (c *claim) bench(ctx context.Context, b *Batch, folder string) (_ *bench, err error) {
	parts, err := match.OpenParts(folder)
	if err != nil {
		return nil, err
	}
	at := &bench{batch: b.ID, parts: parts}
	defer func() {
		if err != nil {
			err = errors.Join(err, at.close())
		}
	}()
	o := c.options(parts, c.p.Compared)
	channel, err := c.channel(ctx, b, o)
	if err != nil {
		return nil, err
	}
	at.sides = []*scan.Side{channel}
	books, err := c.p.Books.Open(ctx, c.s.ID, o)
	if err != nil {
		return nil, fmt.Errorf("open books: %w", err)
	}
	at.sides = []*scan.Side{books, channel}
	return at, parts.Take(c.config(c.p.Compared, func(*match.Difference) error { return nil }), at.sides...)
}

// take gives a bench of a batch that is free.
func (s *Shards) take(batch string) *bench {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.free, func(b *bench) bool { return b.batch == batch })
	if i < 0 {
		return nil
	}
	at := s.free[i]
	s.free = slices.Delete(s.free, i, i+1)
	return at
}

// idle is how long a bench stays open that nobody uses: the files of a batch that is over take room on the disk.
const idle = 5 * time.Second

// CloseIdle closes what parts were done with, and nobody used for a while. With the zero time it closes all.
func (s *Shards) CloseIdle(now time.Time) error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	s.free = slices.DeleteFunc(s.free, func(b *bench) bool {
		if !now.IsZero() && now.Sub(b.used) < idle {
			return false
		}
		errs = append(errs, b.close())
		return true
	})
	return errors.Join(errs...)
}
