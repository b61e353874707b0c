package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrHeld means that another process writes the log.
var ErrHeld = errors.New("another process writes this audit log")

// sequencerFile is locked by the one process that writes the log, and says which that is.
const sequencerFile = "sequencer.lock"

// sequencer is the right to write a log. The kernel gives it back when the process ends, however it ends.
type sequencer struct{ file *os.File }

// takeSequencer locks the log in a folder at once or tells who holds it.
func takeSequencer(dir, who string, now time.Time) (*sequencer, error) {
	f, err := os.OpenFile(filepath.Join(dir, sequencerFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock of audit log: %w", err)
	}
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		holder, readErr := os.ReadFile(f.Name())
		return nil, errors.Join(fmt.Errorf("%w: %s: %s; try: that process's API, or stop it", ErrHeld, dir, strings.TrimSpace(string(holder))), readErr, f.Close())
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock audit log %s: %w", dir, err), f.Close())
	}
	s := &sequencer{f}
	if err := s.sign(who, now); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

// sign writes who holds the lock. A disk that has no room for that has none for entries either.
func (s *sequencer) sign(who string, now time.Time) error {
	host, err := os.Hostname()
	if err != nil {
		host = "this host"
	}
	text := fmt.Sprintf("held by %s, process %d on %s since %s\n", who, os.Getpid(), host, now.UTC().Format(time.RFC3339))
	if err := s.file.Truncate(0); err != nil {
		return fmt.Errorf("write lock of audit log: %w", err)
	}
	if _, err := s.file.WriteAt([]byte(text), 0); err != nil {
		return fmt.Errorf("write lock of audit log: %w", err)
	}
	return nil
}

func (s *sequencer) release() error { return s.file.Close() }
