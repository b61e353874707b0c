package rules

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Calendar says which days are business days: Monday to Friday, but for the holidays and the working days that it lists.
// It is data, since holidays and the weekends that are worked for them are decreed year by year. Outside the days that it
// covers it says nothing, rather than something wrong.
type Calendar struct {
	name     string
	from, to Day
	holidays map[Day]bool // a listed day: is it free
}

// ParseCalendar reads a calendar, a line a day: "2026-10-01 holiday National Day", "2026-10-10 workday", and once, first,
// "covers 2026-01-01 2026-12-31". What follows the second word is for readers, and so is a line that begins with #. name is
// for complaints. All complaints are given, one a line, each with file:line:col.
func ParseCalendar(name string, data []byte) (*Calendar, error) {
	p := &calendarParser{calendar: &Calendar{name: name, holidays: map[Day]bool{}}, at: map[Day]int{}}
	for i, line := range strings.Split(string(data), "\n") {
		if line = strings.TrimRight(line, "\r"); strings.TrimSpace(line) != "" && !strings.HasPrefix(strings.TrimSpace(line), "#") {
			p.line(i+1, line)
		}
	}
	if !p.covered && len(p.problems) == 0 {
		p.complain(1, 1, "covers", "is missing", "", "covers 2026-01-01 2026-12-31")
	}
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	return p.calendar, nil
}

// Business tells whether a day is a business day. It is an error to ask for a day that is not covered.
func (c *Calendar) Business(day Day) (bool, error) {
	if day < c.from || day > c.to {
		return false, fmt.Errorf("calendar %s covers %s to %s, not %s; try: add the year to it", c.name, c.from, c.to, day)
	}
	if free, listed := c.holidays[day]; listed {
		return !free, nil
	}
	w := day.Weekday()
	return w != time.Saturday && w != time.Sunday, nil
}

// After gives the nth business day after a day; of n = 0 the day itself, or the next business day where it is none.
func (c *Calendar) After(day Day, n int) (Day, error) {
	if n > 0 {
		day++
	}
	for {
		business, err := c.Business(day)
		switch {
		case err != nil:
			return NoDay, err
		case business && n <= 1:
			return day, nil
		case business:
			n--
		}
		day++
	}
}

type calendarParser struct {
	calendar *Calendar
	covered  bool
	at       map[Day]int // the line that lists a day
	problems Problems
}

func (p *calendarParser) complain(line, column int, field, what, got, try string) {
	p.problems = append(p.problems, Problem{File: p.calendar.name, Line: line, Column: column, Field: field, What: what, Got: got, Try: try})
}

// line takes in a line that says something.
func (p *calendarParser) line(n int, line string) {
	words := wordsOf(line)
	if words[0].text == "covers" {
		p.covers(n, words)
		return
	}
	day, err := ParseDay(words[0].text)
	switch {
	case err != nil:
		p.complain(n, words[0].column, "day", "is not a day", words[0].text, "2026-10-01")
	case len(words) < 2:
		p.complain(n, len(line)+1, "kind", "is missing", "", "holiday or workday")
	case !slices.Contains([]string{"holiday", "workday"}, words[1].text):
		p.complain(n, words[1].column, "kind", "is neither holiday nor workday", words[1].text, "holiday or workday")
	case p.at[day] > 0:
		p.complain(n, words[0].column, "day", fmt.Sprintf("stands here a second time, first on line %d", p.at[day]), words[0].text, "keep one of them")
	case !p.covered:
		p.complain(n, words[0].column, "day", "comes before the line that says what is covered", words[0].text, "covers 2026-01-01 2026-12-31, first")
	case day < p.calendar.from || day > p.calendar.to:
		p.complain(n, words[0].column, "day", "is not covered", words[0].text, fmt.Sprintf("a day from %s to %s", p.calendar.from, p.calendar.to))
	default:
		p.calendar.holidays[day] = words[1].text == "holiday"
		p.at[day] = n
	}
}

// covers takes in the line that says which days the calendar knows.
func (p *calendarParser) covers(n int, words []word) {
	const try = "covers 2026-01-01 2026-12-31"
	if p.covered {
		p.complain(n, words[0].column, "covers", "stands here a second time", "", "one line for all days")
		return
	}
	p.covered, p.calendar.from, p.calendar.to = true, math.MinInt32, math.MaxInt32 // a wrong line is no day's fault
	if len(words) != 3 {
		p.complain(n, words[0].column, "covers", "does not name a first and a last day", "", try)
		return
	}
	from, bad := ParseDay(words[1].text)
	to, worse := ParseDay(words[2].text)
	switch {
	case bad != nil:
		p.complain(n, words[1].column, "covers", "is not a day", words[1].text, try)
	case worse != nil || to < from:
		p.complain(n, words[2].column, "covers", "is not a last day", words[2].text, try)
	default:
		p.calendar.from, p.calendar.to = from, to
	}
}

type word struct {
	text   string
	column int // from 1
}

// wordsOf cuts a line at spaces and tabs.
func wordsOf(line string) []word {
	var words []word
	for at := 0; at < len(line); {
		rest := line[at:]
		if skip := len(rest) - len(strings.TrimLeft(rest, " \t")); skip > 0 {
			at += skip
			continue
		}
		end := strings.IndexAny(rest, " \t")
		if end < 0 {
			end = len(rest)
		}
		words = append(words, word{rest[:end], at + 1})
		at += end
	}
	return words
}
