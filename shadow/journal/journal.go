package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
)

// Errors of a journal that cannot take an entry. The caller counts them and goes on.
var (
	ErrFull    = errors.New("journal is full")
	ErrClosed  = errors.New("journal is closed")
	ErrUnknown = errors.New("entry is not in the journal")
	ErrInUse   = errors.New("journal is in use by another process")
)

// Config is one journal.
type Config struct {
	Name         string // label of its metrics; "" = dual-write
	Dir          string // of its own
	MaxBytes     int64  // on disk; intents beyond are refused; 0 = 1 GiB
	SegmentBytes int64  // after which a new file is begun; 0 = 16 MiB
	MaxPending   int    // entries that are not done; 0 = 1 million, about 100 bytes of memory each
	Log          *slog.Logger
	Metrics      prometheus.Registerer
}

const (
	logFile   = "file"
	logOffset = "offset"
	logError  = "error"
)

// Entry is one entry that is not done.
type Entry struct {
	Seq       uint64
	Committed bool // otherwise its end is not known
}

// place is where an entry's payload stands.
type place struct {
	segment   *segment
	at        int64
	committed bool
}

// Journal is an append-only log in segments. It is safe for concurrent use.
//
//	intent ──► committed ──► gone        a segment is deleted when nothing that stands in it is open,
//	   └──────────────────────┘          and all before it are deleted
type Journal struct {
	cfg     Config
	lock    *os.File
	metrics *metrics

	mu       sync.Mutex
	segments []*segment // oldest first; the last one is written
	open     map[uint64]place
	next     uint64
	bytes    int64
	closed   bool
}

// Open reads a journal and gives the entries that are not done, oldest first. A torn end is cut off. A segment damaged in
// the middle is kept aside as *.damaged with its path in damaged: what stood behind the damage is lost, and the caller
// must say so, since nobody knows whose it was.
func Open(cfg Config) (j *Journal, left []Entry, damaged []string, err error) {
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = 1 << 30
	}
	if cfg.SegmentBytes <= 0 {
		cfg.SegmentBytes = 16 << 20
	}
	if cfg.MaxPending <= 0 {
		cfg.MaxPending = 1_000_000
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, nil, nil, fmt.Errorf("make journal folder: %w", err)
	}
	lock, err := lockFolder(cfg.Dir)
	if err != nil {
		return nil, nil, nil, err
	}
	j = &Journal{cfg: cfg, lock: lock, open: map[uint64]place{}, next: 1}
	if damaged, err = j.load(); err != nil {
		return nil, nil, nil, errors.Join(err, j.closeFiles())
	}
	j.metrics = newMetrics(cfg.Metrics, j)
	for seq, p := range j.open {
		left = append(left, Entry{seq, p.committed})
	}
	slices.SortFunc(left, func(a, b Entry) int {
		if a.Seq < b.Seq {
			return -1
		}
		return 1
	})
	return j, left, damaged, nil
}

func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open journal lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %s", ErrInUse, dir), f.Close())
	}
	return f, nil
}

// Intent notes what may be about to commit and gives its number, which no later entry of this journal has.
func (j *Journal) Intent(payload []byte) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.open) >= j.cfg.MaxPending || j.bytes+int64(len(payload)) > j.cfg.MaxBytes || len(payload) > maxPayload {
		j.metrics.errors.WithLabelValues(errorFull).Inc()
		return 0, ErrFull
	}
	seq := j.next
	if err := j.append(record{intended, seq, payload}); err != nil {
		return 0, err
	}
	return seq, nil
}

// Outcome says how an intent ended. A payload replaces the intent's; what did not commit is done.
func (j *Journal) Outcome(seq uint64, ok bool, payload []byte) error {
	if !ok {
		return j.Done(seq)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, known := j.open[seq]; !known {
		return ErrUnknown
	}
	return j.append(record{committed, seq, payload})
}

// Done says that nothing is left to do about an entry.
func (j *Journal) Done(seq uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, known := j.open[seq]; !known {
		return ErrUnknown
	}
	if err := j.append(record{kind: gone, seq: seq}); err != nil {
		return err
	}
	return j.trim()
}

// Payload reads an entry's payload back from disk.
func (j *Journal) Payload(seq uint64) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	p, known := j.open[seq]
	if !known {
		return nil, ErrUnknown
	}
	rec, err := p.segment.read(p.at)
	if err != nil {
		j.metrics.errors.WithLabelValues(errorRead).Inc()
		return nil, fmt.Errorf("read entry %d: %w", seq, err)
	}
	return rec.payload, nil
}

// append writes one record and takes note of it. The caller holds the lock.
func (j *Journal) append(rec record) error {
	if j.closed {
		return ErrClosed
	}
	last := j.segments[len(j.segments)-1]
	if last.size >= j.cfg.SegmentBytes || last.broken {
		fresh, err := createSegment(j.cfg.Dir, last.number+1)
		if err != nil {
			j.metrics.errors.WithLabelValues(errorWrite).Inc()
			return err
		}
		j.segments, last = append(j.segments, fresh), fresh
	}
	at, err := last.append(rec.bytes())
	if err != nil {
		j.metrics.errors.WithLabelValues(errorWrite).Inc()
		return err
	}
	j.bytes += last.size - at
	j.take(last, at, rec)
	return nil
}

// take keeps the index: which entries are open, and which segment each payload keeps alive.
func (j *Journal) take(s *segment, at int64, rec record) {
	old, known := j.open[rec.seq]
	switch {
	case rec.kind == gone && known:
		old.segment.live--
		delete(j.open, rec.seq)
	case rec.kind == intended, rec.kind == committed && len(rec.payload) > 0:
		if known {
			old.segment.live--
		}
		s.live++
		j.open[rec.seq] = place{s, at, rec.kind == committed}
	case rec.kind == committed && known:
		old.committed = true
		j.open[rec.seq] = old
	}
	j.next = max(j.next, rec.seq+1)
}

// trim deletes the segments in front that nothing needs any more. The caller holds the lock.
func (j *Journal) trim() error {
	for len(j.segments) > 1 && j.segments[0].live == 0 {
		first := j.segments[0]
		j.segments = j.segments[1:]
		j.bytes -= first.size
		if err := first.remove(); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the journal; what is open stays in it.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	return j.closeFiles()
}

func (j *Journal) closeFiles() error {
	var errs []error
	for _, s := range j.segments {
		errs = append(errs, s.file.Close())
	}
	return errors.Join(append(errs, j.lock.Close())...)
}

func (j *Journal) size() float64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return float64(j.bytes)
}

func (j *Journal) pending() float64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return float64(len(j.open))
}
