package world

import "time"

// Clock is the clock of the channel's books: it begins at noon of yesterday, so that a run never crosses the channel's
// midnight and the day's bill is out.
type Clock struct {
	noon  time.Time
	start time.Time
}

// NewClock starts at noon of yesterday in the zone.
func NewClock(zone *time.Location) Clock {
	now := time.Now()
	at := now.In(zone)
	return Clock{noon: time.Date(at.Year(), at.Month(), at.Day()-1, 12, 0, 0, 0, zone), start: now}
}

// Now is the time in the channel's books.
func (c Clock) Now() time.Time { return c.noon.Add(time.Since(c.start)) }

// Day is the business day of the run.
func (c Clock) Day() string { return c.noon.Format(time.DateOnly) }
