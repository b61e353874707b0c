package rollout

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// state is what must survive the process.
type state struct {
	Policy   shadow.Policy `json:"policy"` // in force, or on its way to be
	Stage    int           `json:"stage"`  // from 0; while rolled back the one that was left
	Done     bool          `json:"done"`   // the last stage is proved
	Elapsed  time.Duration `json:"elapsed"`
	Base     int           `json:"base"`               // orders judged when the stage's policy came into force
	Entering bool          `json:"entering,omitempty"` // it has not yet
	Since    time.Time     `json:"since"`              // of the evidence that counts; zero = all
	Epoch    uint64        `json:"epoch"`              // the highest that was given out
	Held     *note         `json:"held,omitempty"`
	Rollback *note         `json:"rollback,omitempty"`
	Proposal *proposal     `json:"proposal,omitempty"`
	Starter  string        `json:"starter,omitempty"` // person who cleared the way for the next stage, and may not approve it
	Good     *point        `json:"good,omitempty"`    // last that all subscribers acknowledged
	Owed     []Entry       `json:"owed,omitempty"`    // entries of rollbacks that the audit could not take
}

type note struct {
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Reasons []string  `json:"reasons"`
}

type proposal struct {
	Policy   shadow.Policy `json:"policy"`
	By       string        `json:"by"`
	At       time.Time     `json:"at"`
	Approver string        `json:"approver,omitempty"`
}

type point struct {
	Policy shadow.Policy `json:"policy"`
	Stage  int           `json:"stage"`
}

// file is a state on disk with the digest that tells whether it is whole.
type file struct {
	SHA256 string          `json:"sha256"`
	State  json.RawMessage `json:"state"`
}

// load reads a state; none is no error, and neither is there one then.
func load(path string) (*state, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read rollout: %w", err)
	}
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, damaged(path, err.Error())
	}
	var raw bytes.Buffer
	if err := json.Compact(&raw, f.State); err != nil {
		return nil, damaged(path, err.Error())
	}
	if got := digest(raw.Bytes()); got != f.SHA256 {
		return nil, damaged(path, "its digest is "+got)
	}
	s := &state{}
	if err := json.Unmarshal(f.State, s); err != nil {
		return nil, damaged(path, err.Error())
	}
	if err := s.Policy.Check(); err != nil {
		return nil, damaged(path, err.Error())
	}
	return s, nil
}

// damaged says so, and never that there was nothing: the file may hold a rollback.
func damaged(path, why string) error {
	return fmt.Errorf("%s:1:1: sha256: the state of the rollout is not whole (%s); try: move the file away: the rollout begins at its first stage again, above every epoch in force, or waits for a person where a rollback is in force; POST /rollback at the sidecars' admin ports first where the candidate must get nothing", path, why)
}

func digest(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// save puts a state in the place of the one before, whole or not at all.
func (s *state) save(path string) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode rollout: %w", err)
	}
	text, err := json.Marshal(file{SHA256: digest(raw), State: raw})
	if err != nil {
		return fmt.Errorf("encode rollout: %w", err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".rollout-*")
	if err != nil {
		return fmt.Errorf("keep rollout: %w", err)
	}
	_, err = temp.Write(append(text, '\n'))
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep rollout: %w", err), os.Remove(temp.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("keep rollout: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("keep rollout: %w", err)
	}
	return nil
}
