package plugins

import (
	"fmt"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/seed-3356bd69/touchstone/plugins/internal/pb"
)

// unpackColumns reads a Columns message whose bytes stay those of the payload: the generated reader copies each column
// once, which costs as much as everything else. The payload must not change any more. Unknown fields are left out, as
// everywhere in protobuf.
func unpackColumns(payload []byte) (*pb.Columns, error) {
	b := &pb.Columns{}
	plain := map[protowire.Number]*[]byte{
		2: &b.Line, 3: &b.Kind, 4: &b.Status, 6: &b.Currency, 7: &b.Amount, 8: &b.FeeCurrency, 9: &b.Fee, 10: &b.Time,
		15: &b.Aliases, 19: &b.Booked, 21: &b.Further,
	}
	texts := map[protowire.Number]**pb.PackedText{
		11: &b.Account, 12: &b.Id, 13: &b.Order, 14: &b.ChannelTxn, 16: &b.AliasColumn, 17: &b.AliasValue, 18: &b.Original,
		20: &b.Settled, 22: &b.FurtherColumn, 23: &b.FurtherValue,
	}
	return b, eachField(payload, func(n protowire.Number, number uint64, value []byte) error {
		if to := plain[n]; to != nil {
			*to = value
		}
		if to := texts[n]; to != nil {
			*to = &pb.PackedText{}
			return unpackText(value, *to)
		}
		switch n {
		case 1:
			b.Count = uint32(min(number, MaxBatch+1))
		case 5:
			b.Currencies = append(b.Currencies, string(value))
		}
		return nil
	})
}

func unpackText(payload []byte, to *pb.PackedText) error {
	return eachField(payload, func(n protowire.Number, _ uint64, value []byte) error {
		switch n {
		case 1:
			to.Data = value
		case 2:
			to.Ends = value
		}
		return nil
	})
}

// eachField walks a message's fields: a number of varints, the bytes of others.
func eachField(b []byte, take func(n protowire.Number, number uint64, value []byte) error) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return fmt.Errorf("%w: unpack batch: %w", ErrContract, protowire.ParseError(size))
		}
		b = b[size:]
		var number uint64
		var value []byte
		switch kind {
		case protowire.VarintType:
			number, size = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			value, size = protowire.ConsumeBytes(b)
		default:
			size = protowire.ConsumeFieldValue(n, kind, b)
		}
		if size < 0 {
			return fmt.Errorf("%w: unpack batch: %w", ErrContract, protowire.ParseError(size))
		}
		b = b[size:]
		if err := take(n, number, value); err != nil {
			return err
		}
	}
	return nil
}

// aliasString gives bytes that never change again as a string, without a copy.
func aliasString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
