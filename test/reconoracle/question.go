package reconoracle

import "strings"

// Question says which columns mean what and what is compared. Both sides name their columns alike.
type Question struct {
	Key      []string
	Kind     string // "" = every row is a payment
	Amount   string // yuan, two decimals
	Currency string
	Status   string
	Fee      string   // "" = not compared
	Time     string   // "" = not compared
	Compare  []string // further texts
	Unique   bool     // copies that agree on all sides are breaks too, but for the first
}

// Everything compares all that recongen's CSV files say of a booking but its subject.
func Everything() Question {
	return Question{
		Key: []string{"order_id", "refund_id"}, Kind: "kind", Amount: "amount", Currency: "currency", Status: "status",
		Fee: "fee", Time: "created_at", Compare: []string{"payer_id"},
	}
}

// Money asks for the order number's amount, currency and status.
func Money() Question {
	return Question{Key: []string{"order_id"}, Amount: "amount", Currency: "currency", Status: "status"}
}

// Booking asks for a booking's amount, currency and status by the number that channels know it by.
func Booking() Question {
	return Question{Key: []string{"booking_id"}, Kind: "kind", Amount: "amount", Currency: "currency", Status: "status"}
}

// Flags asks the question of `touchstone recon compare`.
func (q Question) Flags() []string {
	flags := []string{
		"--key", strings.Join(q.Key, ","), "--amount", q.Amount + ":yuan", "--currency", q.Currency, "--status", q.Status,
		"--map", "paid=success", "--map", "pending=processing", "--map", "failed=failed", // as status says
	}
	if q.Kind != "" {
		flags = append(flags, "--kind", q.Kind)
	}
	if q.Fee != "" {
		flags = append(flags, "--fee", q.Fee+":yuan")
	}
	if q.Time != "" {
		flags = append(flags, "--time", q.Time)
	}
	for _, column := range q.Compare {
		flags = append(flags, "--compare", column)
	}
	if q.Unique {
		flags = append(flags, "--unique")
	}
	return flags
}

// keyText joins the parts of a key as the product prints it. No part holds a slash.
func keyText(parts []string) string { return strings.TrimRight(strings.Join(parts, "/"), "/") }

// status is the normalised state of one of recongen's words.
func status(word string) string {
	switch word {
	case "paid":
		return "success"
	case "pending":
		return "processing"
	}
	return word
}

// Field is one compared column, as the answer names it.
type Field struct {
	Name, Column string
	Money        bool // a number with two decimals, ordered as one
}

// Fields lists what is compared, in the order in which copies of a key are ordered. A state is compared normalised.
func (q Question) Fields() []Field {
	list := []Field{{"amount", q.Amount, true}, {"currency", q.Currency, false}, {"status", q.Status, false}}
	if q.Fee != "" {
		list = append(list, Field{"fee", q.Fee, true})
	}
	if q.Time != "" {
		list = append(list, Field{"time", q.Time, false})
	}
	for _, column := range q.Compare {
		list = append(list, Field{column, column, false})
	}
	return list
}
