package adapters

import (
	"errors"
	"fmt"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// Entries makes the engine's entries of what an adapter decodes, a batch at a time and without a record of each line: for
// statements that no format describes. The place of an entry is its line. What the sink took counts only once the decoding
// ended without an error.
type Entries struct {
	hasher   *entry.Hasher
	compared entry.Compared
	sink     scan.Sink
	reject   func(recon.Reject) error
	batch    []entry.Entry
	texts    []byte
	last     said
	label    entry.Label // of last
}

// said is what a label is made of; most lines say what the one before said.
type said struct {
	kind     recon.Kind
	status   recon.Status
	currency recon.Currency
}

// NewEntries hands entries to the sink, as worker 0, and rejects to reject.
func NewEntries(h *entry.Hasher, compared entry.Compared, sink scan.Sink, reject func(recon.Reject) error) (*Entries, error) {
	if compared.Has(entry.CompareFurther) {
		return nil, errors.New("further columns of a statement that an adapter decodes are not compared; try: without them")
	}
	return &Entries{hasher: h, compared: compared, sink: sink, reject: reject, batch: make([]entry.Entry, 0, plugins.MaxBatch)}, nil
}

// Reject hands a reject on.
func (e *Entries) Reject(r recon.Reject) error { return e.reject(r) }

// Record takes what an adapter of contract 1 gives.
func (e *Entries) Record(r recon.Record) error {
	one, err := e.hasher.Of(&r, uint64(r.Origin.Line), e.compared)
	if err != nil {
		return err
	}
	return e.sink.Take(0, append(e.batch[:0], one))
}

// Columns takes a batch.
func (e *Entries) Columns(c plugins.Columns) error {
	e.batch = e.batch[:0]
	for i := range c.Len() {
		label, err := e.labelOf(said{c.Kind(i), c.Status(i), c.Amount(i).Currency})
		if err != nil {
			return fmt.Errorf("line %d: %w", c.Line(i), err)
		}
		one := entry.Entry{Amount: c.Minor(i), At: entry.NewAt(uint64(c.Line(i)), label)}
		one.Tag, one.Rest = e.hasher.Key(int(label>>12), c.ID(i))
		if e.compared != 0 {
			e.texts = e.canonical(e.texts[:0], c, i)
			one.Rest ^= e.hasher.Texts(e.texts)
		}
		e.batch = append(e.batch, one)
	}
	return e.sink.Take(0, e.batch)
}

func (e *Entries) labelOf(s said) (entry.Label, error) {
	if s == e.last {
		return e.label, nil
	}
	label, ok := entry.NewLabel(s.kind, s.status, s.currency)
	if !ok {
		return 0, fmt.Errorf("kind %q, status %q or currency %q is unknown", s.kind, s.status, s.currency)
	}
	e.last, e.label = s, label
	return label, nil
}

// canonical appends what entry.Compared.Texts appends of the record.
func (e *Entries) canonical(b []byte, c plugins.Columns, i int) []byte {
	if e.compared.Has(entry.CompareFee) {
		fee, ok := c.Fee(i)
		b = entry.AppendNumber(b, ok, fee.Minor)
	}
	if e.compared.Has(entry.CompareTime) {
		at := c.Time(i)
		b = entry.AppendNumber(b, !at.IsZero(), at.UnixMicro())
	}
	if e.compared.Has(entry.CompareOrder) {
		b = entry.AppendText(b, c.Order(i))
	}
	if e.compared.Has(entry.CompareAccount) {
		b = entry.AppendText(b, c.Account(i))
	}
	if e.compared.Has(entry.CompareChannelTxn) {
		b = entry.AppendText(b, c.ChannelTxn(i))
	}
	return b
}
