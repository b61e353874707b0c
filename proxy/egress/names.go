package egress

import (
	"slices"
	"strings"
	"unicode"
)

// hardByName tells whether a field's name says that it is about money, its currency, owner, order or direction, also
// where the policy declares nothing about it.
func hardByName(field string) bool {
	words := wordsOf(lastName(field))
	if len(words) == 0 {
		return false
	}
	last := words[len(words)-1]
	has := func(list ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool {
			return slices.Contains(list, w) || slices.Contains(list, strings.TrimSuffix(w, "s"))
		})
	}
	switch {
	case has("currency", "ccy", "direction", "debit", "credit"), has("fee") && last == "type":
		return true
	case has("account", "acct", "payee", "payer", "iban", "mchid", "openid"):
		return true
	case has("order", "trade", "refund", "transaction", "txn", "payment"):
		return len(words) == 1 || slices.Contains([]string{"id", "no", "number", "sn", "amount", "fee", "total"}, last)
	case slices.Contains([]string{"count", "type", "time", "at", "desc", "name", "pages"}, last):
		return false
	}
	return has("amount", "amt", "money", "price", "fee", "total", "balance", "cash", "fen", "yuan", "cents")
}

// lastName is the last step of a path that is not an index, and for a generic name ("value") the one above it.
func lastName(field string) string {
	steps := strings.Split(field, ".")
	for i := len(steps) - 1; i >= 0; i-- {
		index := strings.Trim(steps[i], "0123456789*") == ""
		generic := slices.Contains([]string{"value", "minor", "major", "units", "nanos"}, strings.ToLower(steps[i]))
		if !index && (!generic || i == 0) {
			return steps[i]
		}
	}
	return ""
}

// wordsOf splits "outTradeNo", "out_trade_no" and "Out-Trade-No" into lower case words.
func wordsOf(name string) []string {
	var words []string
	var word []rune
	flush := func() {
		if len(word) > 0 {
			words, word = append(words, strings.ToLower(string(word))), nil
		}
	}
	lower := false
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) || unicode.IsUpper(r) && lower {
			flush()
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			word = append(word, r)
		}
		lower = unicode.IsLower(r)
	}
	flush()
	return words
}
