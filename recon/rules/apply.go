package rules

import (
	"io"
	"iter"

	"github.com/seed-3356bd69/touchstone/recon/match"
)

// Batch names what is reconciled day by day: the statements of one kind that one account gets from one channel.
type Batch struct {
	Channel string `json:"channel"`
	Account string `json:"account"`
	Kind    string `json:"kind"` // of statement, as the adapter names it
}

// In is what a day's batch found, and what came in.
type In struct {
	Batch Batch
	// Differences are those of two sides, ours first, by key and copy as match.Reconcile gives them to Each. Where
	// Config.Links they are asked for several times and must be the same each time (package replay keeps them); else once.
	// A difference given must not be changed afterwards.
	Differences iter.Seq2[*match.Difference, error]
	Found       []match.BreakTotals  // match.Result.Breaks of these differences: it may save passes. nil = not known
	Carried     CarriedIn            // what the batch before carried out
	Sheet       *Sheet               // sums of this day's statement for Config.Net, made by Config.NewSheet; nil = none came
	Each        func(*Outcome) error // is told every outcome, by key; it is valid until Each returns
	Carry       io.Writer            // gets what is carried out; after an error what was written is worth nothing
}

// CarriedIn is what an earlier day carried out. The zero value is that of a first day.
type CarriedIn struct {
	Open   func() (io.ReadCloser, error) // the bytes that Carry was given; opened several times
	Digest string                        // Out.Carried.Digest of that day
}

// Out says what Apply did. Apply has asserted that nothing was lost: what came in is what came out, on each side, in number
// and in money by kind and currency.
type Out struct {
	Day     Day             `json:"day"`
	Batch   Batch           `json:"batch"`
	In      [2]match.Totals `json:"-"`     // records that came in, of each side: of differences, and carried in
	Fates   []FateTotals    `json:"fates"` // in the order of Fates and Rules; none that are empty
	Carried CarriedOut      `json:"carried"`
	Late    [2]match.Totals `json:"-"`                 // of each side: what is carried out although its break is told, beside the fate Carried
	Caps    []CapUse        `json:"caps,omitempty"`    // of each tolerance
	Nets    []Net           `json:"nets,omitempty"`    // settlements that a statement's bookings make, by id
	History []DaySettled    `json:"history,omitempty"` // how many records of which earlier day this day brought to an end, by day
}

// Apply decides the fate of every difference of a day and of everything carried in. It is a pure function: the same input
// gives the same outcomes and bytes, so a day may be done again with a corrected file, from the same carried-in bytes.
//
// Each record gets the first of these that fits: settled by a record of the same key on another day; netted with its
// reversal; explained as a refund by id, a split, a settlement's bookings, a fee, a settlement line; tolerated; carried;
// broken. What is broken because the other side never came is carried on for Config.Late days, and is overdue on each of
// them. Memory does not grow with the differences, only with those that name each other (Config.MaxLinked at a time).
//
// An error means that nothing is known: outcomes that Each was told and bytes that Carry was given are to be dropped.
func Apply(day Day, cfg *Config, in In) (*Out, error) {
	r, err := newRun(day, cfg, in)
	if err != nil {
		return nil, err
	}
	return r.run()
}
