package rules

import "time"

// noon divides the cut-offs that lie on the day's own date from those on the next.
const noon = 12 * time.Hour

// Day gives the channel's day that a time belongs to.
func (c Clock) Day(t time.Time) Day {
	day := dayOfDate(t.In(c.zone()))
	switch {
	case t.Before(c.end(day - 1)):
		return day - 1
	case !t.Before(c.end(day)):
		return day + 1
	}
	return day
}

// End is the moment at which a day ends and the next begins.
func (c Clock) End(day Day) time.Time { return c.end(day) }

func (c Clock) end(day Day) time.Time {
	if c.Cut < noon {
		day++
	}
	y, m, d := day.date().Date()
	return time.Date(y, m, d, 0, 0, int(c.Cut/time.Second), 0, c.zone())
}

func (c Clock) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}
