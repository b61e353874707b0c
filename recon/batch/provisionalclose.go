package batch

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// ProvisionalClose is what is known of a day before its file is there. Nothing is decided by it.
type ProvisionalClose struct {
	At     time.Time     `json:"at"`
	Took   time.Duration `json:"took"`
	Books  SideTotals    `json:"books"`
	States []StateTotal  `json:"states,omitempty"` // of the books, where nothing else was looked at

	Heard *Heard `json:"heard,omitempty"` // nil: the books were looked at alone
	// SHA256 names the differences in the archive, a line of JSON each; "" = there are none.
	SHA256 string `json:"sha256,omitempty"`
}

// StateTotal is what the books have of one kind, state and currency.
type StateTotal struct {
	Kind     recon.Kind     `json:"kind"`
	Status   recon.Status   `json:"status"`
	Currency recon.Currency `json:"currency"`
	Count    int64          `json:"count"`
	Minor    int64          `json:"minor"`
}

// Heard is how the books stand against what the channel told and was asked.
type Heard struct {
	Events      SideTotals    `json:"events"`                 // callbacks, and answers that were there before
	Conflicts   int64         `json:"conflicts,omitempty"`    // messages that contradict an earlier one about the same booking
	Answers     []match.Total `json:"answers,omitempty"`      // what the channel had of what it was asked
	Asked       int64         `json:"asked,omitempty"`        // questions
	Agreed      []match.Total `json:"agreed,omitempty"`       //
	Differing   []BreakTotals `json:"differing,omitempty"`    // both have it, and not alike
	OnlyBooks   []OnlyBooks   `json:"only_books,omitempty"`   //
	OnlyChannel []match.Total `json:"only_channel,omitempty"` // it succeeded, and the books do not have it
	NotBooked   []match.Total `json:"not_booked,omitempty"`   // the books do not have it; it is under way, failed or closed
	Listed      int64         `json:"listed,omitempty"`       // differences in the archive
	Unlisted    int64         `json:"unlisted,omitempty"`     // that were too many for it
}

// Standing says why nothing vouches for a booking of the books.
type Standing string

// The standings of bookings that only the books have.
const (
	NeverHeard Standing = "never-heard" // the channel was asked and does not have it
	Unanswered Standing = "unanswered"  // it was asked and did not answer
	NotAsked   Standing = "not-asked"   // beyond the number or the time of questions, or of a kind that cannot be asked about
)

// Standings lists them.
func Standings() []Standing { return []Standing{NeverHeard, Unanswered, NotAsked} }

// OnlyBooks is what only the books have, by what the channel says to it.
type OnlyBooks struct {
	Standing Standing      `json:"standing"`
	Books    []match.Total `json:"books"`
}

// differing is how many bookings both sides have, and not alike.
func (h *Heard) differing() (n int64) {
	for i := range h.Differing {
		n += h.Differing[i].Count
	}
	return n
}

// String prints ", provisional: books 3, …", as recon status has it behind the statement.
func (p *ProvisionalClose) String() string {
	return "; provisional at " + p.At.UTC().Format(time.RFC3339) + ": " + p.Basis()
}

// Basis says it in words.
func (p *ProvisionalClose) Basis() string {
	if p.Heard == nil {
		parts := []string{fmt.Sprintf("%d records, %d rejected", p.Books.Records, p.Books.Rejected)}
		for _, t := range p.States {
			parts = append(parts, fmt.Sprintf("%s %s: %d, %d %s in minor units", t.Kind, t.Status, t.Count, t.Minor, t.Currency))
		}
		return strings.Join(parts, "; ")
	}
	h := p.Heard
	text := fmt.Sprintf("books %d, events %d, agreed %d", p.Books.Records, h.Events.Records, count(h.Agreed))
	for _, d := range h.Differing {
		text += fmt.Sprintf(", %s %d", d.Break, d.Count)
	}
	for _, o := range h.OnlyBooks {
		text += fmt.Sprintf(", only books %d %s", count(o.Books), o.Standing)
	}
	for _, other := range []struct {
		what string
		n    int64
	}{{"only channel", count(h.OnlyChannel)}, {"not booked", count(h.NotBooked)}, {"conflicts", h.Conflicts}, {"unreadable", p.Books.Rejected}, {"asked", h.Asked}, {"known when asked", count(h.Answers)}} {
		if other.n > 0 {
			text += fmt.Sprintf(", %s %d", other.what, other.n)
		}
	}
	return text
}

// readEarly gives the provisional close of a statement, or nil where there is none.
func readEarly(ctx context.Context, from store.Reader, id ID) (*ProvisionalClose, error) {
	var body []byte
	err := from.QueryRow(ctx, "SELECT body FROM provisional_closes WHERE statement = ?", id.String()).Scan(&body)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read provisional close of %s: %w", id, err)
	}
	p := &ProvisionalClose{}
	if err := json.Unmarshal(body, p); err != nil {
		return nil, fmt.Errorf("decode provisional close of %s: %w", id, err)
	}
	return p, nil
}
