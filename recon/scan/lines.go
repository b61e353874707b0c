package scan

import (
	"bytes"
	"sort"
	"sync"
)

// lineNumbers gives the line of a place. Most places are never asked for: nothing but the line ends of each segment is
// counted during the scan, and a segment is looked at more closely when one of its lines is asked for.
type lineNumbers struct {
	once   sync.Once
	before []int64 // line ends before each segment
	mu     sync.Mutex
	fine   map[int][]int32 // by segment: line ends before each step of it
}

const lineStep = 4 << 10

func newLineNumbers() *lineNumbers { return &lineNumbers{fine: map[int][]int32{}} }

// Line gives the number of the line at a place, from 1, as an editor counts: a line end inside of a quoted cell counts.
func (s *Side) Line(place uint64) int {
	l := s.lines
	l.once.Do(func() {
		l.before = make([]int64, len(s.segments)+1)
		l.before[0] = int64(bytes.Count(s.text[:s.head.body], []byte{'\n'}))
		for i, seg := range s.segments {
			l.before[i+1] = l.before[i] + seg.ends
		}
	})
	i := sort.Search(len(s.segments), func(i int) bool { return s.segments[i].place > place }) - 1
	if i < 0 {
		return s.countTo(place)
	}
	from := s.segments[i].place
	step := int((place - from) / lineStep)
	start := from + uint64(step)*lineStep
	return int(l.before[i]+int64(l.steps(s, i)[step])) + bytes.Count(s.text[start:place], []byte{'\n'}) + 1
}

// steps counts a segment's line ends in steps.
func (l *lineNumbers) steps(s *Side, i int) []int32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.fine[i]; known != nil {
		return known
	}
	end := uint64(len(s.text))
	if i+1 < len(s.segments) {
		end = s.segments[i+1].place
	}
	steps := []int32{0}
	for at := s.segments[i].place; at < end; at += lineStep {
		steps = append(steps, steps[len(steps)-1]+int32(bytes.Count(s.text[at:min(at+lineStep, end)], []byte{'\n'})))
	}
	l.fine[i] = steps
	return steps
}

// countTo gives the line of a place by counting from the start.
func (s *Side) countTo(place uint64) int {
	return bytes.Count(s.text[:min(place, uint64(len(s.text)))], []byte{'\n'}) + 1
}

// columnOf gives the byte column of a place, from 1.
func (s *Side) columnOf(place uint64) int {
	before := s.text[:min(place, uint64(len(s.text)))]
	return len(before) - bytes.LastIndexByte(before, '\n')
}
