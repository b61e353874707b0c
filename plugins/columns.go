package plugins

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
	"github.com/seed-3356bd69/touchstone/recon"
)

// packer turns records into the batches of one contract version.
type packer interface {
	add(r *recon.Record) error // after an error nothing of the record is in the batch
	full() bool
	empty() bool
	take() ([]byte, error) // gives the batch's bytes and starts an empty one
}

// columnWriter packs records of contract 2.
type columnWriter struct {
	codes                 wireCodes
	count, bytes          int
	line, kind, status    []byte
	currencies            []string
	currency, amount      []byte
	feeCurrency, fee      []byte
	time, booked          []byte
	fees, times, bookings bool // columns that say something

	account, id, order, channelTxn packedWriter
	original, settled              packedWriter
	aliases                        []byte
	aliasColumn, aliasValue        packedWriter
	further                        []byte
	furtherColumn, furtherValue    packedWriter
}

func newColumnWriter() *columnWriter { return &columnWriter{codes: newCodes()} }

func (w *columnWriter) full() bool  { return w.count >= MaxBatch || w.bytes >= batchBytes }
func (w *columnWriter) empty() bool { return w.count == 0 }

func (w *columnWriter) add(r *recon.Record) error {
	if err := checkRecord(r); err != nil {
		return err
	}
	kind, err := w.codes.kind(r.Key.Kind)
	if err != nil {
		return err
	}
	status, err := w.codes.status(r.Status)
	if err != nil {
		return err
	}
	at, err := timeCode(r.Time)
	if err != nil {
		return err
	}
	booked, err := timeCode(r.Booked)
	if err != nil {
		return err
	}
	currency, err := w.currencyCode(r.Amount.Currency)
	if err != nil {
		return err
	}
	feeCurrency, fee := byte(0), int64(0)
	if r.Fee != nil {
		if feeCurrency, err = w.currencyCode(r.Fee.Currency); err != nil {
			return err
		}
		fee, w.fees = r.Fee.Minor, true
	}
	w.times, w.bookings = w.times || at != noTime, w.bookings || booked != noTime
	w.line = binary.LittleEndian.AppendUint32(w.line, uint32(r.Origin.Line))
	w.kind, w.status = append(w.kind, kind), append(w.status, status)
	w.currency, w.feeCurrency = append(w.currency, currency), append(w.feeCurrency, feeCurrency)
	w.amount, w.fee = appendInt(w.amount, r.Amount.Minor), appendInt(w.fee, fee)
	w.time, w.booked = appendInt(w.time, at), appendInt(w.booked, booked)
	w.texts(r)
	w.count++
	return nil
}

func appendInt(to []byte, n int64) []byte { return binary.LittleEndian.AppendUint64(to, uint64(n)) }

func (w *columnWriter) texts(r *recon.Record) {
	w.account.add(r.Account)
	w.id.add(r.Key.ID)
	w.order.add(r.Order)
	w.channelTxn.add(r.ChannelTxn)
	w.original.add(r.Original)
	w.settled.add(r.Settled)
	w.bytes += len(r.Account) + len(r.Key.ID) + len(r.Order) + len(r.ChannelTxn) + len(r.Original) + len(r.Settled)
	w.aliases = append(w.aliases, byte(len(r.Aliases)))
	for _, a := range r.Aliases {
		w.aliasColumn.add(a.Column)
		w.aliasValue.add(a.Value)
		w.bytes += len(a.Column) + len(a.Value)
	}
	w.further = append(w.further, byte(len(r.Further)))
	for _, f := range r.Further {
		w.furtherColumn.add(f.Column)
		w.furtherValue.add(f.Value)
		w.bytes += len(f.Column) + len(f.Value)
	}
}

// currencyCode gives the code's index in the batch, from 1.
func (w *columnWriter) currencyCode(c recon.Currency) (byte, error) {
	for i, known := range w.currencies {
		if known == string(c) {
			return byte(i + 1), nil
		}
	}
	if _, err := c.Exponent(); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrContract, err)
	}
	if len(w.currencies) >= math.MaxUint8-1 {
		return 0, fmt.Errorf("%w: more than %d currencies in a batch", ErrContract, math.MaxUint8-1)
	}
	w.currencies = append(w.currencies, string(c))
	return byte(len(w.currencies)), nil
}

