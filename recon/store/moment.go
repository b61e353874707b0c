package store

import "time"

// Moment is how a time is stored: microseconds since 1970, in UTC; 0 stands for the zero time. Both databases count and
// order it alike, and neither has an opinion about zones.
func Moment(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// TimeOf is the time of a stored moment, in UTC.
func TimeOf(moment int64) time.Time {
	if moment == 0 {
		return time.Time{}
	}
	return time.UnixMicro(moment).UTC()
}
