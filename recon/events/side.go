package events

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/recon/unnamed"
)

// Compared keeps of what a file would be compared in what channels always say before it: fees, exact times and further
// columns often stand in the file alone.
func Compared(of entry.Compared) entry.Compared {
	return of & (entry.CompareOrder | entry.CompareChannelTxn)
}

// Open gives the bookings of a day as a side. They are copied out of the store first, into a file without a name.
func Open(ctx context.Context, from store.Reader, line, day string, o scan.Options) (_ *scan.Side, err error) {
	text, err := unnamed.File(o.Spool)
	if err != nil {
		return nil, fmt.Errorf("copy events: %w", err)
	}
	defer func() { err = errors.Join(err, text.Close()) }()
	out := bufio.NewWriterSize(text, 256<<10)
	b := []byte(strings.Join(columnNames(), "\t") + "\n") // a day without events has a header too
	if _, err := out.Write(b); err != nil {
		return nil, fmt.Errorf("copy events: %w", err)
	}
	if err := Each(ctx, from, line, day, func(e *Event) error {
		b = appendLine(b[:0], &e.Record)
		_, err := out.Write(b)
		return err
	}); err != nil {
		return nil, fmt.Errorf("copy events: %w", err)
	}
	if err := out.Flush(); err != nil {
		return nil, fmt.Errorf("copy events: %w", err)
	}
	o.Format, o.Name = format(), "events of "+line+"/"+day
	return scan.OpenFile(fmt.Sprintf("/proc/self/fd/%d", text.Fd()), o)
}

func columnNames() []string {
	return []string{"kind", "status", "currency", "amount", "fee", "time", "id", "order", "account", "channel_txn"}
}

// appendLine writes a booking as a line of format.
func appendLine(b []byte, r *recon.Record) []byte {
	fee, at := "", ""
	if r.Fee != nil {
		fee = strconv.FormatInt(r.Fee.Minor, 10)
	}
	if !r.Time.IsZero() {
		at = r.Time.UTC().Format(layout)
	}
	for i, text := range []string{
		string(r.Key.Kind), string(r.Status), string(r.Amount.Currency), strconv.FormatInt(r.Amount.Minor, 10), fee, at, r.Key.ID, r.Order, r.Account, r.ChannelTxn,
	} {
		if i > 0 {
			b = append(b, '\t')
		}
		b = append(b, text...)
	}
	return append(b, '\n')
}

const layout = "2006-01-02T15:04:05.000000Z07:00"

// format describes the lines.
func format() *recon.FormatSpec {
	f := &recon.FormatSpec{
		Name: "events of a channel", Lines: recon.LineRule{Separator: "\t"}, KindIn: "kind", Zone: "UTC", Layouts: []string{layout}, Dates: []string{time.DateOnly},
	}
	for _, name := range columnNames() {
		f.Columns = append(f.Columns, recon.Column{Name: name})
	}
	states := map[string]recon.Status{}
	for _, s := range recon.Statuses() {
		states[string(s)] = s
	}
	minor := func(column string) recon.Amount {
		return recon.Amount{Columns: []string{column}, Unit: recon.UnitMinor}
	}
	fee := minor("fee")
	for _, k := range recon.Kinds() {
		f.Rows = append(f.Rows, recon.RowRule{
			Match: []string{string(k)}, Kind: k, Key: []string{"id"}, Order: []string{"order"}, Account: []string{"account"}, ChannelTxn: []string{"channel_txn"},
			Amount: minor("amount"), Fee: &fee, CurrencyIn: "currency", Status: recon.StatusMap{Column: "status", Values: states}, Time: []string{"time"},
		})
	}
	return f
}
