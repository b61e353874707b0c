package rowlog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// progress knows which transactions of the log are done. They are read in one order and done in any.
type progress struct {
	mu   sync.Mutex
	low  string // everything up to here is done
	open []*step
}

type step struct {
	position string // behind the transaction
	done     bool
}

// start begins at a position.
func (p *progress) start(position string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.low, p.open = position, nil
}

// add takes a transaction that was read; the function it gives says that it is done.
func (p *progress) add(position string) (done func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &step{position: position}
	p.open = append(p.open, s)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		s.done = true
		p.advance()
	}
}

// pass takes a transaction of which nothing is to be done.
func (p *progress) pass(position string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.open); n > 0 && p.open[n-1].done {
		p.open[n-1].position = position // one step for all that need nothing, so that a slow one before them costs no memory
		return
	}
	p.open = append(p.open, &step{position, true})
	p.advance()
}

func (p *progress) advance() {
	n := 0
	for n < len(p.open) && p.open[n].done {
		p.low = p.open[n].position
		p.open[n] = nil
		n++
	}
	p.open = p.open[n:]
}

// position gives where a new reader would have to start.
func (p *progress) position() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.low
}

const positionMark = "touchstone row log position: "

// load reads the position file; false = there is none yet.
func load(path string) (string, bool, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read position of the row log: %w", err)
	}
	text, ok := strings.CutPrefix(string(data), positionMark)
	text, whole := strings.CutSuffix(text, "\n")
	if !ok || !whole {
		return "", false, fmt.Errorf("position file %s is damaged; try: empty the shadow with 'touchstone shadow discard', remove the file, and start a new run", path)
	}
	return text, true, nil
}

// save writes the position file so that it is whole at any moment.
func save(path, position string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("save position of the row log: %w", err)
	}
	_, err = f.WriteString(positionMark + position + "\n")
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // it may be gone already
		return fmt.Errorf("save position of the row log: %w", err)
	}
	return nil
}
