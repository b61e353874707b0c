package adapters

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
)

// Text writes what an adapter decodes as lines of Decoded, one record a line: for statements that no format describes and
// whose lines are looked at again. A record stands on the line that it has in the statement, so that whatever is said about
// the text is said about the statement. What was written counts only once the decoding ended without an error.
type Text struct {
	out     *bufio.Writer
	account []byte // the statement's
	line    []byte
	at      int // lines written
	records int64
	rejects int64
}

// NewText writes to w; Flush ends it. A record whose account the adapter leaves empty is of the statement's account.
func NewText(w io.Writer, account string) *Text {
	return &Text{out: bufio.NewWriterSize(w, 256<<10), account: []byte(account)}
}

// The columns of a decoded statement, in their order.
const (
	decodedKind     = "kind"
	decodedStatus   = "status"
	decodedCurrency = "currency"
	decodedAmount   = "amount"
	decodedFee      = "fee"
	decodedTime     = "time"
	decodedID       = "id"
	decodedOrder    = "order"
	decodedAccount  = "account"
	decodedTxn      = "channel_txn"
	decodedOriginal = "original"
	decodedSettled  = "settled"
)

const (
	decodedSeparator = '\t'
	decodedLayout    = "2006-01-02T15:04:05.000000Z07:00" // what entries keep of a time
)

// Decoded describes the lines that a Text writes.
func Decoded(channel string) *recon.FormatSpec {
	f := &recon.FormatSpec{
		Name: "decoded by the adapter", Lines: recon.LineRule{Separator: string(decodedSeparator)}, Header: recon.HeaderRule{None: true},
		KindIn: decodedKind, Channel: channel, Zone: "UTC", Layouts: []string{decodedLayout}, Dates: []string{time.DateOnly},
	}
	for _, name := range []string{
		decodedKind, decodedStatus, decodedCurrency, decodedAmount, decodedFee, decodedTime, decodedID, decodedOrder, decodedAccount, decodedTxn, decodedOriginal, decodedSettled,
	} {
		f.Columns = append(f.Columns, recon.Column{Name: name})
	}
	states := map[string]recon.Status{}
	for _, s := range recon.Statuses() {
		states[string(s)] = s
	}
	for _, k := range recon.Kinds() {
		f.Rows = append(f.Rows, recon.RowRule{
			Match: []string{string(k)}, Kind: k, Key: []string{decodedID}, Order: []string{decodedOrder}, Account: []string{decodedAccount}, ChannelTxn: []string{decodedTxn},
			Amount: recon.Amount{Columns: []string{decodedAmount}, Unit: recon.UnitMinor}, Fee: &recon.Amount{Columns: []string{decodedFee}, Unit: recon.UnitMinor},
			CurrencyIn: decodedCurrency, Status: recon.StatusMap{Column: decodedStatus, Values: states}, Time: []string{decodedTime},
			Original: []string{decodedOriginal}, Settled: decodedSettled,
		})
	}
	return f
}

// Columns takes a batch.
func (t *Text) Columns(c plugins.Columns) error {
	for i := range c.Len() {
		fee, hasFee := c.Fee(i)
		err := t.record(c.Line(i), c.Kind(i), c.Status(i), c.Amount(i), fee, hasFee, c.Time(i), [][]byte{
			c.ID(i), c.Order(i), t.accountOf(c.Account(i)), c.ChannelTxn(i), c.Original(i), c.Settled(i),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Record takes what an adapter of contract 1 gives.
func (t *Text) Record(r recon.Record) error {
	fee := recon.Money{}
	if r.Fee != nil {
		fee = *r.Fee
	}
	return t.record(r.Origin.Line, r.Key.Kind, r.Status, r.Amount, fee, r.Fee != nil, r.Time, [][]byte{
		[]byte(r.Key.ID), []byte(r.Order), t.accountOf([]byte(r.Account)), []byte(r.ChannelTxn), []byte(r.Original), []byte(r.Settled),
	})
}

func (t *Text) accountOf(said []byte) []byte {
	if len(said) == 0 {
		return t.account
	}
	return said
}

func (t *Text) record(line int, kind recon.Kind, status recon.Status, amount, fee recon.Money, hasFee bool, at time.Time, texts [][]byte) error {
	for _, text := range texts {
		if bytes.ContainsAny(text, "\t\r\n") {
			return t.reject(line, fmt.Sprintf("a value holds a tab or a line end: %q", text))
		}
	}
	if hasFee && fee.Currency != amount.Currency {
		return t.reject(line, fmt.Sprintf("the fee is in %s, the amount in %s", fee.Currency, amount.Currency))
	}
	b := append(t.line[:0], kind...)
	b = append(append(b, decodedSeparator), status...)
	b = append(append(b, decodedSeparator), amount.Currency...)
	b = strconv.AppendInt(append(b, decodedSeparator), amount.Minor, 10)
	if b = append(b, decodedSeparator); hasFee {
		b = strconv.AppendInt(b, fee.Minor, 10)
	}
	if b = append(b, decodedSeparator); !at.IsZero() {
		b = at.UTC().AppendFormat(b, decodedLayout)
	}
	for _, text := range texts {
		b = append(append(b, decodedSeparator), text...)
	}
	t.line = b
	t.records++
	return t.put(line)
}

// Reject takes a line that the adapter could not read: no reader of the text can, either, and each says the adapter's words.
func (t *Text) Reject(r recon.Reject) error {
	return t.reject(r.Origin.Line, fmt.Sprintf("%s: %s (got %q)", r.Field, r.Reason, r.Value))
}

func (t *Text) reject(line int, why string) error {
	t.line = append(t.line[:0], '?')
	for _, c := range []byte(why) {
		if c == '\t' || c == '\r' || c == '\n' {
			c = ' '
		}
		t.line = append(t.line, c)
	}
	t.rejects++
	return t.put(line)
}

// maxGap bounds how many lines in a row of a statement may be none of its records.
const maxGap = 1 << 20

// put writes the line where it belongs. A second record of one line stands on the next one.
func (t *Text) put(line int) error {
	if line-t.at > maxGap {
		return fmt.Errorf("line %d: the adapter says nothing about %d lines before it", line, line-t.at-1)
	}
	for ; t.at+1 < line; t.at++ {
		if err := t.out.WriteByte('\n'); err != nil {
			return fmt.Errorf("write decoded statement: %w", err)
		}
	}
	t.at++
	if _, err := t.out.Write(append(t.line, '\n')); err != nil {
		return fmt.Errorf("write decoded statement: %w", err)
	}
	return nil
}

// Flush ends the text. It must hold what the adapter said at its end that it decoded.
func (t *Text) Flush(said plugins.DecodeResult) error {
	if lines := said.Records + said.Rejects; lines != t.records+t.rejects {
		return fmt.Errorf("the adapter decoded %d lines and %d came", lines, t.records+t.rejects)
	}
	if err := t.out.Flush(); err != nil {
		return fmt.Errorf("write decoded statement: %w", err)
	}
	return nil
}
