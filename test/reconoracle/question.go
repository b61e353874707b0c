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

// Flags asks the question of `touchstone recon compare`.
func (q Question) Flags() []string {
	flags := []string{
		"--key", strings.Join(q.Key, ","), "--amount", q.Amount + ":yuan", "--currency", q.Currency, "--status", q.Status,
		"--map", "paid=success", "--map", "pending=processing", "--map", "failed=failed",
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
	return flags
}

// fields lists what is compared, in the order in which copies of a key are ordered.
func (q Question) fields() []string {
	list := []string{q.Amount, q.Status, q.Currency}
	for _, column := range append([]string{q.Fee, q.Time}, q.Compare...) {
		if column != "" {
			list = append(list, column)
		}
	}
	return list
}
