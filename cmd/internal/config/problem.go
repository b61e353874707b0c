package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sort"
	"strings"
)

// Problem is one complaint about a configuration file. Line and Column count from 1; 0 means the file as a whole.
type Problem struct {
	File   string
	Line   int
	Column int
	Field  string // path of the key, for example "http.routes[0].name"; "" = the file
	What   string
	Got    string // the text found there; "" = nothing to show
	Try    string
}

// Error prints "file:line:col: field: what (got x); try: …".
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, max(p.Column, 1))
	}
	if p.Field != "" {
		b.WriteString(": " + p.Field)
	}
	b.WriteString(": " + p.What)
	if p.Got != "" {
		fmt.Fprintf(&b, " (got %s)", p.Got)
	}
	if p.Try != "" {
		b.WriteString("; try: " + p.Try)
	}
	return b.String()
}

// Problems is every complaint about one file, in the order of the file.
type Problems []Problem

// Error prints one complaint a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].Error()
	}
	return strings.Join(lines, "\n")
}

// complaint is a Problem that does not know its place yet.
type complaint struct{ what, try string }

type position struct {
	line, column int
	got          string
}

// Checker knows where each value stood in the file, and collects complaints.
type Checker struct {
	file     string
	folder   string
	at       map[string]position
	problems Problems
	blamed   map[string]bool
}

func newChecker(file string) *Checker {
	return &Checker{file: file, folder: filepath.Dir(file), at: map[string]position{}, blamed: map[string]bool{}}
}

// Complain adds a complaint about the value at a path such as "http.routes[0].name"; a value that is absent is blamed
// on what surrounds it. A path that was blamed already stays with its first complaint: later ones only follow from it.
func (c *Checker) Complain(path, what, try string) {
	if c.Blamed(path) {
		return
	}
	c.blamed[path] = true
	c.add(c.nearest(path), path, what, try)
}

func (c *Checker) add(pos position, path, what, try string) {
	c.problems = append(c.problems, Problem{File: c.file, Line: pos.line, Column: pos.column, Field: path, What: what, Got: pos.got, Try: try})
}

// Blamed tells whether there is a complaint about this path, or about something around it.
func (c *Checker) Blamed(path string) bool {
	for {
		if c.blamed[path] {
			return true
		}
		if path == "" {
			return false
		}
		path = parent(path)
	}
}

// Err gives all complaints as Problems, or nil.
func (c *Checker) Err() error {
	if len(c.problems) == 0 {
		return nil
	}
	sorted := append(Problems(nil), c.problems...)
	sort.SliceStable(sorted, func(i, j int) bool {
		a, b := sorted[i], sorted[j]
		switch {
		case a.File != b.File:
			return a.File == c.file // what it names comes behind it
		case a.Line != b.Line:
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	return sorted
}

func (c *Checker) nearest(path string) position {
	if pos, ok := c.at[path]; ok {
		return pos
	}
	for path != "" {
		path = parent(path)
		if pos, ok := c.at[path]; ok {
			return position{line: pos.line, column: pos.column}
		}
	}
	return position{}
}

func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

func child(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// bare is the reason of a file error without the path, which the complaint shows anyway.
func bare(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}
