package plugins

import (
	"bytes"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/seed-3356bd69/touchstone/recon"
)

// packer turns records into the batches of one contract version.
type packer interface {
	add(r *recon.Record) error // after an error nothing of the record is in the batch
	full() bool
	empty() bool
	take(to []byte) ([]byte, error) // appends the batch's bytes and starts an empty one
}

// columnWriter packs records of contract 2. Its columns of numbers have their room from the start.
type columnWriter struct {
	codes        wireCodes
	room         int // records
	count, bytes int
	line         lineWriter
	kind, status codeWriter
	currencies   []recon.Currency
	last         coded
	currency     codeWriter
	amount       intWriter
	feeCurrency  codeWriter
	fee          intWriter
	fees         bool // a record has one
	time, booked timeWriter
	elsewhere    bool // an order is not its record's id

	account, id, order, channelTxn packedWriter
	original, settled              packedWriter
	aliases                        []byte
	aliasColumn, aliasValue        packedWriter
	further                        []byte
	furtherColumn, furtherValue    packedWriter
}

func newColumnWriter(room int) *columnWriter {
	w := &columnWriter{codes: newCodes(), room: room, aliases: make([]byte, room), further: make([]byte, room)}
	w.line.lines = make([]uint32, room)
	for _, c := range []*codeWriter{&w.kind, &w.status, &w.currency, &w.feeCurrency} {
		c.codes = make([]byte, room)
	}
	for _, c := range []*intWriter{&w.amount, &w.fee} {
		c.values = make([]int64, room)
	}
	for _, c := range []*timeWriter{&w.time, &w.booked} {
		c.seconds, c.nanos = make([]int64, room), make([]int32, room)
	}
	return w
}

func (w *columnWriter) full() bool  { return w.count >= w.room || w.bytes >= batchBytes }
func (w *columnWriter) empty() bool { return w.count == 0 }

// add packs a record: a row, and the lists that only records have.
func (w *columnWriter) add(r *recon.Record) error {
	if err := checkLists(r); err != nil {
		return err
	}
	row := rowOf(r)
	if err := w.row(&row); err != nil {
		return err
	}
	if len(r.Aliases) > 0 || len(r.Further) > 0 {
		w.lists(w.count-1, r)
	}
	return nil
}

// row packs one row; on an error nothing of it is in the batch.
func (w *columnWriter) row(r *Row) error {
	if err := r.check(); err != nil {
		return err
	}
	if err := w.coded(r); err != nil {
		return err
	}
	i := w.count
	if err := w.time.put(i, r.Time); err != nil {
		return err
	}
	if err := w.booked.put(i, r.Booked); err != nil {
		return err
	}
	w.line.put(i, uint32(r.Line))
	w.kind.put(i, w.last.kind)
	w.status.put(i, w.last.status)
	w.currency.put(i, w.last.currency)
	w.amount.put(i, r.Amount.Minor)
	w.feeCurrency.put(i, w.last.feeCurrency)
	w.fees = w.fees || w.last.feeCurrency != 0
	w.fee.put(i, r.Fee.Minor)
	w.aliases[i], w.further[i] = 0, 0
	w.texts(r)
	w.count++
	return nil
}

// coded is what a row says in indexes. Most rows say what the one before said.
type coded struct {
	of                                  [4]string // kind, status, currency, currency of the fee
	kind, status, currency, feeCurrency byte
}

// coded puts the row's indexes into last.
func (w *columnWriter) coded(r *Row) (err error) {
	said := &w.last.of
	if w.last.kind != 0 && string(r.Kind) == said[0] && string(r.Status) == said[1] && string(r.Amount.Currency) == said[2] && string(r.Fee.Currency) == said[3] {
		return nil
	}
	var c coded
	if c.kind, err = w.codes.kind(r.Kind); err != nil {
		return err
	}
	if c.status, err = w.codes.status(r.Status); err != nil {
		return err
	}
	if c.currency, err = w.currencyCode(r.Amount.Currency); err != nil {
		return err
	}
	if r.Fee.Currency != "" {
		if c.feeCurrency, err = w.currencyCode(r.Fee.Currency); err != nil {
			return err
		}
	}
	c.of = [4]string{string(r.Kind), string(r.Status), string(r.Amount.Currency), string(r.Fee.Currency)}
	w.last = c
	return nil
}