func (w *columnWriter) take() ([]byte, error) {
	out := &pb.Columns{
		Count: uint32(w.count), Line: w.line, Kind: w.kind, Status: w.status, Currencies: w.currencies, Currency: w.currency,
		Amount: w.amount, Account: w.account.column(), Id: w.id.column(), Order: w.order.column(), ChannelTxn: w.channelTxn.column(),
		Original: w.original.column(), Settled: w.settled.column(),
	}
	if w.fees {
		out.FeeCurrency, out.Fee = w.feeCurrency, w.fee
	}
	if w.times {
		out.Time = w.time
	}
	if w.bookings {
		out.Booked = w.booked
	}
	if w.furtherColumn.count > 0 {
		out.Further, out.FurtherColumn, out.FurtherValue = w.further, w.furtherColumn.column(), w.furtherValue.column()
	}
	if w.aliasColumn.count > 0 {
		out.Aliases, out.AliasColumn, out.AliasValue = w.aliases, w.aliasColumn.column(), w.aliasValue.column()
	}
	payload, err := proto.MarshalOptions{Deterministic: true}.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("pack batch: %w", err)
	}
	w.reset()
	return payload, nil
}

func (w *columnWriter) reset() {
	for _, c := range []*[]byte{
		&w.line, &w.kind, &w.status, &w.currency, &w.amount, &w.feeCurrency, &w.fee, &w.time, &w.booked, &w.aliases, &w.further,
	} {
		*c = (*c)[:0]
	}
	for _, c := range []*packedWriter{
		&w.account, &w.id, &w.order, &w.channelTxn, &w.original, &w.settled, &w.aliasColumn, &w.aliasValue, &w.furtherColumn, &w.furtherValue,
	} {
		c.reset()
	}
	w.count, w.bytes, w.currencies = 0, 0, w.currencies[:0]
	w.fees, w.times, w.bookings = false, false, false
}

// one packs a single record, as queries and events carry it.
func one(r recon.Record) ([]byte, error) {
	w := newColumnWriter()
	r.Origin = recon.Origin{Line: 1}
	if err := w.add(&r); err != nil {
		return nil, err
	}
	return w.take()
}

// columnReader turns columns back into records. It believes nothing it did not check.
type columnReader struct {
	codes                          wireCodes
	b                              *pb.Columns
	currencies                     []recon.Currency
	account, id, order, channelTxn packedTexts
	original, settled              packedTexts
	aliasColumn, aliasValue        packedTexts
	furtherColumn, furtherValue    packedTexts
	alias, text                    int           // next of the columns above
	fees                           []recon.Money // one allocation for the batch
}

func openColumns(payload []byte) (*columnReader, error) {
	b, err := unpackColumns(payload)
	if err != nil {
		return nil, err
	}
	n := int(b.Count)
	if n < 1 || n > MaxBatch {
		return nil, fmt.Errorf("%w: batch of %d records", ErrContract, n)
	}
	r := &columnReader{codes: newCodes(), b: b}
	if err := r.numbers(n); err != nil {
		return nil, err
	}
	if err := r.columns(n); err != nil {
		return nil, err
	}
	for _, c := range b.Currencies {
		if _, err := recon.Currency(c).Exponent(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrContract, err)
		}
		r.currencies = append(r.currencies, recon.Currency(c))
	}
	if len(b.FeeCurrency) > 0 {
		r.fees = make([]recon.Money, n)
	}
	return r, nil
}

// numbers checks that every column of numbers has one for each record; the optional ones may be absent.
func (r *columnReader) numbers(n int) error {
	b := r.b
	for _, c := range []struct {
		name       string
		have, want int
		optional   bool
	}{
		{"line", len(b.Line), 4 * n, false}, {"kind", len(b.Kind), n, false}, {"status", len(b.Status), n, false},
		{"currency", len(b.Currency), n, false}, {"amount", len(b.Amount), 8 * n, false},
		{"fee_currency", len(b.FeeCurrency), n, true}, {"fee", len(b.Fee), 8 * n, len(b.FeeCurrency) == 0},
		{"time", len(b.Time), 8 * n, true}, {"booked", len(b.Booked), 8 * n, true},
		{"aliases", len(b.Aliases), n, true}, {"further", len(b.Further), n, true},
	} {
		if c.have != c.want && (!c.optional || c.have != 0) {
			return fmt.Errorf("%w: column %s has %d bytes, not %d", ErrContract, c.name, c.have, c.want)
		}
	}
	return nil
}

