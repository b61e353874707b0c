package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	flog "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
)

// witnessFile holds checkpoints one after another, oldest first; it only ever grows.
const witnessFile = "touchstone-audit.checkpoints"

// checkpointEnd ends each checkpoint in the file; a signed note has no line that begins so.
const checkpointEnd = "\x1e\n"

// Folder is a witness: a file outside the log's host, on storage that this process can add to and, at its best, cannot
// take away from (an append-only file, a share that another team owns). It finds a log that was rebuilt with its own key.
type Folder struct {
	path string
	mu   sync.Mutex
}

// NewFolder gives the witness in a folder, which must exist: a mount that is not there must not become a local folder.
func NewFolder(dir string) (*Folder, error) {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("is no folder")
	}
	if err != nil {
		return nil, fmt.Errorf("open witness of audit log: %s: %w; try: mkdir on the storage outside this host, and mount it", dir, err)
	}
	return &Folder{path: filepath.Join(dir, witnessFile)}, nil
}

// Put adds a checkpoint and returns when it is on the storage. A part that an earlier writer left is ended first.
func (w *Folder) Put(checkpoint []byte) (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f, err := os.OpenFile(w.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("open witness of audit log: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	torn, err := isTorn(f)
	if err != nil {
		return fmt.Errorf("read witness of audit log: %w", err)
	}
	var line []byte
	if torn {
		line = append(line, "\n"+checkpointEnd...)
	}
	line = append(append(line, checkpoint...), checkpointEnd...)
	if _, err := f.Write(line); err != nil {
		return fmt.Errorf("write to witness of audit log: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write to witness of audit log: %w", err)
	}
	return nil
}

func isTorn(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	end := make([]byte, min(info.Size(), int64(len(checkpointEnd))))
	if _, err := f.ReadAt(end, info.Size()-int64(len(end))); err != nil {
		return false, err
	}
	return string(end) != checkpointEnd, nil
}

// witnessed is what a witness holds.
type witnessed struct {
	checkpoints []flog.Checkpoint // as they came
	unreadable  int               // parts that are no checkpoint of this key: torn writes, or somebody's own
}

// read gives the checkpoints that this log's key signed. A witness without any gives none.
func (w *Folder) read(verifier note.Verifier) (witnessed, error) {
	f, err := os.Open(w.path)
	if errors.Is(err, os.ErrNotExist) {
		return witnessed{}, nil
	}
	if err != nil {
		return witnessed{}, fmt.Errorf("read witness of audit log: %w", err)
	}
	defer f.Close()
	all, err := readCheckpoints(f, verifier)
	if err != nil {
		return witnessed{}, fmt.Errorf("read witness of audit log: %w", err)
	}
	return all, nil
}

// tail is how much of the file is enough for the latest checkpoint.
const tail = 64 << 10

// last gives the latest checkpoint, or nil. Checkpoints only grow, so that the end of the file is enough.
func (w *Folder) last(verifier note.Verifier) (*flog.Checkpoint, error) {
	f, err := os.Open(w.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read witness of audit log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read witness of audit log: %w", err)
	}
	from := max(info.Size()-tail, 0)
	all, err := readCheckpoints(io.NewSectionReader(f, from, info.Size()-from), verifier)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read witness of audit log: %w", err)
	case len(all.checkpoints) == 0 && info.Size() > 0:
		return nil, fmt.Errorf("read witness of audit log: %s has no checkpoint of %s; try: the key that signed it, or a folder of its own for each log", w.path, verifier.Name())
	case len(all.checkpoints) == 0:
		return nil, nil
	}
	return &all.checkpoints[len(all.checkpoints)-1], nil
}

func readCheckpoints(r io.Reader, verifier note.Verifier) (witnessed, error) {
	var all witnessed
	parts := bufio.NewScanner(r)
	parts.Split(splitCheckpoints)
	for parts.Scan() {
		if len(bytes.TrimSpace(parts.Bytes())) == 0 {
			continue
		}
		cp, err := parse(parts.Bytes(), verifier)
		if err != nil {
			all.unreadable++
			continue
		}
		all.checkpoints = append(all.checkpoints, *cp)
	}
	return all, parts.Err()
}

// splitCheckpoints cuts at the ends of checkpoints.
func splitCheckpoints(data []byte, atEnd bool) (int, []byte, error) {
	if i := bytes.Index(data, []byte(checkpointEnd)); i >= 0 {
		return i + len(checkpointEnd), data[:i], nil
	}
	if atEnd && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}
