package plugins

import (
	"fmt"
	"math"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// noTime stands for a record without a time.
const noTime = math.MinInt64

// wireCodes are places in recon's lists, from 1, so that a column of zeros is never a valid one.
type wireCodes struct {
	kinds    []recon.Kind
	statuses []recon.Status
}

func newCodes() wireCodes { return wireCodes{recon.Kinds(), recon.Statuses()} }

func (c *wireCodes) kind(k recon.Kind) (byte, error) {
	for i, known := range c.kinds {
		if known == k {
			return byte(i + 1), nil
		}
	}
	return 0, fmt.Errorf("%w: kind %q", ErrContract, string(k))
}

func (c *wireCodes) kindOf(code byte) (recon.Kind, error) {
	if code > 0 && int(code) <= len(c.kinds) {
		return c.kinds[code-1], nil
	}
	return "", fmt.Errorf("%w: kind code %d", ErrContract, code)
}

func (c *wireCodes) status(s recon.Status) (byte, error) {
	for i, known := range c.statuses {
		if known == s {
			return byte(i + 1), nil
		}
	}
	return 0, fmt.Errorf("%w: status %q", ErrContract, string(s))
}

func (c *wireCodes) statusOf(code byte) (recon.Status, error) {
	if code > 0 && int(code) <= len(c.statuses) {
		return c.statuses[code-1], nil
	}
	return "", fmt.Errorf("%w: status code %d", ErrContract, code)
}

// Times are from 1700 to 2200, in seconds since 1970.
const (
	firstSecond = -8520336000
	lastSecond  = 7289654399
)

// timeCode is nanoseconds since 1970, which reach from 1678 to 2262.
func timeCode(t time.Time) (int64, error) {
	if t.IsZero() {
		return noTime, nil
	}
	if seconds := t.Unix(); seconds < firstSecond || seconds > lastSecond {
		return 0, fmt.Errorf("%w: time in the year %d", ErrContract, t.UTC().Year())
	}
	return t.UnixNano(), nil
}

func timeOf(code int64) time.Time {
	if code == noTime {
		return time.Time{}
	}
	return time.Unix(0, code).UTC()
}
