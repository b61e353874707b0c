package privacy

import "bytes"

// The expressions look at a body for a tenth of a millisecond, and nearly no body holds what they look for: these looks
// come first. They may say yes too often, never no.

// mayNameSecret looks for a part of every name that the expression for named secrets knows.
func mayNameSecret(data []byte) bool {
	for i, b := range data {
		part := ""
		switch b | 0x20 {
		case 't':
			part = "token"
		case 'p':
			part = "passw"
		case 's':
			part = "secret"
		case 'k':
			part = "key"
		case 'c':
			part = "cv"
		case 'b':
			part = "bearer"
		default:
			continue
		}
		if hasFold(data[i:], part) {
			return true
		}
	}
	// Two signs beyond ASCII count as letters when case is ignored: the Kelvin sign and the long s.
	return bytes.Contains(data, []byte("\u212a")) || bytes.Contains(data, []byte("\u017f"))
}

// hasFold tells whether data begins with a name of lower-case letters, in any case.
func hasFold(data []byte, name string) bool {
	if len(data) < len(name) {
		return false
	}
	for i := range len(name) {
		if data[i]|0x20 != name[i] {
			return false
		}
	}
	return true
}

const leastDigits = 11 // of a number that the expression for numbers knows

// mayHoldNumber looks for so many digits with no more than one separator between two of them.
func mayHoldNumber(data []byte) bool {
	digits, separated := 0, false
	for _, b := range data {
		switch {
		case b >= '0' && b <= '9':
			if digits++; digits >= leastDigits {
				return true
			}
			separated = false
		case (b == ' ' || b == '-') && digits > 0 && !separated:
			separated = true
		default:
			digits, separated = 0, false
		}
	}
	return false
}
