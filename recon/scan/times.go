package scan

import (
	"bytes"
	"fmt"
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
	text, column := p.firstOf(p.rule.time)
	if p.rule.TimeAll && len(p.rule.time) > 1 {
		text = p.wholeTime()
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
	if at, ok := p.parseTime(p.layouts, string(text)); ok {
		p.micros, p.hasAt = at.UnixMicro(), true
		return true
	}
	return p.refuse(column, p.cell(column), "not a time of the form "+strings.Join(p.layouts, " or "))
}

// wholeTime joins the parts of a time.
func (p *parser) wholeTime() []byte {
	var text []byte
	for _, c := range p.rule.time {
		if part := p.cell(c); !p.isEmpty(part) {
			text = append(append(text, part...), ' ')
		}
	}
	return bytes.TrimSpace(text)
}

// parseTime reads a time by the first layout that fits.
func (p *parser) parseTime(layouts []string, text string) (time.Time, bool) {
	for _, layout := range layouts {
		if !hasYear(layout) {
			if at, ok := p.nearest(layout, text); ok {
				return at, true
			}
		} else if at, err := time.ParseInLocation(layout, text, p.zone); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

func hasYear(layout string) bool { return strings.Contains(layout, "06") }

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

// nearest gives a time without a year the year that brings it nearest to the statement's day: a row of 31 December in the
// file of 1 January is of the year before. 29 February needs a year that has it.
func (p *parser) nearest(layout, text string) (best time.Time, found bool) {
	for year := p.noon.Year() - 1; year <= p.noon.Year()+1; year++ {
		at, err := time.ParseInLocation("2006 "+layout, fmt.Sprintf("%04d %s", year, text), p.zone)
		if err == nil && (!found || at.Sub(p.noon).Abs() < best.Sub(p.noon).Abs()) {
			best, found = at, true
		}
	}
	return best, found
}
