package batch

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/rules"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// Readiness tells whether there is a file. Not ready is never an empty day.
type Readiness string

// The answers of a source.
const (
	Ready    Readiness = "ready"
	EmptyDay Readiness = "empty day"
	NotReady Readiness = "not ready"
)

// Fetched is what a source says about the bytes it wrote. It has checked them against the channel's own hash.
type Fetched struct {
	Readiness  Readiness
	Name       string        // of the file, for messages
	Declared   string        // the channel's own hash, "SHA1 79bb…"; "" = it declared none
	Adapter    string        // name and version of who fetched it; "" for a plain folder
	Why        string        // for NotReady: what the source saw
	RetryAfter time.Duration // for NotReady: not before this long; 0 = the profile's own pace
}

// Source is where statements come from: an adapter that speaks to the channel, or a folder.
type Source interface {
	// Fetch writes the statement's bytes as the channel sent them. Bytes written before an error are void.
	Fetch(ctx context.Context, id ID, w io.Writer) (Fetched, error)
	// Format says how the lines of the statement are read.
	Format(ctx context.Context, id ID) (*recon.FormatSpec, error)
}

// Books is our own side: a table, or a file.
type Books interface {
	// Open begins to read the books of the statement's account and day. o has what both sides must agree in; Books adds the
	// format and a name that no statement has.
	Open(ctx context.Context, id ID, o scan.Options) (*scan.Side, error)
}

// Profile is one line of statements: what an account gets from a channel, day by day.
type Profile struct {
	Channel string
	Account string
	Kind    string
	Zone    *time.Location // of days and hours

	// Hours of the day after the statement's.
	Provisional time.Duration // close on the books, and on what Callbacks names; < 0 = none
	From        time.Duration // the file is pulled from here on
	Due         time.Duration // without a file an alert is raised

	Every       time.Duration   // between two pulls
	Off         []time.Weekday  // days without a statement
	Calendar    *rules.Calendar // of business days; nil = none
	Business    bool            // a statement comes on business days of the Calendar only
	MaxRejected int64           // lines that cannot be read, beyond which a file is wrong as a whole

	Source   Source
	Books    Books
	Compared entry.Compared // beside key, amount, currency and state

	Callbacks *Callbacks // nil: a provisional close reads the books alone

	Rules *rules.Config // what is not a break; nil = every difference is one, and nothing is carried over the day
	First string        // the first day with rules, 2006-01-02: nothing is carried into it; "" = the first that is known
}

// ID names the profile's statement of a day.
func (p *Profile) ID(day string) ID { return ID{p.Channel, p.Account, p.Kind, day} }

// expects tells whether there is a statement of a day.
func (p *Profile) expects(day time.Time) (bool, error) {
	if slices.Contains(p.Off, day.Weekday()) {
		return false, nil
	}
	if !p.Business {
		return true, nil
	}
	return p.Calendar.Business(rules.DayOf(day.Date()))
}

// farthest is how many days apart two statements of a line may be.
const farthest = 60

// neighbour gives the next day with a statement in a direction: 1 is later, -1 earlier.
func (p *Profile) neighbour(day string, step int) (string, error) {
	date, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return "", fmt.Errorf("read day of statement: %w", err)
	}
	for range farthest {
		date = date.AddDate(0, 0, step)
		if is, err := p.expects(date); err != nil || is {
			return date.Format(time.DateOnly), err
		}
	}
	return "", fmt.Errorf("%s has no statement within %d days of %s", p.Channel, farthest, day)
}

// hour is a moment of the day after a statement's day.
func (p *Profile) hour(day time.Time, at time.Duration) time.Time {
	clock := time.Time{}.Add(at)
	return time.Date(day.Year(), day.Month(), day.Day()+1, clock.Hour(), clock.Minute(), clock.Second(), 0, p.Zone)
}
