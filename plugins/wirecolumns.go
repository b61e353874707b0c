package plugins

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// wireColumns is a Columns message whose bytes stay those of the payload: the generated reader copies each column once,
// which costs as much as everything else. Unknown fields are left out, as everywhere in protobuf.
type wireColumns struct {
	count                                int
	lines                                lineColumn
	kinds, states, currency, feeCurrency codeColumn
	amounts, feeAmounts                  intColumn
	times, bookings                      timeColumn
	aliases, further                     []byte
	currencies                           []string
	account, id, order, channelTxn       packedTexts
	original, settled                    packedTexts
	aliasColumn, aliasValue              packedTexts
	furtherColumn, furtherValue          packedTexts
}

func unpackColumns(payload []byte) (*wireColumns, error) {
	c := &wireColumns{}
	return c, eachField(payload, func(n protowire.Number, number uint64, value []byte) error {
		switch n {
		case 1:
			c.count = int(min(number, MaxBatch+1))
		case 5:
			c.currencies = append(c.currencies, string(value))
		default:
			if to := c.numbers(n); to != nil {
				*to = value
			}
			if to := c.texts(n); to != nil {
				return to.unpack(value)
			}
		}
		return nil
	})
}

// numbers gives the column of numbers with this field's number, or nil.
func (c *wireColumns) numbers(n protowire.Number) *[]byte {
	switch n {
	case 2:
		return (*[]byte)(&c.lines)
	case 3:
		return (*[]byte)(&c.kinds)
	case 4:
		return (*[]byte)(&c.states)
	case 6:
		return (*[]byte)(&c.currency)
	case 7:
		return &c.amounts.data
	case 8:
		return (*[]byte)(&c.feeCurrency)
	case 9:
		return &c.feeAmounts.data
	case 10:
		return &c.times.data
	case 15:
		return &c.aliases
	case 19:
		return &c.bookings.data
	case 21:
		return &c.further
	}
	return nil
}

// texts gives the column of texts with this field's number, or nil.
func (c *wireColumns) texts(n protowire.Number) *packedTexts {
	switch n {
	case 11:
		return &c.account
	case 12:
		return &c.id
	case 13:
		return &c.order
	case 14:
		return &c.channelTxn
	case 16:
		return &c.aliasColumn
	case 17:
		return &c.aliasValue
	case 18:
		return &c.original
	case 20:
		return &c.settled
	case 22:
		return &c.furtherColumn
	case 23:
		return &c.furtherValue
	}
	return nil
}

func (t *packedTexts) unpack(payload []byte) error {
	*t = packedTexts{}
	return eachField(payload, func(n protowire.Number, number uint64, value []byte) error {
		switch n {
		case 1:
			t.data = value
		case 2:
			t.ends = value
		case 3:
			t.width = int(min(number, MaxText+1))
		}
		return nil
	})
}

// eachField walks a message's fields: a number of varints, the bytes of others.
func eachField(b []byte, take func(n protowire.Number, number uint64, value []byte) error) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return fmt.Errorf("%w: unpack message: %w", ErrContract, protowire.ParseError(size))
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
			return fmt.Errorf("%w: unpack message: %w", ErrContract, protowire.ParseError(size))
		}
		b = b[size:]
		if err := take(n, number, value); err != nil {
			return err
		}
	}
	return nil
}
