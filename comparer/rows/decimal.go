package rows

import (
	"strconv"
	"strings"
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
