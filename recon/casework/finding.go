package casework

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

// Batch is the version of a statement that findings come from.
type Batch struct {
	ID        string // of this version
	Statement string // of all versions: channel, account, kind and day
	Channel   string
	Account   string
	Kind      string // of the statement
	Day       string // 2006-01-02 in the channel's zone
	SHA256    string // of the raw file, hex
	Archive   string // where that is kept
}

// Finding is one break of a batch.
type Finding struct {
	match.Difference
	Expected time.Time // when the other side should have had it; zero = when the case is opened
	Since    string    // the earlier day whose batch first had it, 2006-01-02; "" = the batch's own
	Why      string    // what the rules found where they let it stand; "" = nothing
}

// Detail is what a case knows about its break, as it was found.
type Detail struct {
	Records []*recon.Record     `json:"records"` // internal, channel, shadow; nil = that side lacks it
	Fields  []match.FieldValues `json:"fields,omitempty"`
	Since   string              `json:"since,omitempty"` // the earlier day that first had it
	Why     string              `json:"why,omitempty"`   // the rules let it stand
}

// The sides of a case's records, in their order.
const (
	sideInternal = iota
	sideChannel
	sideShadow
)

// order is the merchant's order that the break is about.
func (f *Finding) order() string {
	for _, r := range f.Records {
		if r != nil && r.Order != "" {
			return r.Order
		}
	}
	return ""
}

// facts is a digest of what a person decides on: not of places in files, which every version of a file moves.
func (f *Finding) facts() (string, error) {
	type fact struct {
		Amount recon.Money
		Status recon.Status
		Order  string
		Fee    *recon.Money
	}
	all := struct {
		Break  recon.Break
		Class  recon.Class
		Fields []match.FieldValues
		Sides  []*fact
	}{Break: f.Break, Class: f.Class, Fields: f.Fields}
	for _, r := range f.Records {
		var one *fact
		if r != nil {
			one = &fact{r.Amount, r.Status, r.Order, r.Fee}
		}
		all.Sides = append(all.Sides, one)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("encode facts of %s: %w", f.Key, err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// gap is what the channel has more than the books, of bookings that succeeded: signed, in the channel's direction. It is
// nil where the two are in different currencies.
func (f *Finding) gap() (*recon.Money, error) {
	internal, channel := effect(f.Records, sideInternal), effect(f.Records, sideChannel)
	switch {
	case internal == nil && channel == nil:
		return nil, nil
	case internal == nil:
		return channel, nil
	case channel == nil:
		gap := internal.Neg()
		return &gap, nil
	case internal.Currency != channel.Currency:
		return nil, nil
	}
	gap, err := channel.Add(internal.Neg())
	if err != nil {
		return nil, fmt.Errorf("gap of %s: %w", f.Key, err)
	}
	return &gap, nil
}

// effect is what a side's record moves, or nil where the side lacks it.
func effect(records []*recon.Record, side int) *recon.Money {
	if side >= len(records) || records[side] == nil {
		return nil
	}
	r := records[side]
	out := recon.Money{Currency: r.Amount.Currency}
	if r.Status == recon.StatusSuccess {
		out.Minor = r.Key.Kind.Direction() * r.Amount.Minor
	}
	return &out
}
