package shadow

import (
	"slices"
	"strings"
	"unicode"
)

// ClassOfName gives the class that the name of a field says, or plain: "amount.total" is money, "out_trade_no" an order.
// Where a policy declares nothing about a field, this decides how hard a difference in it weighs.
func ClassOfName(path string) FieldClass {
	words := wordsOf(lastName(path))
	if len(words) == 0 {
		return ClassPlain
	}
	last := words[len(words)-1]
	has := func(list ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool {
			return slices.Contains(list, w) || slices.Contains(list, strings.TrimSuffix(w, "s"))
		})
	}
	ends := func(list ...string) bool { return slices.Contains(list, last) }
	switch {
	case has("currency", "ccy"), has("fee") && ends("type"):
		return ClassCurrency
	case has("direction", "debit", "credit"):
		return ClassDirection
	case has("account", "acct", "payee", "payer", "iban", "mchid", "openid"):
		return ClassAccount
	case ends("count", "type", "time", "at", "desc", "name", "pages", "status", "state"):
		return ClassPlain
	case has("amount", "amt", "money", "price", "fee", "total", "balance", "cash", "fen", "yuan", "cents"):
		return ClassMoney
	case has("order", "trade", "refund", "transaction", "txn", "payment") && (len(words) == 1 || ends("id", "no", "number", "sn")):
		return ClassOrder
	}
	return ClassPlain
}

// lastName is the last step of a path that is not an index, and for a generic name ("value") the one above it.
func lastName(path string) string {
	steps := strings.Split(path, ".")
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
	var word strings.Builder
	lower := false
	for _, r := range name {
		letter := unicode.IsLetter(r) || unicode.IsDigit(r)
		if (!letter || unicode.IsUpper(r) && lower) && word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
		if letter {
			word.WriteRune(unicode.ToLower(r))
		}
		lower = unicode.IsLower(r)
	}
	if word.Len() > 0 {
		words = append(words, word.String())
	}
	return words
}
