package rules

import (
	"fmt"
	"time"
)

// Day is a calendar day, in days since 1970-01-01. It has no zone: a Clock says when a channel's day begins and ends.
type Day int32

// NoDay stands where there is none. 1970-01-01 is no day of any batch.
const NoDay Day = 0

// secondsOfDay is the length of a day without a zone.
const secondsOfDay = 24 * 60 * 60

// ParseDay reads "2006-01-02".
func ParseDay(text string) (Day, error) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return NoDay, fmt.Errorf("not a day (got %q); try: 2026-11-27", text)
	}
	return dayOfDate(t), nil
}

// DayOf gives the day of a date.
func DayOf(year int, month time.Month, day int) Day {
	return dayOfDate(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
}

// dayOfDate takes the date that a time shows in its own zone.
func dayOfDate(t time.Time) Day {
	y, m, d := t.Date()
	return Day(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / secondsOfDay)
}

// date is midnight of the day in UTC.
func (d Day) date() time.Time { return time.Unix(int64(d)*secondsOfDay, 0).UTC() }

// Weekday is the day of the week.
func (d Day) Weekday() time.Weekday { return d.date().Weekday() }

// String prints "2006-01-02"; "" for no day.
func (d Day) String() string {
	if d == NoDay {
		return ""
	}
	return d.date().Format(time.DateOnly)
}

// MarshalText writes the day as String does.
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Day) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*d = NoDay
		return nil
	}
	*d, err = ParseDay(string(text))
	return err
}
