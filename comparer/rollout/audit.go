package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Change is what an audit entry is about, and a label of metrics.
type Change string

// The changes of a rollout.
const (
	Begun      Change = "begun"
	Proposed   Change = "proposed"
	Approved   Change = "approved"
	Promoted   Change = "promoted"
	Completed  Change = "completed"
	RolledBack Change = "rolled-back"
	Retreated  Change = "retreated" // a subscriber refused the policy
	Held       Change = "held"
	Cleared    Change = "cleared"
)

// Changes lists them.
func Changes() []Change {
	return []Change{Begun, Proposed, Approved, Promoted, Completed, RolledBack, Retreated, Held, Cleared}
}

// Gate acts where no person does.
const Gate = "gate"

// Entry is what the audit keeps of one change.
type Entry struct {
	Time    time.Time     `json:"time"`
	Change  Change        `json:"change"`
	By      string        `json:"by"` // a person, or Gate
	Stage   int           `json:"stage"`
	Policy  shadow.Policy `json:"policy"` // that is in force after it
	Hash    string        `json:"hash"`   // of the policy
	Before  string        `json:"before"` // hash of the policy before
	Reasons []string      `json:"reasons,omitempty"`
	Judged  int           `json:"judged"` // orders
	Bad     int           `json:"bad"`
	Bound   float64       `json:"bound"`
}

// Audit takes entries before what they tell of is done. An entry that was taken is never changed.
type Audit interface {
	Append(ctx context.Context, e Entry) error
}

// FileAudit is an Audit of JSON lines. It is safe for concurrent use.
type FileAudit struct {
	mu sync.Mutex
	f  *os.File
}

// OpenAudit opens the file at path for appending, and makes it where it does not exist. A last line that was cut short is
// left as it is, and ended.
func OpenAudit(path string) (*FileAudit, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open audit: %w", err)
	}
	if err := endLine(f); err != nil {
		return nil, errors.Join(fmt.Errorf("open audit: %w", err), f.Close())
	}
	return &FileAudit{f: f}, nil
}

func endLine(f *os.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return err
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, size-1); err != nil || last[0] == '\n' {
		return err
	}
	_, err = f.Write([]byte("\n"))
	return err
}

// Append returns when the entry is on disk.
func (a *FileAudit) Append(_ context.Context, e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode audit entry: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := a.f.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write audit entry: %w", err)
	}
	if err := a.f.Sync(); err != nil {
		return fmt.Errorf("sync audit: %w", err)
	}
	return nil
}

// Close releases the file.
func (a *FileAudit) Close() error { return a.f.Close() }
