package match

import (
	"bufio"
	"container/heap"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/seed-3356bd69/touchstone/recon/unnamed"
)

// sorter puts differences into the order of their keys. It keeps a bounded number in memory and merges sorted runs from
// disk beyond it.
type sorter struct {
	mu   sync.Mutex
	held []Difference
	most int
	dir  string
	runs []*os.File
}

// newSorter keeps at most n differences in memory.
func newSorter(n int, dir string) *sorter { return &sorter{most: max(n, 1024), dir: dir} }

func (s *sorter) add(d Difference) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = append(s.held, d)
	if len(s.held) < s.most {
		return nil
	}
	return s.spill()
}

// spill writes what is held as one sorted run.
func (s *sorter) spill() error {
	s.sort()
	f, err := unnamed.File(s.dir)
	if err != nil {
		return fmt.Errorf("sort breaks: %w", err)
	}
	s.runs = append(s.runs, f)
	out := bufio.NewWriterSize(f, spillBuffer)
	encoder := json.NewEncoder(out)
	for i := range s.held {
		if err := encoder.Encode(kept(&s.held[i])); err != nil {
			return fmt.Errorf("write breaks: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write breaks: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewind breaks: %w", err)
	}
	s.held = s.held[:0]
	return nil
}

func (s *sorter) sort() {
	slices.SortFunc(s.held, func(a, b Difference) int { return a.compare(&b) })
}

// each gives all differences in order.
func (s *sorter) each(do func(*Difference) error) error {
	s.sort()
	merge := &runs{}
	if len(s.held) > 0 {
		at := 0
		merge.add(func() (*Difference, error) {
			if at == len(s.held) {
				return nil, io.EOF
			}
			at++
			return &s.held[at-1], nil
		})
	}
	for _, f := range s.runs {
		merge.add(decoderOf(bufio.NewReaderSize(f, spillBuffer)))
	}
	return merge.each(do)
}

func (s *sorter) close() error {
	var errs []error
	for _, f := range s.runs {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// decoderOf gives the differences of a stream one by one, then io.EOF.
func decoderOf(r io.Reader) func() (*Difference, error) {
	decoder := json.NewDecoder(r)
	return func() (*Difference, error) {
		d := new(Difference)
		if err := decoder.Decode(d); err != nil {
			return nil, err
		}
		return d, restore(d)
	}
}

// runs merges sorted streams.
type runs struct {
	heads []*Difference
	next  []func() (*Difference, error)
	err   error
}

func (r *runs) add(next func() (*Difference, error)) {
	d, err := next()
	switch {
	case errors.Is(err, io.EOF):
	case err != nil:
		r.err = errors.Join(r.err, fmt.Errorf("read breaks: %w", err))
	default:
		heap.Push(r, run{d, next})
	}
}

type run struct {
	head *Difference
	next func() (*Difference, error)
}

func (r *runs) each(do func(*Difference) error) error {
	for r.err == nil && len(r.heads) > 0 {
		first := heap.Pop(r).(run)
		if err := do(first.head); err != nil {
			return err
		}
		r.add(first.next)
	}
	return r.err
}

// Len, Less, Swap, Push and Pop make runs a heap.
func (r *runs) Len() int           { return len(r.heads) }
func (r *runs) Less(i, j int) bool { return r.heads[i].compare(r.heads[j]) < 0 }
func (r *runs) Swap(i, j int) {
	r.heads[i], r.heads[j] = r.heads[j], r.heads[i]
	r.next[i], r.next[j] = r.next[j], r.next[i]
}

// Push adds a stream.
func (r *runs) Push(x any) {
	one := x.(run)
	r.heads, r.next = append(r.heads, one.head), append(r.next, one.next)
}

// Pop takes the last stream.
func (r *runs) Pop() any {
	n := len(r.heads) - 1
	one := run{r.heads[n], r.next[n]}
	r.heads, r.next = r.heads[:n], r.next[:n]
	return one
}
