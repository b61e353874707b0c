package plugins

import (
	"fmt"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
	"github.com/seed-3356bd69/touchstone/recon"
)

// batchWriter packs records into columns.
type batchWriter struct {
	codes wireCodes
	b     *pb.Batch
	bytes int
}

func newBatchWriter() *batchWriter {
	return &batchWriter{codes: newCodes(), b: &pb.Batch{
		Account: &pb.TextColumn{}, Id: &pb.TextColumn{}, Order: &pb.TextColumn{}, ChannelTxn: &pb.TextColumn{},
		AliasColumn: &pb.TextColumn{}, AliasValue: &pb.TextColumn{},
	}}
}

func (w *batchWriter) full() bool  { return w.b.Count >= MaxBatch || w.bytes >= batchBytes }
func (w *batchWriter) empty() bool { return w.b.Count == 0 }

// add packs one record; on an error nothing of it is in the batch.
func (w *batchWriter) add(r *recon.Record) error {
	if err := checkRecord(r); err != nil {
		return err
	}
	kind, err := w.codes.kind(r.Key.Kind)
	if err != nil {
		return err
	}
	if kind > contract1Kinds {
		return fmt.Errorf("the host speaks contract 1, which has no %s", r.Key.Kind)
	}
	status, err := w.codes.status(r.Status)
	if err != nil {
		return err
	}
	at, err := timeCode(r.Time)
	if err != nil {
		return err
	}
	b := w.b
	currency, err := w.currency(r.Amount.Currency)
	if err != nil {
		return err
	}
	feeCurrency, fee := byte(0), int64(0)
	if r.Fee != nil {
		if feeCurrency, err = w.currency(r.Fee.Currency); err != nil {
			return err
		}
		fee = r.Fee.Minor
	}
	b.Line = append(b.Line, uint32(r.Origin.Line))
	b.Kind, b.Status = append(b.Kind, kind), append(b.Status, status)
	b.Currency, b.Amount = append(b.Currency, currency), append(b.Amount, r.Amount.Minor)
	b.FeeCurrency, b.Fee = append(b.FeeCurrency, feeCurrency), append(b.Fee, fee)
	b.Time = append(b.Time, at)
	w.texts(r)
	b.Count++
	return nil
}

func (w *batchWriter) texts(r *recon.Record) {
	b := w.b
	appendText(b.Account, r.Account)
	appendText(b.Id, r.Key.ID)
	appendText(b.Order, r.Order)
	appendText(b.ChannelTxn, r.ChannelTxn)
	w.bytes += len(r.Account) + len(r.Key.ID) + len(r.Order) + len(r.ChannelTxn)
	b.Aliases = append(b.Aliases, uint32(len(r.Aliases)))
	for _, a := range r.Aliases {
		appendText(b.AliasColumn, a.Column)
		appendText(b.AliasValue, a.Value)
		w.bytes += len(a.Column) + len(a.Value)
	}
}

// currency gives the code's index in the batch, from 1.
func (w *batchWriter) currency(c recon.Currency) (byte, error) {
	if _, err := c.Exponent(); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrContract, err)
	}
	i := slices.Index(w.b.Currencies, string(c))
	if i < 0 {
		i = len(w.b.Currencies)
		w.b.Currencies = append(w.b.Currencies, string(c))
	}
	if i >= math.MaxUint8 {
		return 0, fmt.Errorf("%w: more than %d currencies in a batch", ErrContract, math.MaxUint8)
	}
	return byte(i + 1), nil
}

// take appends the batch's bytes and starts an empty one.
func (w *batchWriter) take(to []byte) ([]byte, error) {
	payload, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(to, w.b)
	if err != nil {
		return nil, fmt.Errorf("pack batch: %w", err)
	}
	b := w.b
	for _, c := range []*pb.TextColumn{b.Account, b.Id, b.Order, b.ChannelTxn, b.AliasColumn, b.AliasValue} {
		resetText(c)
	}
	b.Count, b.Line, b.Kind, b.Status = 0, b.Line[:0], b.Kind[:0], b.Status[:0]
	b.Currencies, b.Currency, b.Amount = b.Currencies[:0], b.Currency[:0], b.Amount[:0]
	b.FeeCurrency, b.Fee, b.Time, b.Aliases = b.FeeCurrency[:0], b.Fee[:0], b.Time[:0], b.Aliases[:0]
	w.bytes = 0
	return payload, nil
}

// contract1Kinds is the number of kinds that contract 1 knows: payment, refund and reversal.
const contract1Kinds = 3

// maxAliases bounds the generated ids one record can carry.
const maxAliases = 64

// checkRecord holds a record of contract 1, on both sides of the wire, to the contract.
func checkRecord(r *recon.Record) error {
	if err := checkLists(r); err != nil {
		return err
	}
	row := rowOf(r)
	return row.check()
}

// checkLists holds what a record has beyond a row.
func checkLists(r *recon.Record) error {
	if max(len(r.Aliases), len(r.Further)) > maxAliases {
		return fmt.Errorf("%w: line %d: more than %d aliases or further columns", ErrContract, r.Origin.Line, maxAliases)
	}
	for _, a := range r.Aliases {
		if max(len(a.Column), len(a.Value)) > MaxText {
			return fmt.Errorf("%w: line %d: alias over %d bytes", ErrContract, r.Origin.Line, MaxText)
		}
	}
	for _, f := range r.Further {
		if max(len(f.Column), len(f.Value)) > MaxText {
			return fmt.Errorf("%w: line %d: further column over %d bytes", ErrContract, r.Origin.Line, MaxText)
		}
	}
	return nil
}
