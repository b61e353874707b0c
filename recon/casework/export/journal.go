package export

import (
	"context"
	"fmt"
	"strconv"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/casework"
)

// Accounts of the journal.
const (
	AccountSuspense = "suspense"         // credit: the channel has more than the books
	AccountChannel  = "channel-clearing" // what the channel owes or is owed
	AccountWriteOff = "write-off"        // losses and gains that stay
)

// Line is one line of the suspense journal. A booking has two, of the same amount. Its id is the case and the number of the
// event in its history, or a write-off's entry and the number of the line, which never change: whoever books a line twice by
// mistake can see that it is the same.
type Line struct {
	ID       string `json:"id" parquet:"id"`
	At       string `json:"at" parquet:"at"`
	Account  string `json:"account" parquet:"account,dict"`
	Side     string `json:"side" parquet:"side,dict"` // debit or credit
	Amount   string `json:"amount" parquet:"amount"`
	Minor    int64  `json:"minor" parquet:"minor"` // more than zero
	Currency string `json:"currency" parquet:"currency,dict"`
	Case     string `json:"case" parquet:"case"` // "" of what was written off without one
	Kind     string `json:"kind" parquet:"kind,dict"`
	Key      string `json:"key" parquet:"key"`
	Why      string `json:"why" parquet:"why,dict"`
}

func (Line) columns() []string {
	return []string{"id", "at", "account", "side", "amount", "minor", "currency", "case", "kind", "key", "why"}
}

func (l Line) cells() []string {
	return []string{l.ID, l.At, l.Account, l.Side, l.Amount, strconv.FormatInt(l.Minor, 10), l.Currency, l.Case, l.Kind, l.Key, l.Why}
}

// journal gives the lines of the cases that a filter chooses.
func journal(ctx context.Context, desk *casework.Desk, f casework.Filter, emit func(Line) error) error {
	return desk.Each(ctx, f, func(c *casework.Case) error {
		events, err := desk.Events(ctx, c.ID)
		if err != nil {
			return err
		}
		for _, line := range lines(c, events) {
			if err := emit(line); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeOffs gives the lines of what rules tolerated.
func writeOffs(ctx context.Context, desk *casework.Desk, f casework.Filter, emit func(Line) error) error {
	return desk.Journal(ctx, f, func(e *casework.Entry) error { return emit(entryLine(e)) })
}

func entryLine(e *casework.Entry) Line {
	side, amount := "debit", e.Amount
	if amount.Minor < 0 {
		side, amount = "credit", amount.Neg()
	}
	return Line{
		ID: fmt.Sprintf("%s/%d-%s", e.Entry, e.Line, side), At: stamp(e.At), Account: e.Account, Side: side, Amount: amount.Major(), Minor: amount.Minor, Currency: string(amount.Currency),
		Kind: string(e.Key.Kind), Key: e.Key.ID, Why: e.Why,
	}
}

// lines books how a case's part of suspense changes from one event to the next: its gap while it is not closed.
func lines(c *casework.Case, events []casework.Event) (out []Line) {
	var before casework.Event
	held := recon.Money{}
	for _, e := range events {
		now := recon.Money{}
		if e.Gap != nil && e.To != casework.StateClosed {
			now = *e.Gap
		}
		against := AccountChannel
		if e.Resolution == casework.ResolvedWrittenOff || before.Resolution == casework.ResolvedWrittenOff {
			against = AccountWriteOff
		}
		if held.Currency != "" && now.Currency != "" && held.Currency != now.Currency { // another currency: out, then in
			out = append(out, book(c, e, "a", held.Neg(), against)...)
			out = append(out, book(c, e, "b", now, against)...)
		} else {
			change := recon.Money{Minor: now.Minor - held.Minor, Currency: held.Currency}
			if now.Currency != "" {
				change.Currency = now.Currency
			}
			out = append(out, book(c, e, "", change, against)...)
		}
		held, before = now, e
	}
	return out
}

// book moves an amount into suspense, or out of it when it is negative.
func book(c *casework.Case, e casework.Event, part string, change recon.Money, against string) []Line {
	if change.Minor == 0 {
		return nil
	}
	debit, credit := against, AccountSuspense
	if change.Minor < 0 {
		debit, credit, change = credit, debit, change.Neg()
	}
	id := fmt.Sprintf("%s/%d%s", c.ID, e.Seq, part)
	line := Line{At: stamp(e.At), Amount: change.Major(), Minor: change.Minor, Currency: string(change.Currency), Case: c.ID, Kind: string(c.Key.Kind), Key: c.Key.ID, Why: e.Action}
	if e.Resolution != "" {
		line.Why += " " + string(e.Resolution)
	}
	from, to := line, line
	from.ID, from.Account, from.Side = id+"-debit", debit, "debit"
	to.ID, to.Account, to.Side = id+"-credit", credit, "credit"
	return []Line{from, to}
}
