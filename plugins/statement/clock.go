package statement

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // an adapter's environment has no time zone files

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

// clock reads the times of one statement.
type clock struct {
	zone    *time.Location
	layouts []string
	dates   []string
	of      time.Time // noon of the statement's day; zero if unknown
}

func newClock(spec *recon.FormatSpec, date string) (clock, error) {
	c := clock{layouts: spec.Layouts, dates: spec.Dates}
	if len(c.layouts) == 0 {
		c.layouts = []string{time.DateTime}
	}
	if len(c.dates) == 0 {
		c.dates = []string{time.DateOnly, "20060102"}
	}
	name := spec.Zone
	if name == "" {
		name = "Asia/Shanghai"
	}
	var err error
	if c.zone, err = time.LoadLocation(name); err != nil {
		return c, fmt.Errorf("load time zone: %w", err)
	}
	if date == "" {
		return c, c.needsNoDay()
	}
	day, err := time.ParseInLocation(time.DateOnly, date, c.zone)
	if err != nil {
		return c, plugins.Fail(plugins.FailureConfig, "date %q is not of the form %s", date, time.DateOnly)
	}
	c.of = day.Add(12 * time.Hour)
	return c, nil
}

// needsNoDay refuses a format whose times lack the year when nobody says which day the statement is of.
func (c clock) needsNoDay() error {
	for _, l := range append(append([]string{}, c.layouts...), c.dates...) {
		if !hasYear(l) {
			return plugins.Fail(plugins.FailureConfig, "times of this format have no year (%s): the statement's date is needed", l)
		}
	}
	return nil
}

func hasYear(layout string) bool { return strings.Contains(layout, "06") }

// read gives the time of a text.
func (c clock) read(text string) (time.Time, bool) { return c.parse(c.layouts, text) }

// day gives a date as 2006-01-02.
func (c clock) day(text string) (string, bool) {
	at, ok := c.parse(c.dates, text)
	return at.Format(time.DateOnly), ok
}

func (c clock) parse(layouts []string, text string) (time.Time, bool) {
	for _, l := range layouts {
		if !hasYear(l) {
			if at, ok := c.nearest(l, text); ok {
				return at, true
			}
			continue
		}
		if at, err := time.ParseInLocation(l, text, c.zone); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// nearest gives a time without a year the year that brings it nearest to the statement's day: a row of 31 December in the
// file of 1 January is last year's. 29 February needs a year that has it.
func (c clock) nearest(layout, text string) (best time.Time, found bool) {
	for year := c.of.Year() - 1; year <= c.of.Year()+1; year++ {
		at, err := time.ParseInLocation("2006 "+layout, fmt.Sprintf("%04d %s", year, text), c.zone)
		if err != nil {
			continue
		}
		if !found || at.Sub(c.of).Abs() < best.Sub(c.of).Abs() {
			best, found = at, true
		}
	}
	return best, found
}
