package plugins

import (
	"fmt"
	"math"
	"slices"

	"github.com/seed-3356bd69/touchstone/recon"
)

// columnReader turns columns back into records. It believes nothing that open did not check.
type columnReader struct {
	*wireColumns
	codes       wireCodes
	known       []recon.Currency // of the batch
	alias, text int              // values of the lists that were read
	fees        []recon.Money    // one allocation for the batch
}

func openColumns(payload []byte) (*columnReader, error) {
	c, err := unpackColumns(payload)
	if err != nil {
		return nil, err
	}
	if c.count < 1 || c.count > MaxBatch {
		return nil, fmt.Errorf("%w: batch of %d records", ErrContract, c.count)
	}
	r := &columnReader{wireColumns: c, codes: newCodes()}
	if len(c.order.data) == 0 {
		c.order = c.id
	}
	for _, check := range []func() error{r.sizes, r.lengths, r.codesKnown, r.values} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// sizes checks that every column of numbers has one of its forms; the optional ones may be absent.
func (r *columnReader) sizes() error {
	n := r.count
	fees := len(r.feeCurrency) > 0
	for _, c := range []struct {
		name         string
		have         int
		narrow, full int
		optional     bool
	}{
		{"line", len(r.lines), 4, 4 * n, false}, {"kind", len(r.kinds), 1, n, false}, {"status", len(r.states), 1, n, false},
		{"currency", len(r.currency), 1, n, false}, {"amount", len(r.amounts.data), 4 * n, 8 * n, false},
		{"fee_currency", len(r.feeCurrency), 1, n, true}, {"fee", len(r.feeAmounts.data), 4 * n, 8 * n, !fees},
		{"time", len(r.times.data), 4 * n, 8 * n, true}, {"booked", len(r.bookings.data), 4 * n, 8 * n, true},
		{"aliases", len(r.aliases), n, n, true}, {"further", len(r.further), n, n, true},
	} {
		if c.have != c.full && c.have != c.narrow && (!c.optional || c.have != 0) {
			return fmt.Errorf("%w: column %s has %d bytes, not %d", ErrContract, c.name, c.have, c.full)
		}
	}
	r.amounts.wide, r.feeAmounts.wide = len(r.amounts.data) == 8*n, len(r.feeAmounts.data) == 8*n
	r.times.wide, r.bookings.wide = len(r.times.data) == 8*n, len(r.bookings.data) == 8*n
	return nil
}

// lengths checks the columns of texts.
func (r *columnReader) lengths() error {
	n := r.count
	aliases, err := counted("aliases", r.aliases)
	if err != nil {
		return err
	}
	further, err := counted("further", r.further)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		name string
		of   *packedTexts
		n    int
	}{
		{"account", &r.account, n}, {"id", &r.id, n}, {"order", &r.order, n}, {"channel_txn", &r.channelTxn, n},
		{"original", &r.original, n}, {"settled", &r.settled, n},
		{"alias_column", &r.aliasColumn, aliases}, {"alias_value", &r.aliasValue, aliases},
		{"further_column", &r.furtherColumn, further}, {"further_value", &r.furtherValue, further},
	} {
		if err := c.of.check(c.name, c.n); err != nil {
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

// codesKnown checks the columns of indexes.
func (r *columnReader) codesKnown() error {
	for _, c := range r.currencies {
		if _, err := recon.Currency(c).Exponent(); err != nil {
			return fmt.Errorf("%w: %w", ErrContract, err)
		}
		r.known = append(r.known, recon.Currency(c))
	}
	for _, c := range []struct {
		name        string
		codes       []byte
		first, last int
	}{
		{"kind", r.kinds, 1, len(r.codes.kinds)}, {"status", r.states, 1, len(r.codes.statuses)},
		{"currency", r.currency, 1, len(r.known)}, {"fee currency", r.feeCurrency, 0, len(r.known)},
	} {
		for _, code := range c.codes {
			if int(code) < c.first || int(code) > c.last {
				return fmt.Errorf("%w: %s code %d", ErrContract, c.name, code)
			}
		}
	}
	return nil
}

// values checks what no record may lack, as Row.check does on the other side.
func (r *columnReader) values() error {
	if r.id.hasEmpty() || r.order.hasEmpty() {
		return fmt.Errorf("%w: record without key or order", ErrContract)
	}
	for i := range r.count {
		if line := r.lines.at(i); line < 1 || line > math.MaxUint32 {
			return fmt.Errorf("%w: line %d", ErrContract, line)
		}
		if r.amounts.at(i) < 0 {
			return fmt.Errorf("%w: line %d: negative amount (the kind carries the direction)", ErrContract, r.lines.at(i))
		}
	}
	return nil
}

func (r *columnReader) size() int { return r.count }

// each hands the records out in order, with the origin they all share: one record, filled anew each time. Their texts are those of the payload, which must
// not change any more.
func (r *columnReader) each(channel string, shared recon.Origin, take func(*recon.Record) error) error {
	if len(r.feeCurrency) > 0 {
		r.fees = make([]recon.Money, r.count)
	}
	record := recon.Record{Channel: channel, Origin: shared}
	for i := range r.count {
		r.fill(i, &record)
		if err := take(&record); err != nil {
			return err
		}
	}
	return nil
}

// fill reads record i. They are read in order, for the sake of their lists.
func (r *columnReader) fill(i int, record *recon.Record) {
	record.Origin.Line = r.lines.at(i)
	record.Key = recon.Key{Kind: r.kindAt(i), ID: r.id.text(i)}
	record.Status, record.Amount = r.statusAt(i), r.amountAt(i)
	record.Fee = nil
	if fee, ok := r.feeAt(i); ok {
		r.fees[i] = fee
		record.Fee = &r.fees[i]
	}
	record.Time, record.Booked = r.times.at(i), r.bookings.at(i)
	record.Account, record.Order, record.ChannelTxn = r.account.text(i), r.order.text(i), r.channelTxn.text(i)
	record.Original, record.Settled = r.original.text(i), r.settled.text(i)
	record.Aliases, record.Further = nil, nil
	if len(r.aliases) > 0 {
		record.Aliases = r.aliasesOf(int(r.aliases[i]))
	}
	if len(r.further) > 0 {
		record.Further = r.furtherOf(int(r.further[i]))
	}
}

func (r *columnReader) kindAt(i int) recon.Kind     { return r.codes.kinds[r.kinds.at(i)-1] }
func (r *columnReader) statusAt(i int) recon.Status { return r.codes.statuses[r.states.at(i)-1] }

func (r *columnReader) amountAt(i int) recon.Money {
	return recon.Money{Minor: r.amounts.at(i), Currency: r.known[r.currency.at(i)-1]}
}

func (r *columnReader) feeAt(i int) (recon.Money, bool) {
	if len(r.feeCurrency) == 0 || r.feeCurrency.at(i) == 0 {
		return recon.Money{}, false
	}
	return recon.Money{Minor: r.feeAmounts.at(i), Currency: r.known[r.feeCurrency.at(i)-1]}, true
}

func (r *columnReader) aliasesOf(n int) []recon.Alias {
	var out []recon.Alias
	for range n {
		out = append(out, recon.Alias{Column: r.aliasColumn.text(r.alias), Value: r.aliasValue.text(r.alias)})
		r.alias++
	}
	return slices.Clip(out)
}

func (r *columnReader) furtherOf(n int) []recon.Text {
	var out []recon.Text
	for range n {
		out = append(out, recon.Text{Column: r.furtherColumn.text(r.text), Value: r.furtherValue.text(r.text)})
		r.text++
	}
	return slices.Clip(out)
}

// openOne unpacks the single record of a query or an event.
func openOne(payload []byte) (record recon.Record, err error) {
	r, err := openColumns(payload)
	if err != nil {
		return record, err
	}
	if r.size() != 1 {
		return record, fmt.Errorf("%w: %d records where one belongs", ErrContract, r.size())
	}
	err = r.each("", recon.Origin{}, func(one *recon.Record) error { record = *one; return nil })
	record.Origin = recon.Origin{}
	return record, err
}
