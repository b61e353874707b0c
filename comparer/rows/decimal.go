package rows

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
)

// maxExponent bounds what a number may be blown up to; a DOUBLE reaches 308.
const maxExponent = 400

// canonical writes a number in its one shortest form: "1.50" is "1.5", "-0.0" is "0", "1e2" is "100".
func canonical(text string) (string, bool) {
	if plainInteger(text) {
		return text, true
	}
	digits, exponent := text, 0
	if i := strings.IndexAny(digits, "eE"); i >= 0 {
		n, err := strconv.Atoi(digits[i+1:])
		if err != nil || n > maxExponent || n < -maxExponent {
			return "", false
		}
		digits, exponent = digits[:i], n
	}
	sign := ""
	if strings.HasPrefix(digits, "-") || strings.HasPrefix(digits, "+") {
		if digits[0] == '-' {
			sign = "-"
		}
		digits = digits[1:]
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	if whole+fraction == "" || !allDigits(whole) || !allDigits(fraction) {
		return "", false
	}
	whole, fraction = shift(whole, fraction, exponent)
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	switch {
	case whole == "" && fraction == "":
		return "0", true
	case whole == "":
		whole = "0"
	}
	if fraction == "" {
		return sign + whole, true
	}
	return sign + whole + "." + fraction, true
}

// plainInteger tells that a text is in canonical form already, which most are.
func plainInteger(text string) bool {
	return text == "0" || text != "" && text[0] >= '1' && text[0] <= '9' && allDigits(text)
}

func allDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// shift moves the point by a power of ten.
func shift(whole, fraction string, exponent int) (string, string) {
	switch {
	case exponent > 0:
		fraction += strings.Repeat("0", max(0, exponent-len(fraction)))
		return whole + fraction[:exponent], fraction[exponent:]
	case exponent < 0:
		whole = strings.Repeat("0", max(0, -exponent-len(whole))) + whole
		cut := len(whole) + exponent
		return whole[:cut], whole[cut:] + fraction
	}
	return whole, fraction
}

// Decimal is an exact decimal number of any size. The zero value is 0.
type Decimal struct {
	unscaled *big.Int // nil = 0
	scale    int      // digits behind the point, not negative
}

// ParseDecimal reads "-12.50" or "1e3"; anything else is an error, never 0.
func ParseDecimal(text string) (Decimal, error) {
	plain, ok := canonical(text)
	if !ok {
		return Decimal{}, fmt.Errorf("%w: %q", recon.ErrAmountSyntax, clip(text))
	}
	whole, fraction, _ := strings.Cut(plain, ".")
	n, _ := new(big.Int).SetString(whole+fraction, 10) // canonical lets only digits through
	return Decimal{unscaled: n, scale: len(fraction)}, nil
}

func (d Decimal) at(scale int) *big.Int {
	if d.unscaled == nil {
		return new(big.Int)
	}
	factor := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale-d.scale)), nil)
	return factor.Mul(factor, d.unscaled)
}

// Add gives d+o.
func (d Decimal) Add(o Decimal) Decimal {
	scale := max(d.scale, o.scale)
	sum := d.at(scale)
	return Decimal{unscaled: sum.Add(sum, o.at(scale)), scale: scale}
}

// Neg gives -d.
func (d Decimal) Neg() Decimal {
	n := d.at(d.scale)
	return Decimal{unscaled: n.Neg(n), scale: d.scale}
}

// IsZero tells whether d is 0.
func (d Decimal) IsZero() bool { return d.unscaled == nil || d.unscaled.Sign() == 0 }

// Equal tells whether d and o are the same number, whatever their scale.
func (d Decimal) Equal(o Decimal) bool { return d.Add(o.Neg()).IsZero() }

// minorToMajor moves the point left by some digits: minor units to major ones.
func (d Decimal) minorToMajor(exponent int) Decimal {
	return Decimal{unscaled: d.unscaled, scale: d.scale + exponent}
}

// String prints the shortest form: "-12.5".
func (d Decimal) String() string {
	if d.unscaled == nil {
		return "0"
	}
	digits := new(big.Int).Abs(d.unscaled).String()
	digits = strings.Repeat("0", max(0, d.scale+1-len(digits))) + digits
	text := digits[:len(digits)-d.scale] + "." + digits[len(digits)-d.scale:]
	if d.unscaled.Sign() < 0 {
		text = "-" + text
	}
	short, _ := canonical(text) // digits and a point: always a number
	return short
}
