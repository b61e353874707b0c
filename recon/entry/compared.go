package entry

import (
	"encoding/binary"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Compared says which fields of records are compared beside key, amount, currency and state: those that every side of a
// run has. It is one for all sides, since the fields go into each entry's hash.
type Compared uint8

// The fields that a run can compare.
const (
	CompareFee Compared = 1 << iota
	CompareTime
	CompareOrder
	CompareAccount
	CompareChannelTxn
	CompareFurther
)

// Has tells whether a field is compared.
func (c Compared) Has(field Compared) bool { return c&field != 0 }

// Texts appends the canonical form of the compared fields: always the same fields in the same order, each of a fixed
// width or with its length in front.
func (c Compared) Texts(b []byte, r *recon.Record) []byte {
	if c.Has(CompareFee) {
		fee := int64(0)
		if r.Fee != nil {
			fee = r.Fee.Minor
		}
		b = AppendNumber(b, r.Fee != nil, fee)
	}
	if c.Has(CompareTime) {
		b = AppendNumber(b, !r.Time.IsZero(), r.Time.UnixMicro())
	}
	if c.Has(CompareOrder) {
		b = AppendText(b, []byte(r.Order))
	}
	if c.Has(CompareAccount) {
		b = AppendText(b, []byte(r.Account))
	}
	if c.Has(CompareChannelTxn) {
		b = AppendText(b, []byte(r.ChannelTxn))
	}
	if c.Has(CompareFurther) {
		for i := range r.Further {
			b = AppendText(b, []byte(r.Further[i].Value))
		}
	}
	return b
}

// AppendText appends a value with its length in front, so that ("x0","y") is never ("x","0y").
func AppendText(b, value []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(value)))
	return append(b, value...)
}

// AppendNumber appends a number (minor units of a fee, microseconds since 1970), or that there is none.
func AppendNumber(b []byte, present bool, n int64) []byte {
	if !present {
		return append(b, 0)
	}
	return binary.LittleEndian.AppendUint64(append(b, 1), uint64(n))
}
