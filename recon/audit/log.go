package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	flog "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
	"k8s.io/klog/v2"
)

// Bounds of writing. An awaited entry takes a sequence (two or three synced files) and at most one checkpoint interval.
const (
	gather             = 5 * time.Millisecond   // for entries that come together
	gatherMost         = 4096                   // entries in one sequence
	checkpointInterval = 100 * time.Millisecond // the least that the library allows
	look               = 3 * time.Millisecond   // between looks for the checkpoint
	defaultPatience    = 10 * time.Second
	batchWitnessEvery  = 10 * time.Second
)

// ErrUnconfirmed means that an entry may or may not be in the log: no witnessed checkpoint covers it in time. What it was
// for must not be done; the same entry may be appended again.
var ErrUnconfirmed = errors.New("audit entry is not confirmed")

// Config is what a log needs.
type Config struct {
	Dir      string
	Key      Key
	Witness  *Folder       // nil: Verify says that there is none
	Who      string        // who writes, for the next one who finds the log locked
	Patience time.Duration // for an entry's checkpoint; 0 = 10 s
	Metrics  *Metrics      // nil: none
	Now      func() time.Time
}

// Log is an open audit log: this process is its only writer. It is safe for concurrent use.
type Log struct {
	cfg       Config
	appender  *tessera.Appender
	reader    tessera.LogReader
	shutdown  func(context.Context) error
	cancel    context.CancelFunc
	sequencer *sequencer
	pending   sync.WaitGroup // of appends that wait

	mu        sync.Mutex
	witnessed uint64    // size of the latest checkpoint that the witness has
	copied    time.Time // when it got it
}

// Open locks the log in cfg.Dir, creating it when it is not there. It refuses a log that is not what the witness saw
// earlier: one that was cut, put back or built anew must not go on.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	if cfg.Patience <= 0 {
		cfg.Patience = defaultPatience
	}
	if cfg.Key.signer == nil {
		return nil, fmt.Errorf("open audit log: %w", errNoKey)
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("create audit log: %w", err)
	}
	held, err := takeSequencer(cfg.Dir, cfg.Who, cfg.Now())
	if err != nil {
		return nil, err
	}
	l := &Log{cfg: cfg, sequencer: held}
	if err := l.start(ctx); err != nil {
		return nil, errors.Join(err, held.release())
	}
	return l, nil
}

func (l *Log) start(ctx context.Context) error {
	if err := l.agreesWithWitness(ctx); err != nil {
		return err
	}
	driver, err := posix.New(ctx, posix.Config{Path: l.cfg.Dir})
	if err != nil {
		return fmt.Errorf("open audit log: %w", err)
	}
	options := tessera.NewAppendOptions().WithCheckpointSigner(l.cfg.Key.signer).WithBatching(gatherMost, gather).
		WithCheckpointInterval(checkpointInterval).WithCheckpointRepublishInterval(0)
	// The appender's own workers live until Close, longer than the call that opens.
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.appender, l.shutdown, l.reader, err = tessera.NewAppender(running, driver, options)
	if err != nil {
		cancel()
		return fmt.Errorf("open audit log %s: %w", l.cfg.Dir, err)
	}
	l.cancel = cancel
	return nil
}

// agreesWithWitness holds the log against the witness's latest checkpoint, by a consistency proof.
func (l *Log) agreesWithWitness(ctx context.Context) error {
	if l.cfg.Witness == nil {
		return nil
	}
	last, err := l.cfg.Witness.last(l.cfg.Key.verifier)
	if err != nil || last == nil {
		return err
	}
	l.witnessed = last.Size
	if err := proveConsistency(ctx, l.cfg.Dir, l.cfg.Key.verifier, *last); err != nil {
		return fmt.Errorf("open audit log %s: %w; try: touchstone audit verify", l.cfg.Dir, err)
	}
	return nil
}

// Append writes one entry and returns its place when a signed checkpoint covers it and the witness has that checkpoint.
// After an error nothing that the entry was for may be done.
func (l *Log) Append(ctx context.Context, e Entry) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Patience)
	defer cancel()
	places, err := l.append(ctx, []Entry{e}, true)
	if err != nil {
		return 0, err
	}
	return places[0], nil
}

// AppendBatch writes entries of machines, in order, and returns their places when a signed checkpoint covers them. The
// witness gets that checkpoint, or a later one, within seconds. It waits for places as long as ctx lets it, so that after
// an error the log's files tell whether the entries are in.
func (l *Log) AppendBatch(ctx context.Context, entries []Entry) ([]uint64, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	return l.append(ctx, entries, l.sinceWitness() >= batchWitnessEvery)
}

func (l *Log) append(ctx context.Context, entries []Entry, witness bool) ([]uint64, error) {
	began := time.Now()
	encoded := make([][]byte, len(entries))
	for i, e := range entries {
		var err error
		if encoded[i], err = e.Encode(); err != nil {
			return nil, err // before any of them is written
		}
	}
	places, err := l.sequence(ctx, encoded)
	var size uint64
	var checkpoint []byte
	if err == nil {
		size, checkpoint, err = l.covered(ctx, places[len(places)-1])
	}
	if err != nil {
		l.cfg.Metrics.failed(len(entries), atLog)
		return nil, err
	}
	if witness {
		if err := l.toWitness(size, checkpoint); err != nil {
			l.cfg.Metrics.failed(len(entries), atWitness)
			return nil, fmt.Errorf("%w: %w", ErrUnconfirmed, err)
		}
	}
	l.cfg.Metrics.appended(len(entries), size, time.Since(began))
	return places, nil
}

