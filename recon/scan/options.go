package scan

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// Options say how a statement is read.
type Options struct {
	Name     string // of the side or file, for messages; default: the file's name
	Table    bool   // Name is a table's: origins name its rows, not lines
	Format   *recon.FormatSpec
	Hasher   *entry.Hasher
	Compared entry.Compared // what goes into the entries beside key, amount, currency and state
	Full     bool           // read every field of every line, also those that are not compared
	Sums     []ColumnSum    // further columns to add up
	Check    Check          // of every record, where Full; nil = none
	Account  string         // rows of other accounts are rejects; "" accepts any
	Date     string         // the statement's day, 2006-01-02; needed where the file's times have no year
	Workers  int            // default 1
	Pin      bool           // workers of a mapped file stand on one processor each; workers of a stream never do
	Spool    string         // folder for what cannot be read twice (unpacked text); default: the system's for temporary files
	MaxLine  int            // bytes; default 1 MiB
	Keep     int            // rejects that are kept with all they say (the others are counted); default 1000
}

func (o Options) withDefaults() Options {
	if o.Workers < 1 {
		o.Workers = 1
	}
	if o.MaxLine <= 0 {
		o.MaxLine = 1 << 20
	}
	if o.Keep <= 0 {
		o.Keep = 1000
	}
	return o
}

func (o Options) check() error {
	if o.Format == nil || o.Hasher == nil {
		return fmt.Errorf("scan %s: no format or no hasher", o.Name)
	}
	if err := o.Format.Validate(); err != nil {
		return err
	}
	return o.day()
}

// day refuses a format whose times lack the year when nobody says which day the statement is of.
func (o Options) day() error {
	if o.Date != "" {
		if _, err := time.Parse(time.DateOnly, o.Date); err != nil {
			return fmt.Errorf("scan %s: date is not of the form %s (got %q)", o.Name, time.DateOnly, o.Date)
		}
		return nil
	}
	for _, layout := range slices.Concat(o.Format.Layouts, o.Format.Dates) {
		if !hasYear(layout) {
			return fmt.Errorf("times of %s have no year (%s): the statement's date is needed; try: --date %s", o.Format.Name, layout, time.DateOnly)
		}
	}
	return nil
}

// Sink takes the entries of a side. Calls with different workers may run at the same time; the batch is the sink's only
// until it returns.
type Sink interface {
	Take(worker int, batch []entry.Entry) error
}

// Result is what a scan says about a whole side.
type Result struct {
	Records     int64
	Rejected    int64
	Rejects     []recon.Reject   // the first Options.Keep
	Ignored     map[string]int64 // lines that are no bookings, by reason
	Totals      []Sum            // of the records, by label
	Control     []Control        // what the file states about itself, beside what was counted
	Sums        []int64          // of Options.Sums
	Comments    []Comment        // lines that are no rows, in order; at most some thousand
	Diagnostics []Diagnostic
	Bytes       int64 // of unpacked text
	Buffers     int64 // blocks of a stream that were allocated
	Reused      int64 // blocks of a stream that were used again
}

// Sum is the number and the money of the records with one label.
type Sum struct {
	Label entry.Label
	Count int64
	Minor int64 // sum of amounts
	Fee   int64 // sum of fees, where they were read
}

// Control is one figure a statement states about itself, beside the same figure counted over its lines.
type Control struct {
	Name     string
	Of       recon.TotalOf
	Declared int64 // a count, or minor units
	Counted  int64
	Currency recon.Currency // "" of a count
}

// Comment is a line that is no row.
type Comment struct {
	Line int
	Text string
}