func (w *columnWriter) texts(r *Row) {
	if !w.elsewhere && !bytes.Equal(r.Order, r.ID) {
		w.elsewhere = true
		w.order = w.id.clone()
	}
	if w.elsewhere {
		w.order.add(r.Order)
		w.bytes += len(r.Order)
	}
	w.account.add(r.Account)
	w.id.add(r.ID)
	w.channelTxn.add(r.ChannelTxn)
	w.original.add(r.Original)
	w.settled.add(r.Settled)
	w.bytes += len(r.Account) + len(r.ID) + len(r.ChannelTxn) + len(r.Original) + len(r.Settled)
}

func (w *columnWriter) lists(i int, r *recon.Record) {
	w.aliases[i], w.further[i] = byte(len(r.Aliases)), byte(len(r.Further))
	for _, a := range r.Aliases {
		w.aliasColumn.add(aliasBytes(a.Column))
		w.aliasValue.add(aliasBytes(a.Value))
		w.bytes += len(a.Column) + len(a.Value)
	}
	for _, f := range r.Further {
		w.furtherColumn.add(aliasBytes(f.Column))
		w.furtherValue.add(aliasBytes(f.Value))
		w.bytes += len(f.Column) + len(f.Value)
	}
}

// currencyCode gives the code's index in the batch, from 1.
func (w *columnWriter) currencyCode(c recon.Currency) (byte, error) {
	for i, known := range w.currencies {
		if known == c {
			return byte(i + 1), nil
		}
	}
	if _, err := c.Exponent(); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrContract, err)
	}
	if len(w.currencies) >= math.MaxUint8-1 {
		return 0, fmt.Errorf("%w: more than %d currencies in a batch", ErrContract, math.MaxUint8-1)
	}
	w.currencies = append(w.currencies, c)
	return byte(len(w.currencies)), nil
}

// take appends a Columns message. It is written by hand, as it is read: see unpackColumns.
func (w *columnWriter) take(to []byte) ([]byte, error) {
	n := w.count
	to = protowire.AppendVarint(protowire.AppendTag(to, 1, protowire.VarintType), uint64(n))
	to = w.line.append(to, 2, n)
	to = w.kind.append(to, 3, n)
	to = w.status.append(to, 4, n)
	for _, c := range w.currencies {
		to = appendField(to, 5, []byte(c))
	}
	to = w.currency.append(to, 6, n)
	to = w.amount.append(to, 7, n)
	if w.fees {
		to = w.fee.append(w.feeCurrency.append(to, 8, n), 9, n)
	}
	to = w.time.append(to, 10, n)
	to = w.account.append(to, 11)
	to = w.id.append(to, 12)
	if w.elsewhere {
		to = w.order.append(to, 13)
	}
	to = w.channelTxn.append(to, 14)
	if w.aliasColumn.count > 0 {
		to = w.aliasValue.append(w.aliasColumn.append(appendField(to, 15, w.aliases[:n]), 16), 17)
	}
	to = w.original.append(to, 18)
	to = w.booked.append(to, 19, n)
	to = w.settled.append(to, 20)
	if w.furtherColumn.count > 0 {
		to = w.furtherValue.append(w.furtherColumn.append(appendField(to, 21, w.further[:n]), 22), 23)
	}
	w.reset()
	return to, nil
}

func (w *columnWriter) reset() {
	for _, c := range []*packedWriter{
		&w.account, &w.id, &w.order, &w.channelTxn, &w.original, &w.settled, &w.aliasColumn, &w.aliasValue, &w.furtherColumn, &w.furtherValue,
	} {
		c.reset()
	}
	w.count, w.bytes, w.currencies = 0, 0, w.currencies[:0]
	w.fees, w.elsewhere, w.last = false, false, coded{}
	w.kind.varies, w.status.varies, w.currency.varies, w.feeCurrency.varies = 0, 0, 0, 0
	w.line.gaps, w.amount.wide, w.fee.wide = false, 0, 0
	for _, t := range []*timeWriter{&w.time, &w.booked} {
		t.some, t.wide = false, false
	}
}

// one packs a single record, as queries and events carry it.
func one(r recon.Record) ([]byte, error) {
	w := newColumnWriter(1)
	r.Origin = recon.Origin{Line: 1}
	if err := w.add(&r); err != nil {
		return nil, err
	}
	return w.take(nil)
}
