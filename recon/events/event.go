package events

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/lines"
)

// Source says how an event came.
type Source string

// The sources of events.
const (
	Callback Source = "callback" // the channel sent it
	Answer   Source = "answer"   // the channel was asked
)

// Event is one booking as the channel told of it. Line and the record's key say which it is.
type Event struct {
	Line     string       `json:"-"` // of statements: channel/account/kind
	Day      string       `json:"-"` // whose statement will have it, 2006-01-02 in the statement's zone
	Record   recon.Record `json:"record"`
	Source   Source       `json:"source"`
	SHA256   string       `json:"sha256"` // of the message as it came, hex
	Received time.Time    `json:"received"`
}

// ErrUnfit means that what was told is no booking that could be kept and compared.
var ErrUnfit = errors.New("is no event that can be kept")

// maxKey is how many bytes of a key the store takes.
const maxKey = 255

// New makes an event of what a channel told. It belongs to the day on which it was booked, as the channel's clock has it;
// of a record without a time, to the day on which it came.
func New(line string, zone *time.Location, record recon.Record, source Source, sha256 string, received time.Time) (Event, error) {
	if err := check(&record); err != nil {
		return Event{}, err
	}
	at := record.Booked
	for _, next := range []time.Time{record.Time, received} {
		if at.IsZero() {
			at = next
		}
	}
	return Event{Line: line, Day: at.In(zone).Format(time.DateOnly), Record: record, Source: source, SHA256: sha256, Received: received}, nil
}

func check(r *recon.Record) error {
	_, kind := recon.ParseKind(string(r.Key.Kind))
	_, status := recon.ParseStatus(string(r.Status))
	_, currency := recon.ParseCurrency(string(r.Amount.Currency))
	if err := cmp.Or(kind, status, currency); err != nil {
		return fmt.Errorf("%w: %w", ErrUnfit, err)
	}
	switch {
	case r.Key.ID == "" || len(r.Key.ID) > maxKey:
		return fmt.Errorf("%w: key: has %d bytes (1 to %d)", ErrUnfit, len(r.Key.ID), maxKey)
	case r.Amount.Minor < 0:
		return fmt.Errorf("%w: amount: is negative (got %d)", ErrUnfit, r.Amount.Minor)
	}
	l := lines.Of(r)
	if err := l.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnfit, err)
	}
	return nil
}

// timed tells whether the record itself says on which day it was booked.
func (e *Event) timed() bool { return !e.Record.Booked.IsZero() || !e.Record.Time.IsZero() }

// name is what an event is kept under.
type name struct {
	line string
	key  recon.Key
}

func (e *Event) name() name { return name{e.Line, e.Record.Key} }

// compare orders names: by key first, as the store does.
func (n name) compare(o name) int {
	return cmp.Or(strings.Compare(n.key.ID, o.key.ID), strings.Compare(n.line, o.line), strings.Compare(string(n.key.Kind), string(o.key.Kind)))
}
