package lines

import (
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// The columns of a line, in their order.
const (
	columnKind     = "kind"
	columnStatus   = "status"
	columnCurrency = "currency"
	columnAmount   = "amount"
	columnFee      = "fee"
	columnTime     = "time"
	columnID       = "id"
	columnOrder    = "order"
	columnAccount  = "account"
	columnTxn      = "channel_txn"
	columnOriginal = "original"
	columnSettled  = "settled"
)

const (
	separator = '\t'
	layout    = "2006-01-02T15:04:05.000000Z07:00" // what entries keep of a time
)

func columns() []string {
	return []string{
		columnKind, columnStatus, columnCurrency, columnAmount, columnFee, columnTime, columnID, columnOrder, columnAccount, columnTxn, columnOriginal, columnSettled,
	}
}

// Header is a first line with the columns' names, where Format has one.
func Header() []byte {
	var b []byte
	for i, name := range columns() {
		if i > 0 {
			b = append(b, separator)
		}
		b = append(b, name...)
	}
	return append(b, '\n')
}

// Format describes the lines. With a header a text without any line is a whole one.
func Format(name, channel string, header bool) *recon.FormatSpec {
	f := &recon.FormatSpec{
		Name: name, Lines: recon.LineRule{Separator: string(separator)}, Header: recon.HeaderRule{None: !header},
		KindIn: columnKind, Channel: channel, Zone: "UTC", Layouts: []string{layout}, Dates: []string{time.DateOnly},
	}
	for _, name := range columns() {
		f.Columns = append(f.Columns, recon.Column{Name: name})
	}
	states := map[string]recon.Status{}
	for _, s := range recon.Statuses() {
		states[string(s)] = s
	}
	for _, k := range recon.Kinds() {
		f.Rows = append(f.Rows, recon.RowRule{
			Match: []string{string(k)}, Kind: k, Key: []string{columnID}, Order: []string{columnOrder}, Account: []string{columnAccount}, ChannelTxn: []string{columnTxn},
			Amount: recon.Amount{Columns: []string{columnAmount}, Unit: recon.UnitMinor}, Fee: &recon.Amount{Columns: []string{columnFee}, Unit: recon.UnitMinor},
			CurrencyIn: columnCurrency, Status: recon.StatusMap{Column: columnStatus, Values: states}, Time: []string{columnTime},
			Original: []string{columnOriginal}, Settled: columnSettled,
		})
	}
	return f
}
