package plugins

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// noTime stands for a record without a time.
const noTime = math.MinInt64

// Codes on the wire are places in recon's lists, from 1, so that a column of zeros is never a valid one.
func kindCode(k recon.Kind) (byte, error) {
	if i := slices.Index(recon.Kinds(), k); i >= 0 {
		return byte(i + 1), nil
	}
	return 0, fmt.Errorf("%w: kind %q", ErrContract, string(k))
}

func kindOf(code byte) (recon.Kind, error) {
	if all := recon.Kinds(); code > 0 && int(code) <= len(all) {
		return all[code-1], nil
	}
	return "", fmt.Errorf("%w: kind code %d", ErrContract, code)
}

func statusCode(s recon.Status) (byte, error) {
	if i := slices.Index(recon.Statuses(), s); i >= 0 {
		return byte(i + 1), nil
	}
	return 0, fmt.Errorf("%w: status %q", ErrContract, string(s))
}

func statusOf(code byte) (recon.Status, error) {
	if all := recon.Statuses(); code > 0 && int(code) <= len(all) {
		return all[code-1], nil
	}
	return "", fmt.Errorf("%w: status code %d", ErrContract, code)
}

// timeCode is nanoseconds since 1970, which reach from 1678 to 2262.
func timeCode(t time.Time) (int64, error) {
	if t.IsZero() {
		return noTime, nil
	}
	if year := t.UTC().Year(); year < 1700 || year > 2200 {
		return 0, fmt.Errorf("%w: time in the year %d", ErrContract, year)
	}
	return t.UnixNano(), nil
}

func timeOf(code int64) time.Time {
	if code == noTime {
		return time.Time{}
	}
	return time.Unix(0, code).UTC()
}
