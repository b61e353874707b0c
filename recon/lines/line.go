package lines

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Line is one record. Its texts are only read.
type Line struct {
	Kind   recon.Kind
	Status recon.Status
	Amount recon.Money
	Fee    recon.Money
	HasFee bool
	Time   time.Time // zero = unknown

	ID, Order, Account, ChannelTxn, Original, Settled []byte
}

// Of gives a record's line.
func Of(r *recon.Record) Line {
	l := Line{
		Kind: r.Key.Kind, Status: r.Status, Amount: r.Amount, HasFee: r.Fee != nil, Time: r.Time, ID: []byte(r.Key.ID), Order: []byte(r.Order), Account: []byte(r.Account),
		ChannelTxn: []byte(r.ChannelTxn), Original: []byte(r.Original), Settled: []byte(r.Settled),
	}
	if l.HasFee {
		l.Fee = *r.Fee
	}
	return l
}

// Check tells what a line could not say.
func (l *Line) Check() error {
	for _, text := range l.texts() {
		if bytes.ContainsAny(text, "\t\r\n") {
			return fmt.Errorf("a value holds a tab or a line end: %q", text)
		}
	}
	if l.HasFee && l.Fee.Currency != l.Amount.Currency {
		return fmt.Errorf("the fee is in %s, the amount in %s", l.Fee.Currency, l.Amount.Currency)
	}
	return nil
}

func (l *Line) texts() [6][]byte {
	return [...][]byte{l.ID, l.Order, l.Account, l.ChannelTxn, l.Original, l.Settled}
}

// Append writes the line behind b, with its end. Check was asked before.
func (l *Line) Append(b []byte) []byte {
	b = append(b, l.Kind...)
	b = append(append(b, separator), l.Status...)
	b = append(append(b, separator), l.Amount.Currency...)
	b = strconv.AppendInt(append(b, separator), l.Amount.Minor, 10)
	if b = append(b, separator); l.HasFee {
		b = strconv.AppendInt(b, l.Fee.Minor, 10)
	}
	if b = append(b, separator); !l.Time.IsZero() {
		b = l.Time.UTC().AppendFormat(b, layout)
	}
	for _, text := range l.texts() {
		b = append(append(b, separator), text...)
	}
	return append(b, '\n')
}
