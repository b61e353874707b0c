package config

import (
	"fmt"
	"math"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Percent is a share in parts of a million: "50%" is 500,000. Exact, at most four decimals, 0% to 100%.
type Percent uint32

func (p *Percent) parse(text string) *complaint {
	const hint = `a percentage such as 50% or 0.5%`
	digits, ok := strings.CutSuffix(text, "%")
	if !ok {
		return &complaint{"is not a percentage", hint}
	}
	n, ok := scaled(digits, 4)
	switch {
	case !ok:
		return &complaint{"is not a percentage with at most four decimals", hint}
	case n > 1_000_000:
		return &complaint{"is more than 100%", "at most 100%"}
	}
	*p = Percent(n)
	return nil
}

// Fraction is a number from 0 to 1 in parts of a billion: "0.02" is 20,000,000. Exact: nine decimals are every digit
// it can hold, and more are refused, so the number the gate uses is the number that was written.
type Fraction uint32

// PerBillion is the whole of a Fraction.
const PerBillion = 1_000_000_000

// String prints the decimal text: "0.02".
func (f Fraction) String() string {
	digits := fmt.Sprintf("%010d", uint32(f)) // one whole digit, nine decimals
	whole, rest := digits[:1], strings.TrimRight(digits[1:], "0")
	if rest == "" {
		return whole
	}
	return whole + "." + rest
}

func (f *Fraction) parse(text string) *complaint {
	const hint = "a decimal number such as 0.02"
	n, ok := scaled(text, 9)
	switch {
	case !ok:
		return &complaint{"is not a decimal number with at most nine decimals", hint}
	case n > PerBillion:
		return &complaint{"is more than 1", hint}
	}
	*f = Fraction(n)
	return nil
}

// scaled reads unsigned decimal text as a whole number of 10^-decimals, digit by digit.
func scaled(text string, decimals int) (uint64, bool) {
	whole, fraction, point := strings.Cut(text, ".")
	if whole == "" || len(whole) > 9 || len(fraction) > decimals || (point && fraction == "") {
		return 0, false
	}
	var n uint64
	for _, d := range []byte(whole + fraction + strings.Repeat("0", decimals-len(fraction))) {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + uint64(d-'0')
	}
	return n, true
}

// Size is a number of bytes: "64KiB", "1MiB".
type Size int64

func (s *Size) parse(text string) *complaint {
	const hint = "a size such as 512B, 64KiB, 1MiB or 2GiB"
	for _, unit := range []struct {
		suffix string
		bytes  int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"B", 1}} {
		digits, ok := strings.CutSuffix(text, unit.suffix)
		if !ok {
			continue
		}
		n, ok := scaled(digits, 0)
		if !ok || n > uint64(math.MaxInt64/unit.bytes) {
			return &complaint{"is not a whole number of " + unit.suffix, hint}
		}
		*s = Size(int64(n) * unit.bytes)
		return nil
	}
	return &complaint{"is not a size with its unit", hint}
}

// Addr is host:port of a listener or a peer.
type Addr string

// Loopback tells whether only this machine can reach the address.
func (a Addr) Loopback() bool {
	host, _, err := net.SplitHostPort(string(a))
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func (a *Addr) parse(text string) *complaint {
	const hint = "host:port such as 127.0.0.1:8080"
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return &complaint{"is not host:port", hint}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return &complaint{"has no port number from 0 to 65535", hint}
	}
	if host == "" || strings.ContainsAny(host, " /@") {
		return &complaint{"has no host", hint + ", or 0.0.0.0:8080 for every interface"}
	}
	*a = Addr(text)
	return nil
}

// Day is a calendar day, "2006-01-02".
type Day string

func (d *Day) parse(text string) *complaint {
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return &complaint{"is not a day", "a day such as 2026-11-23"}
	}
	*d = Day(text)
	return nil
}

// Path is a file or folder; in the YAML it is relative to the configuration file's folder.
type Path string

func (p *Path) resolve(folder, text string) *complaint {
	if text == "" || strings.ContainsRune(text, 0) {
		return &complaint{"is not a path", "a path relative to this file's folder"}
	}
	*p = Path(within(folder, text))
	return nil
}

func within(folder, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(folder, path)
}
