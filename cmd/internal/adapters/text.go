package adapters

import (
	"bufio"
	"fmt"
	"io"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/lines"
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

// Decoded describes the lines that a Text writes.
func Decoded(channel string) *recon.FormatSpec {
	return lines.Format("decoded by the adapter", channel, false)
}

// Columns takes a batch.
func (t *Text) Columns(c plugins.Columns) error {
	for i := range c.Len() {
		l := lines.Line{
			Kind: c.Kind(i), Status: c.Status(i), Amount: c.Amount(i), Time: c.Time(i), ID: c.ID(i), Order: c.Order(i), Account: c.Account(i),
			ChannelTxn: c.ChannelTxn(i), Original: c.Original(i), Settled: c.Settled(i),
		}
		l.Fee, l.HasFee = c.Fee(i)
		if err := t.record(c.Line(i), &l); err != nil {
			return err
		}
	}
	return nil
}

// Record takes what an adapter of contract 1 gives.
func (t *Text) Record(r recon.Record) error {
	l := lines.Of(&r)
	return t.record(r.Origin.Line, &l)
}

func (t *Text) record(at int, l *lines.Line) error {
	if len(l.Account) == 0 {
		l.Account = t.account
	}
	if err := l.Check(); err != nil {
		return t.reject(at, err.Error())
	}
	t.line = l.Append(t.line[:0])
	t.records++
	return t.put(at)
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
	t.line = append(t.line, '\n')
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
	if _, err := t.out.Write(t.line); err != nil {
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
