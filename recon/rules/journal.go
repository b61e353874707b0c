package rules

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// Line is one line of the suspense journal. The lines of one booking balance: debits are credits, in each currency.
type Line struct {
	ID         string      `json:"id"`    // the same whenever the day is done again: a line is booked once
	Entry      string      `json:"entry"` // that the lines of one booking have in common
	Day        Day         `json:"day"`
	Account    string      `json:"account"`
	Debit      bool        `json:"debit"`
	Amount     recon.Money `json:"amount"` // more than zero
	Booking    recon.Key   `json:"booking"`
	Occurrence int         `json:"occurrence"`
	Tolerance  string      `json:"tolerance"` // the name of what allowed it
}

// writeOff books a tolerated difference: a loss is taken out of suspense at the expense of the write-off account, a gain the
// other way. The ID is about the booking and not about the amount, so that a corrected day with another difference collides
// with what is booked instead of standing beside it.
func (r *run) writeOff(o *Outcome, t *Tolerance, gain recon.Money) ([]Line, error) {
	debit, credit, amount := r.cfg.Accounts.WriteOff, r.cfg.Accounts.Suspense, gain.Neg()
	if gain.Minor > 0 {
		debit, credit, amount = credit, debit, gain
	}
	if amount.Minor <= 0 {
		return nil, fmt.Errorf("write off %s: a difference of %s", o.Key, gain)
	}
	id := r.lineID(o, t.Field)
	line := Line{Entry: id, Day: r.day, Amount: amount, Booking: o.Key, Occurrence: o.Occurrence, Tolerance: t.Name}
	from, to := line, line
	from.ID, from.Account, from.Debit = id+"-debit", debit, true
	to.ID, to.Account = id+"-credit", credit
	return []Line{from, to}, nil
}

func (r *run) lineID(o *Outcome, field recon.Field) string {
	b := []byte("write-off")
	for _, text := range []string{r.in.Batch.Channel, r.in.Batch.Account, r.in.Batch.Kind, string(o.Key.Kind), o.Key.ID, string(field)} {
		b = entry.AppendText(b, []byte(text))
	}
	for _, n := range []int64{int64(o.Occurrence), int64(o.Since[internal]), int64(o.Since[channel])} {
		b = binary.AppendVarint(b, n)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// balance adds up lines; it is zero in every currency, or money was made or lost.
type balance map[recon.Currency]int64

func (b balance) add(lines []Line) error {
	for i := range lines {
		sign := lines[i].Amount
		if !lines[i].Debit {
			sign = sign.Neg()
		}
		sum, err := recon.Money{Minor: b[sign.Currency], Currency: sign.Currency}.Add(sign)
		if err != nil {
			return fmt.Errorf("balance of write-offs: %w", err)
		}
		b[sign.Currency] = sum.Minor
	}
	return nil
}

func (b balance) check() error {
	for currency, sum := range b {
		if sum != 0 {
			return fmt.Errorf("conservation broken: write-offs do not balance by %s", recon.Money{Minor: sum, Currency: currency})
		}
	}
	return nil
}
