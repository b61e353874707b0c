package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// planLines are the statements of a day: two that a folder gives and whose bookings are carried over a day, of the second
// also beyond their break, and one that an adapter's process fetches and decodes.
func planLines() []planLine {
	return []planLine{{"bank", "a1", "statement", true, false}, {"bank", "a2", "statement", true, true}, {"adapted", "a1", "good", false, false}}
}

type planLine struct {
	name, account, kind string
	carries             bool // over a day
	late                bool // what was told as a break may come a day later
}

func (l planLine) table() string { return l.name + "_" + l.account }

// booking is one line of a file, and one row of the books.
type booking struct {
	key   string
	minor int64
}

// planFile is one version of a statement, and what is wrong with it.
type planFile struct {
	rows  []booking
	found map[string]bool // faults that are found at once
	never map[string]bool // that are found a day later: nobody brings the other side
	late  []booking       // that come with the next day's files
	tardy []booking       // that may come with the files of the day after that: the next day tells a break of them
	ends  map[string]bool // faults that the day before told and that end with this file
}

// planStatement is what happens to one statement of a day.
type planStatement struct {
	ours      []booking
	files     []planFile
	late      bool // its file comes after its hour
	truncated bool // a file that is cut off comes first
	twice     bool // the same file comes again
}

// planDay is one day: a statement of each line.
type planDay struct {
	day        string
	statements []planStatement
	belated    bool // a correction comes only once the next day is closed
}

// planner makes one day after the other; a pure function of its seed.
type planner struct {
	rng    *rand.Rand
	begin  time.Time
	days   int
	before []planFile // the last version of each line's day before
	second []planFile // and of the day before that
}

func (p *planner) next() planDay {
	d := planDay{day: p.begin.AddDate(0, 0, p.days).Format(time.DateOnly), belated: p.rng.IntN(2) == 0}
	last := make([]planFile, len(planLines()))
	for i, line := range planLines() {
		var before, second planFile
		if p.days > 0 {
			before = p.before[i]
		}
		if p.days > 1 {
			second = p.second[i]
		}
		s := p.statement(line, d.day, before, second)
		d.statements, last[i] = append(d.statements, s), s.files[len(s.files)-1]
	}
	p.days, p.before, p.second = p.days+1, last, p.before
	return d
}

func (p *planner) statement(line planLine, day string, before, second planFile) planStatement {
	s := planStatement{late: p.rng.IntN(5) == 0, truncated: line.carries && p.rng.IntN(6) == 0, twice: p.rng.IntN(6) == 0}
	for k := range 60 + p.rng.IntN(300) {
		s.ours = append(s.ours, booking{fmt.Sprintf("%s%sD%dP%d", line.name, line.account, p.days, k), 100 + p.rng.Int64N(90_000)})
	}
	versions := 1
	if p.rng.IntN(3) == 0 {
		versions = 2
	}
	for range versions {
		s.files = append(s.files, p.file(line, day, s.ours, before, second))
	}
	return s
}

// file makes a version of a day's statement, with what the two days before left to it.
func (p *planner) file(line planLine, day string, ours []booking, before, second planFile) planFile {
	f := planFile{rows: slices.Clone(before.late), found: maps.Clone(before.never), never: map[string]bool{}, ends: map[string]bool{}}
	for _, b := range second.tardy {
		if p.rng.IntN(3) > 0 {
			f.rows = append(f.rows, b)
			f.ends[fmt.Sprintf("%s #1 missing-at-channel since %s", b.key, p.begin.AddDate(0, 0, p.days-2).Format(time.DateOnly))] = true
		}
	}
	if f.found == nil {
		f.found = map[string]bool{}
	}
	missing := func(b booking, what string) {
		if line.carries {
			f.never[fmt.Sprintf("%s %s since %s", b.key, what, day)] = true
			return
		}
		f.found[b.key+" "+what] = true
	}
	for _, b := range ours {
		switch p.rng.IntN(40) {
		case 0:
			missing(b, "#1 missing-at-channel")
			if line.late {
				f.tardy = append(f.tardy, b)
			}
		case 1:
			other := booking{"X" + b.key, b.minor}
			f.rows = append(f.rows, b, other)
			missing(other, "#1 missing-internally")
		case 2:
			f.rows = append(f.rows, booking{b.key, b.minor + 100_000})
			f.found[b.key+" #1 amount-mismatch"] = true
		case 3:
			f.rows = append(f.rows, b, b)
			f.found[b.key+" #2 duplicate"] = true
		case 4:
			if line.carries {
				f.late = append(f.late, b)
				continue
			}
			f.rows = append(f.rows, b)
		default:
			f.rows = append(f.rows, b)
		}
	}
	p.rng.Shuffle(len(f.rows), func(a, b int) { f.rows[a], f.rows[b] = f.rows[b], f.rows[a] })
	return f
}

// text is the file as its channel writes it.
func (f *planFile) text(line planLine) string {
	var out strings.Builder
	if !line.carries {
		for _, b := range f.rows {
			fmt.Fprintf(&out, "%s %d\n", b.key, b.minor)
		}
		return out.String()
	}
	out.WriteString("id,amount,state\n")
	for _, b := range f.rows {
		fmt.Fprintf(&out, "%s,%d.%02d,ok\n", b.key, b.minor/100, b.minor%100)
	}
	return out.String() + "# end\n"
}
