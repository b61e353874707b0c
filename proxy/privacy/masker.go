package privacy

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
)

// Masker replaces what must not be stored. It is safe for concurrent use.
type Masker struct{ key []byte }

// The kinds of tokens.
const (
	kindPAN      = "pan"
	kindIdentity = "id"
	kindPhone    = "phone"
	kindSecret   = "secret"
)

// New derives the key of the tokens from a secret of the deployment: sidecars with the same secret write the same tokens.
func New(secret []byte) *Masker {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("touchstone privacy tokens"))
	return &Masker{key: h.Sum(nil)}
}

var (
	numbers    = regexp.MustCompile(`[0-9](?:[ -]?[0-9]){10,18}[Xx]?`)
	jwt        = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*`)
	secretName = regexp.MustCompile(`(?i)^(?:[a-z_]*token|password|passwd|secret|[a-z_]*api_?key|cvv2?|cvn2?|cvc2?)$`)

	named = regexp.MustCompile(`(?i)("(?:[a-z_]*token|password|passwd|secret|[a-z_]*api_?key|cvv2?|cvn2?|cvc2?)"\s*:\s*")((?:[^"\\]|\\.)+)|(\b(?:[a-z_]*token|password|passwd|secret|[a-z_]*api_?key|cvv2?|cvn2?|cvc2?)=)([^&\s"]+)|(\bBearer\s+)([A-Za-z0-9._~+/=-]+)`)
)

// Text masks a text.
func (m *Masker) Text(text string) string { return string(m.Bytes([]byte(text))) }

// Named masks the value of a column or field: as a whole when the name says that it is a secret.
func (m *Masker) Named(name, value string) string {
	if value != "" && secretName.MatchString(name) {
		return string(m.token(kindSecret, []byte(value)))
	}
	return m.Text(value)
}

// Bytes gives a masked copy, or what it got when there is nothing to mask.
func (m *Masker) Bytes(data []byte) []byte {
	if mayNameSecret(data) {
		data = m.secrets(data)
	}
	if bytes.Contains(data, []byte("eyJ")) {
		data = jwt.ReplaceAllFunc(data, func(found []byte) []byte { return m.token(kindSecret, found) })
	}
	if mayHoldNumber(data) {
		data = m.numbers(data)
	}
	return data
}

// secrets masks values by the names they stand beside.
func (m *Masker) secrets(data []byte) []byte {
	return named.ReplaceAllFunc(data, func(found []byte) []byte {
		parts := named.FindSubmatch(found)
		for i := 1; i < len(parts); i += 2 {
			if len(parts[i]) > 0 {
				return append(append([]byte(nil), parts[i]...), m.token(kindSecret, parts[i+1])...)
			}
		}
		return found
	})
}

// numbers masks runs of digits that are what they look like by their check digit or form.
func (m *Masker) numbers(data []byte) []byte {
	var out []byte
	done := 0
	for _, at := range numbers.FindAllIndex(data, -1) {
		from, to := at[0], at[1]
		if (from > 0 && isWord(data[from-1])) || (to < len(data) && isWord(data[to])) {
			continue
		}
		digits := bare(data[from:to])
		kind := kindOf(digits)
		if kind == "" {
			continue
		}
		out = append(append(out, data[done:from]...), m.token(kind, digits)...)
		done = to
	}
	if done == 0 {
		return data
	}
	return append(out, data[done:]...)
}

const tokenBytes = 6 // 48 bits: two values under one token are a matter of millions of them in one order's evidence

func (m *Masker) token(kind string, value []byte) []byte {
	h := hmac.New(sha256.New, m.key)
	h.Write([]byte(kind + "\x00"))
	h.Write(value)
	return []byte("<" + kind + ":" + hex.EncodeToString(h.Sum(nil)[:tokenBytes]) + ">")
}

// bare takes the separators out.
func bare(p []byte) []byte {
	out := make([]byte, 0, len(p))
	for _, b := range p {
		if b != ' ' && b != '-' {
			out = append(out, b)
		}
	}
	return out
}

func isWord(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '_'
}

func kindOf(digits []byte) string {
	switch n := len(digits); {
	case n == 18 && isIdentity(digits):
		return kindIdentity
	case digits[n-1] == 'X' || digits[n-1] == 'x':
		return ""
	case n == 11 && digits[0] == '1' && digits[1] >= '3':
		return kindPhone
	case n >= 13 && n <= 19 && isPAN(digits):
		return kindPAN
	}
	return ""
}

// isPAN holds a number against the check digit of ISO/IEC 7812 (Luhn).
func isPAN(digits []byte) bool {
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return digits[0] != '0' && sum%10 == 0
}

// isIdentity holds a number against the check character of GB 11643 (ISO 7064 MOD 11-2).
func isIdentity(id []byte) bool {
	sum := 0
	for _, b := range id[:17] {
		sum = (sum + int(b-'0')) * 2 % 11
	}
	check := (12 - sum) % 11
	last := id[17]
	if check == 10 {
		return last == 'X' || last == 'x'
	}
	return int(last)-'0' == check
}
