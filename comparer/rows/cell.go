package rows

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Bounds of values.
const (
	maxShown = 128       // runes of a value in a difference
	maxHeld  = 64 * 1024 // bytes of a value held; of a longer one its length, its SHA-256 and its beginning
)

// cell is one value. Two cells of a column are equal when null and canon are, and neither has a fault.
type cell struct {
	null  bool
	raw   string // as the server writes it; of a long one the beginning
	canon string
	fault string // why it is no amount; "" = it can be read
}

// row is one row; its cells have the places of the plan's columns.
type row []cell

// newCell takes a value as the server wrote it.
func newCell(c column, raw string) cell {
	v := cell{raw: raw, canon: raw}
	switch {
	case len(raw) > maxHeld:
		sum := sha256.Sum256([]byte(raw))
		v.canon = "\x00" + strconv.Itoa(len(raw)) + ":" + string(sum[:])
		v.raw = strings.Clone(raw[:maxShown*utf8.UTFMax])
	case c.form == formNumber:
		if number, ok := canonical(raw); ok {
			v.canon = number
		}
	case c.form == formInstant:
		v.canon = canonicalInstant(raw)
	case c.form == formClock:
		v.canon = trimFraction(raw)
	case c.form == formBinary && c.alias != "":
		v.canon = hex.EncodeToString([]byte(raw)) // as it can stand in a binding
	}
	return v
}

// readMoney makes a cell an amount. The currency is fixed or stands in another cell of the row.
func readMoney(v cell, m MoneyColumn, currency *cell) cell {
	if v.null {
		return v
	}
	in := m.Currency
	if currency != nil {
		if currency.null {
			v.fault = "its currency is NULL"
			return v
		}
		parsed, err := recon.ParseCurrency(currency.raw)
		if err != nil {
			v.fault = err.Error()
			return v
		}
		in = parsed
	}
	amount, err := m.Unit.Parse(v.raw, in)
	if err != nil {
		v.fault = err.Error()
		return v
	}
	v.canon = amount.String()
	return v
}

// canonicalInstant gives dates and times of any precision one form.
func canonicalInstant(raw string) string {
	if len(raw) == len(time.DateOnly) {
		return raw + " 00:00:00"
	}
	return trimFraction(raw)
}

func trimFraction(raw string) string {
	if !strings.Contains(raw, ".") {
		return raw
	}
	return strings.TrimRight(strings.TrimRight(raw, "0"), ".")
}

// near tells whether two instants are no further apart than a clock may be off. What is no instant ("0000-00-00") is
// near its equal only.
func near(a, b cell, tolerance time.Duration) bool {
	if a.null || b.null || a.canon == b.canon {
		return a.null == b.null
	}
	at, err := time.Parse(time.DateTime, a.canon)
	bt, err2 := time.Parse(time.DateTime, b.canon)
	return err == nil && err2 == nil && at.Sub(bt).Abs() <= tolerance
}

// show prints a cell for a difference, bounded.
func show(c column, v cell) string {
	switch {
	case v.null:
		return "NULL"
	case v.fault != "":
		return clip(fmt.Sprintf("%s (%s)", printable(v.raw), v.fault))
	case c.money != nil:
		return v.canon
	case c.form == formBinary:
		return clip(hexed(v.raw))
	case v.raw == "NULL":
		return "'NULL'"
	}
	return clip(printable(v.raw))
}

func printable(raw string) string {
	if !utf8.ValidString(raw) {
		return hexed(raw)
	}
	return raw
}

func hexed(raw string) string {
	return "0x" + hex.EncodeToString([]byte(raw[:min(len(raw), maxShown)]))
}

// clip cuts a text to maxShown runes.
func clip(text string) string {
	if len(text) <= maxShown {
		return text
	}
	runes := 0
	for i := range text {
		if runes++; runes == maxShown {
			if rest := text[i:]; utf8.RuneCountInString(rest) > 1 {
				return text[:i] + "…"
			}
			return text
		}
	}
	return text
}
