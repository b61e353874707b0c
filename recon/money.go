package recon

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Currency is an ISO 4217 alphabetic code in capitals, for example "CNY".
type Currency string

// Money is an amount in minor units (fen, cents) of one currency. The zero value has no currency and is not an amount.
type Money struct {
	Minor    int64    `json:"minor"`
	Currency Currency `json:"currency"`
}

// Errors of amount parsing; wrapped with the offending text.
var (
	ErrAmountSyntax    = errors.New("not a decimal number")
	ErrAmountPrecision = errors.New("more decimals than the currency has")
	ErrAmountOverflow  = errors.New("amount out of range")
	ErrCurrencyUnknown = errors.New("unknown currency")
	ErrCurrencyDiffers = errors.New("currencies differ")
)

// Currencies lists the currencies that amounts can be in. The place in the list, from 1, is a currency's code in entries
// and digests: it never changes.
func Currencies() []Currency {
	return []Currency{
		"CNY", "USD", "EUR", "GBP", "HKD", "SGD", "AUD", "CAD", "CHF", "MYR", "THB", "NZD", "MOP", "TWD", "PHP", "INR", "RUB",
		"JPY", "KRW", "VND", "KWD", "BHD", "JOD", "OMR", "TND",
	}
}

// exponentOf gives the decimals of a currency's minor unit (ISO 4217 list one).
// A switch and not a map: package level state stays immutable.
func exponentOf(c Currency) (int, bool) {
	switch c {
	case "JPY", "KRW", "VND":
		return 0, true
	case "KWD", "BHD", "JOD", "OMR", "TND":
		return 3, true
	}
	return 2, slices.Contains(Currencies(), c)
}

// Exponent is the number of decimals of the currency's minor unit: 2 for CNY, 0 for JPY.
func (c Currency) Exponent() (int, error) {
	if e, ok := exponentOf(c); ok {
		return e, nil
	}
	return 0, fmt.Errorf("%w %q", ErrCurrencyUnknown, string(c))
}

// ParseCurrency accepts the codes that statement files use (CNY, RMB, 156, 人民币) and gives the ISO code.
func ParseCurrency(text string) (Currency, error) {
	switch text {
	case "CNY", "RMB", "156", "001", "人民币":
		return "CNY", nil
	}
	c := Currency(strings.ToUpper(text))
	if _, ok := exponentOf(c); !ok {
		return "", fmt.Errorf("%w %q", ErrCurrencyUnknown, text)
	}
	return c, nil
}

// ParseMajor reads a decimal text in major units ("19.99" yuan) digit by digit.
// Decimals beyond the currency's own must be zeros ("0.32000" is 32 fen). A sign is accepted, an exponent is not.
func ParseMajor(text string, c Currency) (Money, error) {
	exp, err := c.Exponent()
	if err != nil {
		return Money{}, err
	}
	minor, err := parseScaled(text, exp)
	if err != nil {
		return Money{}, err
	}
	return Money{Minor: minor, Currency: c}, nil
}

// ParseMinor reads a whole number of minor units ("1999" fen, zero padding allowed).
func ParseMinor(text string, c Currency) (Money, error) {
	if _, err := c.Exponent(); err != nil {
		return Money{}, err
	}
	minor, err := parseScaled(text, 0)
	if err != nil {
		return Money{}, err
	}
	return Money{Minor: minor, Currency: c}, nil
}

// Unit says how a text or column states an amount.
type Unit string

// The units of amounts.
const (
	UnitMajor Unit = "major" // decimal number of yuan: 19.99
	UnitMinor Unit = "minor" // whole number of fen: 1999
)

// Valid tells whether the unit is one of the two.
func (u Unit) Valid() bool { return u == UnitMajor || u == UnitMinor }

// Parse reads an amount stated in this unit.
func (u Unit) Parse(text string, c Currency) (Money, error) {
	if u == UnitMinor {
		return ParseMinor(text, c)
	}
	return ParseMajor(text, c)
}