func (r *columnReader) columns(n int) error {
	aliases, err := counted("aliases", r.b.Aliases)
	if err != nil {
		return err
	}
	further, err := counted("further", r.b.Further)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		name string
		from *pb.PackedText
		to   *packedTexts
		n    int
	}{
		{"account", r.b.Account, &r.account, n}, {"id", r.b.Id, &r.id, n},
		{"order", r.b.Order, &r.order, n}, {"channel_txn", r.b.ChannelTxn, &r.channelTxn, n},
		{"original", r.b.Original, &r.original, n}, {"settled", r.b.Settled, &r.settled, n},
		{"alias_column", r.b.AliasColumn, &r.aliasColumn, aliases}, {"alias_value", r.b.AliasValue, &r.aliasValue, aliases},
		{"further_column", r.b.FurtherColumn, &r.furtherColumn, further}, {"further_value", r.b.FurtherValue, &r.furtherValue, further},
	} {
		if *c.to, err = readPacked(c.name, c.from, c.n); err != nil {
			return err
		}
	}
	return nil
}

// counted adds up how many values the records have in a column of lists.
func counted(name string, each []byte) (int, error) {
	n := 0
	for _, count := range each {
		if count > maxAliases {
			return 0, fmt.Errorf("%w: record with %d %s", ErrContract, count, name)
		}
		n += int(count)
	}
	return n, nil
}

func (r *columnReader) size() int { return int(r.b.Count) }

// each hands the records out in order, with the origin they all share.
func (r *columnReader) each(channel string, shared recon.Origin, take func(recon.Record) error) error {
	record := recon.Record{Channel: channel, Origin: shared} // filled anew for each, so that it is copied once only
	for i := range int(r.b.Count) {
		if err := r.fill(i, &record); err != nil {
			return err
		}
		if err := take(record); err != nil {
			return err
		}
	}
	return nil
}

func (r *columnReader) fill(i int, record *recon.Record) (err error) {
	b := r.b
	record.Origin.Line = int(binary.LittleEndian.Uint32(b.Line[4*i:]))
	if record.Key.Kind, err = r.codes.kindOf(b.Kind[i]); err != nil {
		return err
	}
	if record.Status, err = r.codes.statusOf(b.Status[i]); err != nil {
		return err
	}
	if record.Amount, err = r.money(b.Currency[i], intAt(b.Amount, i)); err != nil {
		return err
	}
	record.Fee = nil
	if r.fees != nil && b.FeeCurrency[i] != 0 {
		if r.fees[i], err = r.money(b.FeeCurrency[i], intAt(b.Fee, i)); err != nil {
			return err
		}
		record.Fee = &r.fees[i]
	}
	record.Time, record.Booked = timeAt(b.Time, i), timeAt(b.Booked, i)
	record.Account, record.Key.ID = r.account.at(i), r.id.at(i)
	record.Order, record.ChannelTxn = r.order.at(i), r.channelTxn.at(i)
	record.Original, record.Settled = r.original.at(i), r.settled.at(i)
	record.Aliases = nil
	if len(b.Aliases) > 0 {
		record.Aliases = r.aliasesOf(int(b.Aliases[i]))
	}
	record.Further = nil
	if len(b.Further) > 0 {
		record.Further = r.furtherOf(int(b.Further[i]))
	}
	return checkRecord(record)
}

func intAt(column []byte, i int) int64 { return int64(binary.LittleEndian.Uint64(column[8*i:])) }

func timeAt(column []byte, i int) (at time.Time) {
	if len(column) == 0 {
		return at
	}
	return timeOf(intAt(column, i))
}

func (r *columnReader) aliasesOf(n int) []recon.Alias {
	var out []recon.Alias
	for range n {
		out = append(out, recon.Alias{Column: r.aliasColumn.at(r.alias), Value: r.aliasValue.at(r.alias)})
		r.alias++
	}
	return slices.Clip(out)
}

func (r *columnReader) furtherOf(n int) []recon.Text {
	var out []recon.Text
	for range n {
		out = append(out, recon.Text{Column: r.furtherColumn.at(r.text), Value: r.furtherValue.at(r.text)})
		r.text++
	}
	return slices.Clip(out)
}

func (r *columnReader) money(code byte, minor int64) (recon.Money, error) {
	if code == 0 || int(code) > len(r.currencies) {
		return recon.Money{}, fmt.Errorf("%w: currency code %d", ErrContract, code)
	}
	return recon.Money{Minor: minor, Currency: r.currencies[code-1]}, nil
}

// openOne unpacks the single record of a query or an event.
func openOne(payload []byte) (recon.Record, error) {
	r, err := openColumns(payload)
	if err != nil {
		return recon.Record{}, err
	}
	if r.size() != 1 {
		return recon.Record{}, fmt.Errorf("%w: %d records where one belongs", ErrContract, r.size())
	}
	record := recon.Record{}
	err = r.fill(0, &record)
	record.Origin = recon.Origin{}
	return record, err
}
