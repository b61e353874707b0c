package xds

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// kept is what a server leaves for its next run.
type kept struct {
	InForce Directive     `json:"in_force"`
	Good    *Directive    `json:"good,omitempty"`    // the last that all acknowledged
	Promote bool          `json:"promote"`           // what is in force goes back to it when it is refused
	Refused *RefusedError `json:"refused,omitempty"` // the last promotion that was
	Fence   uint64        `json:"fence"`
}

// recover puts into force what an earlier run left there, or at first what asks for nothing.
func (s *Server) recover() error {
	k := kept{InForce: Directive{Policy: shadow.Policy{Service: s.config.Service, Stable: s.config.Stable, Candidate: s.config.Candidate}}}
	if _, err := load(s.config.State, &k); err != nil {
		return err
	}
	if d := k.InForce; d.Service != s.config.Service || d.Stable != s.config.Stable || d.Candidate != s.config.Candidate {
		return fmt.Errorf("%s:1:1: in_force: %w (got %s, %s to %s); try: move the file away once every proxy of that rollout is settled",
			s.config.State, ErrForeign, d.Service, d.Stable, d.Candidate)
	}
	if err := k.InForce.check(); err != nil {
		return fmt.Errorf("%s:1:1: in_force: %w", s.config.State, err)
	}
	s.fence, s.refused = k.Fence, k.Refused
	if k.Good != nil {
		good, err := s.prepare(*k.Good)
		if err != nil {
			return fmt.Errorf("%s:1:1: good: %w", s.config.State, err)
		}
		s.good = good
	}
	next, err := s.prepare(k.InForce)
	if err != nil {
		return err
	}
	for name, m := range s.members {
		s.waiting[name] = true
		m.serves = k.InForce.Serve > 0 || (k.Good != nil && k.Good.Serve > 0)
	}
	next.since, next.change = s.deps.Now(), reduction
	if k.Promote {
		next.change = promotion
	}
	if k.InForce.RolledBack {
		next.change = rollback
	}
	s.inForce = next
	s.metrics.epoch.Set(float64(next.Epoch))
	return nil
}

// load reads a JSON file into a pointer. A file that is not there, or "", changes nothing.
func load(file string, into any) (found bool, err error) {
	if file == "" {
		return false, nil
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read what was in force: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return false, fmt.Errorf("%s:1:1: is no policy that was kept: %w; try: move it away once you know what is in force", file, err)
	}
	return true, nil
}

// save replaces a file as a whole; "" = nothing is kept.
func save(file string, what any) error {
	if file == "" {
		return nil
	}
	data, err := json.Marshal(what)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	_, err = temp.Write(append(data, '\n'))
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}
