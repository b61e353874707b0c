package scan

import (
	"bytes"
	"strings"
	"time"
)

// dateTime is the layout that most statements use.
const dateTime = "2006-01-02 15:04:05"

// dayMemo remembers the day that neighbouring lines share.
type dayMemo struct {
	day      [len("2006-01-02")]byte
	midnight int64 // seconds since 1970
	even     bool  // no clock change on that day
}

// readTime reads the line's time. An empty cell is no time.
func (p *parser) readTime() bool {
	column := p.rule.time[0]
	var text []byte
	if p.rule.TimeAll && len(p.rule.time) > 1 {
		for _, c := range p.rule.time {
			text = append(append(text, p.cell(c)...), ' ')
		}
		text = bytes.TrimSpace(text)
	} else {
		text = p.first(p.rule.time)
	}
	if len(text) == 0 {
		return true
	}
	if len(text) == len(dateTime) && p.layouts[0] == dateTime {
		if seconds, ok := p.quickTime(text); ok {
			p.micros, p.hasAt = seconds*1e6, true
			return true
		}
	}
	for _, layout := range p.layouts {
		if at, err := time.ParseInLocation(layout, string(text), p.zone); err == nil {
			at, ok := p.dated(layout, at)
			if !ok {
				return p.refuse(column, text, "a time without a year, and the statement's day is not known")
			}
			p.micros, p.hasAt = at.UnixMicro(), true
			return true
		}
	}
	return p.refuse(column, text, "not a time of the form "+strings.Join(p.layouts, " or "))
}

// quickTime reads a time of the usual layout by its digits. It declines where anything is unusual.
func (p *parser) quickTime(text []byte) (int64, bool) {
	h, m, s := two(text[11:]), two(text[14:]), two(text[17:])
	if h > 23 || m > 59 || s > 59 || text[10] != ' ' || text[13] != ':' || text[16] != ':' {
		return 0, false
	}
	if day := ([10]byte)(text); p.day.day != day {
		at, err := time.ParseInLocation("2006-01-02", string(day[:]), p.zone)
		if err != nil {
			return 0, false
		}
		p.day = dayMemo{day: day, midnight: at.Unix(), even: at.AddDate(0, 0, 1).Unix()-at.Unix() == 24*60*60}
	}
	return p.day.midnight + int64(h*3600+m*60+s), p.day.even
}

// two reads two digits; anything else is a large number.
func two(text []byte) int {
	a, b := text[0]-'0', text[1]-'0'
	if a > 9 || b > 9 {
		return 100
	}
	return int(a)*10 + int(b)
}

// dated gives a time whose layout has no year the year of the statement: the one that brings it closest to its day, so
// that 31 December in a file of 1 January is of the year before.
func (p *parser) dated(layout string, at time.Time) (time.Time, bool) {
	if strings.Contains(layout, "06") {
		return at, true
	}
	day, err := time.ParseInLocation("2006-01-02", p.date, p.zone)
	if err != nil {
		return at, false
	}
	best := at
	for i, year := range []int{day.Year(), day.Year() - 1, day.Year() + 1} {
		candidate := time.Date(year, at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), p.zone)
		if i == 0 || candidate.Sub(day).Abs() < best.Sub(day).Abs() {
			best = candidate
		}
	}
	return best, true
}