func parseScaled(text string, decimals int) (int64, error) {
	n, err := ParseDecimal(text, decimals)
	switch {
	case errors.Is(err, ErrAmountPrecision):
		return 0, fmt.Errorf("%w (%d): %q", err, decimals, text)
	case err != nil:
		return 0, fmt.Errorf("%w: %q", err, text)
	}
	return n, nil
}

// safeDigits is how many digits never overflow an int64.
const safeDigits = 18

// ParseDecimal reads a decimal number as a whole number of its last kept decimal: "19.99" with two decimals is 1999.
// Further decimals must be zeros. It allocates nothing; the errors are ErrAmountSyntax, ErrAmountPrecision and
// ErrAmountOverflow as they are.
func ParseDecimal[T ~string | ~[]byte](text T, decimals int) (int64, error) {
	i, negative := 0, false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		i, negative = 1, text[0] == '-'
	}
	first, n := i, uint64(0)
	for safe := min(len(text), i+safeDigits); i < safe && text[i]-'0' <= 9; i++ {
		n = n*10 + uint64(text[i]-'0')
	}
	for ; i < len(text) && text[i]-'0' <= 9; i++ {
		if n > (math.MaxInt64-9)/10 && n > (math.MaxInt64-uint64(text[i]-'0'))/10 {
			return 0, ErrAmountOverflow
		}
		n = n*10 + uint64(text[i]-'0')
	}
	if i == first {
		return 0, ErrAmountSyntax
	}
	kept := 0
	if i < len(text) {
		if text[i] != '.' || i+1 == len(text) {
			return 0, ErrAmountSyntax
		}
		for i++; i < len(text); i++ {
			d := uint64(text[i] - '0')
			switch {
			case d > 9:
				return 0, ErrAmountSyntax
			case kept == decimals && d != 0:
				return 0, precisionOr(text[i:])
			case kept == decimals:
				continue
			case n > (math.MaxInt64-d)/10:
				return 0, ErrAmountOverflow
			}
			n = n*10 + d
			kept++
		}
	}
	for ; kept < decimals; kept++ {
		if n > math.MaxInt64/10 {
			return 0, ErrAmountOverflow
		}
		n *= 10
	}
	if negative {
		return -int64(n), nil
	}
	return int64(n), nil
}

// precisionOr tells a number with too many decimals from a text that is none.
func precisionOr[T ~string | ~[]byte](rest T) error {
	for i := range len(rest) {
		if rest[i]-'0' > 9 {
			return ErrAmountSyntax
		}
	}
	return ErrAmountPrecision
}

// String prints major units with the currency: "19.99 CNY". It is exact.
func (m Money) String() string {
	if m.Currency == "" {
		return strconv.FormatInt(m.Minor, 10)
	}
	return m.Major() + " " + string(m.Currency)
}

// Major prints the amount in major units without the currency: "19.99".
func (m Money) Major() string {
	exp, ok := exponentOf(m.Currency)
	if !ok || exp == 0 {
		return strconv.FormatInt(m.Minor, 10)
	}
	sign, abs := "", uint64(m.Minor)
	if m.Minor < 0 {
		sign, abs = "-", -uint64(m.Minor)
	}
	digits := fmt.Sprintf("%0*d", exp+1, abs)
	cut := len(digits) - exp
	return sign + digits[:cut] + "." + digits[cut:]
}

// Add gives m+o, or an error when the currencies differ or the sum does not fit.
func (m Money) Add(o Money) (Money, error) {
	if m.Currency != o.Currency {
		return Money{}, fmt.Errorf("%w: %s and %s", ErrCurrencyDiffers, m.Currency, o.Currency)
	}
	sum := m.Minor + o.Minor
	if (m.Minor > 0 && o.Minor > 0 && sum < 0) || (m.Minor < 0 && o.Minor < 0 && sum >= 0) {
		return Money{}, fmt.Errorf("%w: %s + %s", ErrAmountOverflow, m, o)
	}
	return Money{Minor: sum, Currency: m.Currency}, nil
}

// Neg gives the amount with the opposite sign.
func (m Money) Neg() Money { return Money{Minor: -m.Minor, Currency: m.Currency} }
