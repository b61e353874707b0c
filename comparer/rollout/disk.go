package rollout

import "sync"

// disk keeps one state after the other, and none in the place of a newer one. It is safe for concurrent use: what waits for
// it holds no lock of the ladder, except a change that must be kept before it is made.
type disk struct {
	path string
	save func(s *state, path string) error

	mu   sync.Mutex
	kept uint64 // turn of the state that is on disk
}

// keep puts a state on disk. Turns say which of two is newer.
func (d *disk) keep(turn uint64, s state) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if turn < d.kept {
		return nil
	}
	if err := d.save(&s, d.path); err != nil {
		return err
	}
	d.kept = turn
	return nil
}

// snapshot gives the state with its turn. What it points to is never changed.
func (l *Ladder) snapshot() (turn uint64, s state) {
	l.turn++
	return l.turn, l.state
}
