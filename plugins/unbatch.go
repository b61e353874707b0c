package plugins

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
	"github.com/seed-3356bd69/touchstone/recon"
)

// batchReader turns the columns of one batch back into records. It believes nothing it did not check.
type batchReader struct {
	codes                          wireCodes
	b                              *pb.Batch
	account, id, order, channelTxn texts
	aliasColumn, aliasValue        texts
	currencies                     []recon.Currency
	alias                          int
}

func openBatch(payload []byte) (*batchReader, error) {
	b := &pb.Batch{}
	if err := proto.Unmarshal(payload, b); err != nil {
		return nil, fmt.Errorf("%w: unpack batch: %w", ErrContract, err)
	}
	n := int(b.Count)
	if n < 1 || n > MaxBatch {
		return nil, fmt.Errorf("%w: batch of %d records", ErrContract, n)
	}
	r := &batchReader{codes: newCodes(), b: b}
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
	return r, nil
}

// numbers checks that every column of numbers has one for each record.
func (r *batchReader) numbers(n int) error {
	b := r.b
	for name, have := range map[string]int{
		"line": len(b.Line), "kind": len(b.Kind), "currency": len(b.Currency), "amount": len(b.Amount),
		"fee_currency": len(b.FeeCurrency), "fee": len(b.Fee), "status": len(b.Status), "time": len(b.Time), "aliases": len(b.Aliases),
	} {
		if have != n {
			return fmt.Errorf("%w: column %s has %d values of %d", ErrContract, name, have, n)
		}
	}
	return nil
}

func (r *batchReader) columns(n int) error {
	aliases := 0
	for _, count := range r.b.Aliases {
		if count > maxAliases {
			return fmt.Errorf("%w: record with %d aliases", ErrContract, count)
		}
		aliases += int(count)
	}
	for _, c := range []struct {
		name string
		from *pb.TextColumn
		to   *texts
		n    int
	}{
		{"account", r.b.Account, &r.account, n},
		{"id", r.b.Id, &r.id, n},
		{"order", r.b.Order, &r.order, n},
		{"channel_txn", r.b.ChannelTxn, &r.channelTxn, n},
		{"alias_column", r.b.AliasColumn, &r.aliasColumn, aliases},
		{"alias_value", r.b.AliasValue, &r.aliasValue, aliases},
	} {
		t, err := readTexts(c.name, c.from, c.n)
		if err != nil {
			return err
		}
		*c.to = t
	}
	return nil
}

func (r *batchReader) size() int { return int(r.b.Count) }

// each hands the records out in order, with the origin they all share.
func (r *batchReader) each(channel string, shared recon.Origin, take func(*recon.Record) error) error {
	for i := range int(r.b.Count) {
		record, err := r.record(i)
		if err != nil {
			return err
		}
		line := record.Origin.Line
		record.Channel, record.Origin = channel, shared
		record.Origin.Line = line
		if err := take(&record); err != nil {
			return err
		}
	}
	return nil
}

func (r *batchReader) record(i int) (record recon.Record, err error) {
	b := r.b
	if record.Key.Kind, err = r.codes.kindOf(b.Kind[i]); err != nil {
		return record, err
	}
	if record.Status, err = r.codes.statusOf(b.Status[i]); err != nil {
		return record, err
	}
	if record.Amount, err = r.money(b.Currency[i], b.Amount[i]); err != nil {
		return record, err
	}
	if b.FeeCurrency[i] != 0 {
		fee, err := r.money(b.FeeCurrency[i], b.Fee[i])
		if err != nil {
			return record, err
		}
		record.Fee = &fee
	}
	record.Account, record.Key.ID = r.account.at(i), r.id.at(i)
	record.Order, record.ChannelTxn = r.order.at(i), r.channelTxn.at(i)
	record.Time = timeOf(b.Time[i])
	record.Origin.Line = int(b.Line[i])
	for range b.Aliases[i] {
		record.Aliases = append(record.Aliases, recon.Alias{Column: r.aliasColumn.at(r.alias), Value: r.aliasValue.at(r.alias)})
		r.alias++
	}
	return record, checkRecord(&record)
}

func (r *batchReader) money(code byte, minor int64) (recon.Money, error) {
	if code == 0 || int(code) > len(r.currencies) {
		return recon.Money{}, fmt.Errorf("%w: currency code %d", ErrContract, code)
	}
	return recon.Money{Minor: minor, Currency: r.currencies[code-1]}, nil
}
