package plugins

import (
	"fmt"
	"math"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// Row is a recon.Record by its bytes, for decoders of millions of them. Its slices are read before RowEmitter.Row returns;
// the author may use their memory again. Generated ids (Aliases) and further columns need a Record.
type Row struct {
	Line     int // in the file, from 1
	Kind     recon.Kind
	Status   recon.Status
	Amount   recon.Money
	Fee      recon.Money // without a currency: there is none
	Time     time.Time
	Booked   time.Time
	Account  []byte
	ID       []byte // the record's key, beside Kind
	Order    []byte
	Original []byte
	Settled  []byte // 2006-01-02

	ChannelTxn []byte
}

// RowEmitter is an Emitter that takes rows as well. An error of Row is like one of Record.
type RowEmitter interface {
	Emitter
	Row(*Row) error
}

// Rows gives the emitter itself where it takes rows, as the one that Serve hands to Decode does, and else one that makes
// records of them.
func Rows(emit Emitter) RowEmitter {
	if rows, ok := emit.(RowEmitter); ok {
		return rows
	}
	return rowsAsRecords{emit}
}

type rowsAsRecords struct{ Emitter }

// Row makes a record of the row.
func (e rowsAsRecords) Row(r *Row) error { return e.Record(r.record()) }

func (r *Row) record() recon.Record {
	out := recon.Record{
		Account: string(r.Account), Key: recon.Key{Kind: r.Kind, ID: string(r.ID)}, Order: string(r.Order), ChannelTxn: string(r.ChannelTxn),
		Amount: r.Amount, Status: r.Status, Time: r.Time, Booked: r.Booked, Original: string(r.Original), Settled: string(r.Settled),
		Origin: recon.Origin{Line: r.Line},
	}
	if r.Fee.Currency != "" {
		fee := r.Fee
		out.Fee = &fee
	}
	return out
}

// rowOf gives a record as a row that shares its texts.
func rowOf(r *recon.Record) Row {
	row := Row{
		Line: r.Origin.Line, Kind: r.Key.Kind, Status: r.Status, Amount: r.Amount, Time: r.Time, Booked: r.Booked,
		Account: aliasBytes(r.Account), ID: aliasBytes(r.Key.ID), Order: aliasBytes(r.Order), ChannelTxn: aliasBytes(r.ChannelTxn),
		Original: aliasBytes(r.Original), Settled: aliasBytes(r.Settled),
	}
	if r.Fee != nil {
		row.Fee = *r.Fee
	}
	return row
}

// check holds a row to the contract, but for its kind, state, currencies and times, which are checked where they are packed.
func (r *Row) check() error {
	switch {
	case r.Line < 1 || r.Line > math.MaxUint32:
		return fmt.Errorf("%w: line %d", ErrContract, r.Line)
	case len(r.ID) == 0 || len(r.Order) == 0:
		return fmt.Errorf("%w: line %d: record without key or order", ErrContract, r.Line)
	case r.Amount.Minor < 0:
		return fmt.Errorf("%w: line %d: negative amount (the kind carries the direction)", ErrContract, r.Line)
	case max(len(r.Account), len(r.ID), len(r.Order), len(r.ChannelTxn), len(r.Original), len(r.Settled)) > MaxText:
		return fmt.Errorf("%w: line %d: text over %d bytes", ErrContract, r.Line, MaxText)
	}
	return nil
}
