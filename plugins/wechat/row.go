package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// timeLayout has no zone in the file: it is always Beijing time.
const timeLayout = "2006-01-02 15:04:05"

// row is one detail line with the right number of cells.
type row struct {
	*layout
	cells []string
	zone  *time.Location
}

func (r row) at(i int) string { return r.cells[i] }

// id gives a cell that holds an identifier; the channel writes 0 for none.
func (r row) id(i int) string {
	if text := r.cells[i]; text != "0" {
		return text
	}
	return ""
}

// record turns the row into a record, or says which cell is at fault.
func (r row) record() (recon.Record, *fault) {
	rec := recon.Record{Account: r.at(r.merchant), Order: r.at(r.order)}
	for _, i := range []int{r.txn, r.order, r.refundTxn, r.refundNo} {
		if scientific(r.at(i)) {
			return rec, &fault{i, "number in scientific notation: the file was saved again by a spreadsheet"}
		}
	}
	if rec.Account == "" {
		return rec, &fault{r.merchant, "empty"}
	}
	if rec.Order == "" {
		return rec, &fault{r.order, "empty"}
	}
	at, err := time.ParseInLocation(timeLayout, r.at(r.time), r.zone)
	if err != nil {
		return rec, &fault{r.time, "not a time of the form " + timeLayout}
	}
	rec.Time = at
	if f := r.booking(&rec); f != nil {
		return rec, f
	}
	if rec.Key.ID == "" {
		return rec, &fault{r.refundNo, "money out without a refund number"}
	}
	return rec, r.fees(&rec)
}

// booking fills what depends on the row's direction. An unknown direction or state is never success.
func (r row) booking(rec *recon.Record) *fault {
	switch r.at(r.state) {
	case "SUCCESS":
		rec.Key = recon.Key{Kind: recon.KindPayment, ID: rec.Order}
		rec.Status, rec.ChannelTxn = recon.StatusSuccess, r.at(r.txn)
		return r.amount(rec, r.orderAmount)
	case "REFUND":
		rec.Key = recon.Key{Kind: recon.KindRefund, ID: r.id(r.refundNo)}
		rec.ChannelTxn = r.id(r.refundTxn)
		if f := r.refundStatus(rec); f != nil {
			return f
		}
		return r.amount(rec, r.refundAmount)
	case "REVOKED":
		return r.reversal(rec)
	}
	return &fault{r.state, "unknown state"}
}

// reversal books a revoked order. The row may have no refund numbers; there is one reversal an order, so its number will do.
func (r row) reversal(rec *recon.Record) *fault {
	rec.Key = recon.Key{Kind: recon.KindReversal, ID: r.id(r.refundNo)}
	if rec.Key.ID == "" {
		rec.Key.ID = rec.Order
	}
	rec.ChannelTxn = r.id(r.refundTxn)
	if rec.ChannelTxn == "" {
		rec.ChannelTxn = r.at(r.txn)
	}
	rec.Status = recon.StatusSuccess
	if r.id(r.refundState) != "" {
		if f := r.refundStatus(rec); f != nil {
			return f
		}
	}
	if f := r.amount(rec, r.refundAmount); f != nil || rec.Amount.Minor != 0 {
		return f
	}
	return r.amount(rec, r.orderAmount)
}

func (r row) refundStatus(rec *recon.Record) *fault {
	switch r.at(r.refundState) {
	case "SUCCESS":
		rec.Status = recon.StatusSuccess
	case "PROCESSING":
		rec.Status = recon.StatusProcessing
	case "FAIL":
		rec.Status = recon.StatusFailed
	default:
		return &fault{r.refundState, "unknown refund state"}
	}
	return nil
}

// amount reads the booking's amount, which the channel writes without a sign in both directions.
func (r row) amount(rec *recon.Record, i int) *fault {
	currency, err := recon.ParseCurrency(r.at(r.currency))
	if err != nil {
		return &fault{r.currency, "unknown currency"}
	}
	if rec.Amount, err = recon.ParseMajor(r.at(i), currency); err != nil {
		return &fault{i, err.Error()}
	}
	if rec.Amount.Minor < 0 {
		return &fault{i, "negative amount"}
	}
	return nil
}

// fees reads the fee, negative where the channel gives it back.
func (r row) fees(rec *recon.Record) *fault {
	fee, err := recon.ParseMajor(r.at(r.fee), rec.Amount.Currency)
	if err != nil {
		return &fault{r.fee, err.Error()}
	}
	rec.Fee = &fee
	return nil
}

// scientific finds numbers like 4.2E+27. A merchant's number cannot hold a plus sign.
func scientific(text string) bool {
	mantissa, exponent, found := strings.Cut(strings.ToUpper(text), "E+")
	return found && digits(strings.Replace(mantissa, ".", "", 1)) && digits(exponent)
}

func digits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// wrongWidth says how a row differs from the header.
func wrongWidth(want, got int) string { return fmt.Sprintf("%d columns, the header has %d", got, want) }