// sequence hands entries to the log and waits for their places.
func (l *Log) sequence(ctx context.Context, encoded [][]byte) ([]uint64, error) {
	type answer struct {
		places []uint64
		err    error
	}
	answered := make(chan answer, 1)
	l.pending.Add(1)
	go func() { // the library's future knows no context
		defer l.pending.Done()
		futures := make([]tessera.IndexFuture, len(encoded))
		for i, data := range encoded {
			futures[i] = l.appender.Add(ctx, tessera.NewEntry(data))
		}
		a := answer{places: make([]uint64, len(encoded))}
		for i, future := range futures {
			index, err := future()
			a.places[i], a.err = index.Index, errors.Join(a.err, err)
		}
		answered <- a
	}()
	select {
	case a := <-answered:
		if a.err != nil {
			return nil, fmt.Errorf("write audit log: %w", a.err)
		}
		return a.places, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: it has no place yet: %w", ErrUnconfirmed, ctx.Err())
	}
}

// covered waits for a checkpoint that has this place in it.
func (l *Log) covered(ctx context.Context, place uint64) (uint64, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Patience)
	defer cancel()
	for {
		raw, err := l.reader.ReadCheckpoint(ctx)
		if err == nil {
			var cp *flog.Checkpoint
			if cp, err = l.checkpoint(raw); err == nil && cp.Size > place {
				return cp.Size, raw, nil
			}
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, nil, fmt.Errorf("%w: read checkpoint: %w", ErrUnconfirmed, err)
		}
		select {
		case <-ctx.Done():
			return 0, nil, fmt.Errorf("%w: no checkpoint covers it after %s; is the disk full?", ErrUnconfirmed, l.cfg.Patience)
		case <-time.After(look):
		}
	}
}

func (l *Log) checkpoint(raw []byte) (*flog.Checkpoint, error) { return parse(raw, l.cfg.Key.verifier) }

// LogTo sends what the log's library has to say to a logger. The library knows one for the whole process, and reads it
// without a lock: a process sets it once, before it opens a log.
func LogTo(logger *slog.Logger) { klog.SetSlogLogger(logger) }

func parse(raw []byte, verifier note.Verifier) (*flog.Checkpoint, error) {
	cp, _, _, err := flog.ParseCheckpoint(raw, verifier.Name(), verifier)
	if err != nil {
		return nil, fmt.Errorf("read checkpoint: %w", err)
	}
	return cp, nil
}

// settle waits until a checkpoint covers all that was sequenced, by this process or by one that died.
func (l *Log) settle(ctx context.Context) error {
	size, err := l.reader.IntegratedSize(ctx)
	if err != nil {
		return fmt.Errorf("read size of audit log: %w", err)
	}
	if size > 0 {
		_, _, err = l.covered(ctx, size-1)
	}
	return err
}

func (l *Log) sinceWitness() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cfg.Now().Sub(l.copied)
}

// toWitness copies a checkpoint, unless the witness has one that covers as much.
func (l *Log) toWitness(size uint64, checkpoint []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cfg.Witness == nil {
		return nil
	}
	if size <= l.witnessed {
		l.copied = l.cfg.Now()
		return nil
	}
	if err := l.cfg.Witness.Put(checkpoint); err != nil {
		return err
	}
	l.witnessed, l.copied = size, l.cfg.Now()
	return nil
}

// catchUp copies the latest checkpoint to a witness that has got none for a while: nobody may append any more, and what
// machines wrote last must not stay unwitnessed.
func (l *Log) catchUp(ctx context.Context) error {
	if l.cfg.Witness == nil || l.sinceWitness() < batchWitnessEvery {
		return nil
	}
	raw, err := l.reader.ReadCheckpoint(ctx)
	if err != nil {
		return fmt.Errorf("read checkpoint: %w", err)
	}
	cp, err := l.checkpoint(raw)
	if err != nil {
		return err
	}
	return l.toWitness(cp.Size, raw)
}

// Close waits until what was appended has its checkpoint and the witness has it, and gives the log back. No append may
// begin after it.
func (l *Log) Close(ctx context.Context) error {
	done := make(chan struct{})
	go func() { l.pending.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
	err := l.shutdown(ctx)
	raw, readErr := l.reader.ReadCheckpoint(ctx)
	if readErr == nil {
		var cp *flog.Checkpoint
		if cp, readErr = l.checkpoint(raw); readErr == nil {
			readErr = l.toWitness(cp.Size, raw)
		}
	}
	l.cancel()
	if err := errors.Join(err, readErr, l.sequencer.release()); err != nil {
		return fmt.Errorf("close audit log: %w", err)
	}
	return nil
}
