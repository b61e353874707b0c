package bus

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/journal"
)

// SpoolConfig is where events wait on disk while the bus is away.
type SpoolConfig struct {
	Dir        string // of its own
	MaxBytes   int64
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Spool holds packs of events, oldest first, through the end of the process, and beside them a double of those that are in
// memory. One goroutine uses it; Events is for all.
type Spool struct {
	journal *journal.Journal
	recent  *recent // nil = what an earlier run left in it found no place
	max     int64
	packs   []spooled
	bytes   int64
	events  atomic.Int64
	full    bool // told already
	damaged bool
	lost    int // events of an earlier run that found no room
}

type spooled struct {
	seq   uint64
	bytes int64
	count int
}

// spare is kept free for the note that the spool is full.
const spare = 64 << 10

var errSpoolFull = errors.New("spool is full")

// OpenSpool opens a spool with what an earlier run left in it.
func OpenSpool(cfg SpoolConfig) (*Spool, error) {
	j, left, damaged, err := journal.Open(journal.Config{
		Name: "spool", Dir: cfg.Dir, MaxBytes: cfg.MaxBytes + cfg.MaxBytes/4 + spare, SegmentBytes: min(16<<20, max(cfg.MaxBytes/8, 64<<10)), Log: cfg.Logger, Metrics: cfg.Registerer,
	})
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	s := &Spool{journal: j, max: cfg.MaxBytes, damaged: len(damaged) > 0}
	for _, entry := range left {
		payload, err := j.Payload(entry.Seq)
		if err != nil {
			s.damaged = true
			continue
		}
		_, data, _ := bytes.Cut(payload, []byte("\n"))
		s.keep(entry.Seq, data)
	}
	if err := s.takeOver(cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("open spool: %w", err), j.Close())
	}
	return s, nil
}

// takeOver puts behind the others what an earlier run had in memory when it was killed. On a disk that takes nothing it
// stays where it is, for a later run, and this one does without: clients do not wait for a disk.
func (s *Spool) takeOver(cfg SpoolConfig) error {
	r, there, err := openRecent(cfg.Dir, cfg.Logger, newUnkept(cfg.Registerer))
	if err != nil {
		return err
	}
	s.damaged = s.damaged || there.missing
	for _, p := range there.packs {
		err := errSpoolFull
		if !p.tooLarge {
			err = s.put(p.id, p.data)
		}
		switch {
		case errors.Is(err, errSpoolFull):
			s.lost += p.count
		case err != nil:
			cfg.Logger.Error("events of an earlier run wait for the next, and those of this one are in memory only", keyError, err)
			return r.close()
		}
	}
	r.forget()
	s.recent = r
	return nil
}

// held gives what keeps a double of the queue; nil = nothing does.
func (s *Spool) held() *recent {
	if s == nil {
		return nil
	}
	return s.recent
}

// Close ends the spool; what is in it stays there.
func (s *Spool) Close() error {
	if s.recent == nil {
		return s.journal.Close()
	}
	return errors.Join(s.recent.close(), s.journal.Close())
}

// Events is the number of events that wait.
func (s *Spool) Events() int { return int(s.events.Load()) }

func (s *Spool) keep(seq uint64, data []byte) {
	p := spooled{seq: seq, bytes: int64(len(data)), count: lines(data)}
	s.packs = append(s.packs, p)
	s.bytes += p.bytes
	s.events.Add(int64(p.count))
}

// lines is the number of events in a pack.
func lines(data []byte) int { return max(bytes.Count(data, []byte("\n")), 1) }

// put writes a pack behind the others.
func (s *Spool) put(id string, data []byte) error {
	if s.bytes+int64(len(data)) > s.max {
		return errSpoolFull
	}
	return s.write(id, data)
}

func (s *Spool) write(id string, data []byte) error {
	seq, err := s.journal.Intent(append(append([]byte(id), '\n'), data...))
	if errors.Is(err, journal.ErrFull) {
		return errSpoolFull
	}
	if err != nil {
		return fmt.Errorf("write to spool: %w", err)
	}
	s.keep(seq, data)
	return nil
}

// first reads the oldest pack; false = there is none. One that cannot be read any more is gone, with its events.
func (s *Spool) first() (p pack, gone int, ok bool) {
	for len(s.packs) > 0 {
		payload, err := s.journal.Payload(s.packs[0].seq)
		if err == nil {
			id, data, _ := bytes.Cut(payload, []byte("\n"))
			return pack{id: string(id), data: data, count: s.packs[0].count}, gone, true
		}
		gone += s.packs[0].count
		s.drop()
	}
	return pack{}, gone, false
}

// drop forgets the oldest pack. Should the disk not take that, it comes again after a restart, and is known again.
func (s *Spool) drop() {
	_ = s.journal.Done(s.packs[0].seq)
	s.bytes -= s.packs[0].bytes
	s.events.Add(-int64(s.packs[0].count))
	s.packs = s.packs[1:]
}

// note writes once that events are lost: should this process end before it can say how many, the ledger still does not
// balance.
func (s *Spool) note(instance string) error {
	if s.full {
		return nil
	}
	m, err := encode(lossNote(instance))
	if err != nil {
		return err
	}
	if err := s.write(m.id, m.data); err != nil {
		return err
	}
	s.full = true
	return nil
}

func lossNote(instance string) shadow.Event {
	return shadow.Event{ID: instance + ":lost", Kind: shadow.EventTaint, Instance: instance, Taint: &shadow.TaintNote{Cause: shadow.CauseLost}}
}
