package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// segment is one file of the journal.
type segment struct {
	number uint64
	file   *os.File
	size   int64
	live   int  // open entries whose payload stands in it
	broken bool // a failed write could not be taken back: nothing more may follow it
}

const pattern = "%016d.journal"

func createSegment(dir string, number uint64) (*segment, error) {
	f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf(pattern, number)), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("begin journal segment: %w", err)
	}
	return &segment{number: number, file: f}, nil
}

// append writes b behind what is there, whole or not at all.
func (s *segment) append(b []byte) (at int64, err error) {
	at = s.size
	if _, err = s.file.WriteAt(b, at); err != nil {
		if undo := s.file.Truncate(at); undo != nil {
			s.broken = true
		}
		return 0, fmt.Errorf("write journal: %w", err)
	}
	s.size += int64(len(b))
	return at, nil
}

func (s *segment) read(at int64) (record, error) {
	return readRecord(io.NewSectionReader(s.file, at, s.size-at))
}

func (s *segment) remove() error {
	if err := errors.Join(s.file.Close(), os.Remove(s.file.Name())); err != nil {
		return fmt.Errorf("remove journal segment: %w", err)
	}
	return nil
}

// load reads all segments and begins a fresh one.
func (j *Journal) load() (damaged []string, err error) {
	names, err := filepath.Glob(filepath.Join(j.cfg.Dir, "*.journal"))
	if err != nil {
		return nil, fmt.Errorf("list journal: %w", err)
	}
	slices.Sort(names)
	number := uint64(0)
	for i, name := range names {
		s := &segment{}
		if _, err := fmt.Sscanf(filepath.Base(name), pattern, &s.number); err != nil {
			return nil, fmt.Errorf("%s is not a journal segment: try: move it out of the folder: %w", name, err)
		}
		if s.file, err = os.OpenFile(name, os.O_RDWR, 0o600); err != nil {
			return nil, fmt.Errorf("open journal segment: %w", err)
		}
		j.segments, number = append(j.segments, s), s.number
		kept, err := j.scan(s, i == len(names)-1)
		if err != nil {
			return nil, err
		}
		damaged = append(damaged, kept...)
		j.bytes += s.size
	}
	fresh, err := createSegment(j.cfg.Dir, number+1)
	if err != nil {
		return nil, err
	}
	j.segments = append(j.segments, fresh)
	return damaged, j.trim()
}

// scan reads one segment. A bad record at the end of the last one is what a killed process left of its last write;
// anywhere else it is damage.
func (j *Journal) scan(s *segment, last bool) (damaged []string, err error) {
	info, err := s.file.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at journal segment: %w", err)
	}
	in := bufio.NewReaderSize(io.NewSectionReader(s.file, 0, info.Size()), 1<<16)
	for {
		rec, err := readRecord(in)
		if err == nil {
			j.take(s, s.size, rec)
			s.size += int64(headerSize + len(rec.payload))
			continue
		}
		if !errors.Is(err, errRecord) {
			if errors.Is(err, io.EOF) {
				return nil, nil
			}
			return nil, fmt.Errorf("read journal segment %s: %w", s.file.Name(), err)
		}
		j.cfg.Log.Warn("journal segment ends early", logFile, s.file.Name(), logOffset, s.size, logError, err)
		rest := make([]byte, info.Size()-s.size)
		if _, err := s.file.ReadAt(rest, s.size); err != nil {
			return nil, fmt.Errorf("read end of journal segment: %w", err)
		}
		if last && !holdsRecord(rest[1:]) {
			return nil, s.cut()
		}
		return j.keepDamaged(s)
	}
}

// holdsRecord tells whether a whole record stands anywhere in b.
func holdsRecord(b []byte) bool {
	for i := range b {
		if len(b)-i < headerSize || b[i+8] < byte(intended) || b[i+8] > byte(gone) {
			continue
		}
		if _, err := readRecord(bytes.NewReader(b[i:])); err == nil {
			return true
		}
	}
	return false
}

func (s *segment) cut() error {
	if err := s.file.Truncate(s.size); err != nil {
		return fmt.Errorf("cut torn end of journal: %w", err)
	}
	return nil
}

func (j *Journal) keepDamaged(s *segment) ([]string, error) {
	aside := s.file.Name() + ".damaged"
	whole, err := os.ReadFile(s.file.Name())
	if err == nil {
		err = os.WriteFile(aside, whole, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("keep damaged journal segment aside: %w", err)
	}
	return []string{aside}, s.cut()
}
