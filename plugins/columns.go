package plugins

import (
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// ColumnEmitter is an Emitter of the host's that takes a batch of records at a time, column by column, where the adapter
// speaks contract 2: for consumers that need no record of each line. Records come to it only from older adapters.
type ColumnEmitter interface {
	Emitter
	// Columns takes up to MaxBatch records, which keep the contract. They are valid until it returns.
	Columns(Columns) error
}

// Columns is a batch of records, by column. The bytes of texts are those of the message: whoever keeps them copies them.
// Generated ids and further columns are not among them.
type Columns struct{ r *columnReader }

// Len is the number of records; i below is from 0 to Len()-1.
func (c Columns) Len() int { return c.r.count }

// Line is the record's line in the file, from 1.
func (c Columns) Line(i int) int { return c.r.lines.at(i) }

// Kind is the record's kind.
func (c Columns) Kind(i int) recon.Kind { return c.r.kindAt(i) }

// Status is the record's state.
func (c Columns) Status(i int) recon.Status { return c.r.statusAt(i) }

// Amount is never negative.
func (c Columns) Amount(i int) recon.Money { return c.r.amountAt(i) }

// Minor is Amount's number of minor units.
func (c Columns) Minor(i int) int64 { return c.r.amounts.at(i) }

// Fee tells whether there is one, too.
func (c Columns) Fee(i int) (recon.Money, bool) { return c.r.feeAt(i) }

// Time is zero where the file lacks it.
func (c Columns) Time(i int) time.Time { return c.r.times.at(i) }

// ID is the record's key, beside its kind.
func (c Columns) ID(i int) []byte { return c.r.id.at(i) }

// Order is the merchant's order.
func (c Columns) Order(i int) []byte { return c.r.order.at(i) }

// Account is the merchant's account; empty = the statement's.
func (c Columns) Account(i int) []byte { return c.r.account.at(i) }

// ChannelTxn is the channel's id, or empty.
func (c Columns) ChannelTxn(i int) []byte { return c.r.channelTxn.at(i) }

// Original is the channel's id of the payment that money out belongs to, or empty.
func (c Columns) Original(i int) []byte { return c.r.original.at(i) }

// Settled is the settlement date, 2006-01-02, or empty.
func (c Columns) Settled(i int) []byte { return c.r.settled.at(i) }
