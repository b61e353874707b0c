// Package unnamed makes files that have no name: they end with the process, however it ends.
//
// In:    a folder on the file system that the file's content is to lie on.
// Out:   a file, open for reading and writing.
// Never: a file left behind.
package unnamed

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// File makes a file; dir "" stands for the system's folder for temporary files.
func File(dir string) (*os.File, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	switch {
	case err == nil:
		return os.NewFile(uintptr(fd), dir), nil
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EISDIR):
		return unlinked(dir) // a file system that only knows files with names
	}
	return nil, fmt.Errorf("make file in %s: %w; try: --temp for another folder", dir, err)
}

// unlinked makes a file and takes its name away at once.
func unlinked(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "touchstone-*")
	if err != nil {
		return nil, fmt.Errorf("make file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("unlink file: %w", err), f.Close())
	}
	return f, nil
}
