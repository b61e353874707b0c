package casework

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Case is the durable life of one break.
type Case struct {
	ID         string       `json:"id"`
	Version    int64        `json:"version"` // of the row; every line of its history adds one
	Batch      string       `json:"batch"`   // that found it last
	Statement  string       `json:"statement"`
	Channel    string       `json:"channel"`
	Account    string       `json:"account"`
	Day        string       `json:"day"`
	Break      recon.Break  `json:"break"`
	Class      recon.Class  `json:"class,omitempty"` // of three sides
	Key        recon.Key    `json:"key"`
	Occurrence int          `json:"occurrence"`
	Order      string       `json:"order,omitempty"`
	Gap        *recon.Money `json:"gap,omitempty"` // what the channel has more than the books; none where the currencies differ
	Label      Label        `json:"label"`         // derived from the gap
	State      State        `json:"state"`
	Resolution Resolution   `json:"resolution,omitempty"`
	Owner      string       `json:"owner,omitempty"`
	Expected   time.Time    `json:"expected"` // when the other side should have had it; age counts from here
	Opened     time.Time    `json:"opened"`
	Due        time.Time    `json:"due"`
	Closed     time.Time    `json:"closed,omitzero"`
	Detail     Detail       `json:"detail"`
	facts      string
}

// caseFields are the columns of a case behind its key.
func caseFields() []string {
	return strings.Split("version, batch, statement, channel, account, day, break_name, class, key_kind, key_id, occurrence, order_id, gap_minor, gap_currency, "+
		"state, resolution, owner, expected_us, opened_us, due_us, closed_us, facts, detail", ", ")
}

func caseColumns() string { return "id, " + strings.Join(caseFields(), ", ") }

// row gives the values of the key and the columns.
func (c *Case) row() ([]any, error) {
	part, err := partIn(c.ID)
	if err != nil {
		return nil, err
	}
	detail, err := json.Marshal(c.Detail)
	if err != nil {
		return nil, fmt.Errorf("encode case %s: %w", c.ID, err)
	}
	gap := recon.Money{}
	if c.Gap != nil {
		gap = *c.Gap
	}
	return []any{
		part, c.ID, c.Version, c.Batch, c.Statement, c.Channel, c.Account, c.Day, string(c.Break), string(c.Class), string(c.Key.Kind), c.Key.ID, c.Occurrence, c.Order,
		gap.Minor, string(gap.Currency), string(c.State), string(c.Resolution), c.Owner, store.Moment(c.Expected), store.Moment(c.Opened), store.Moment(c.Due),
		store.Moment(c.Closed), c.facts, detail,
	}, nil
}

func scanCase(row interface{ Scan(...any) error }) (c Case, err error) {
	var gap recon.Money
	var detail []byte
	var expected, opened, due, closed int64
	err = row.Scan(&c.ID, &c.Version, &c.Batch, &c.Statement, &c.Channel, &c.Account, &c.Day, &c.Break, &c.Class, &c.Key.Kind, &c.Key.ID, &c.Occurrence, &c.Order,
		&gap.Minor, &gap.Currency, &c.State, &c.Resolution, &c.Owner, &expected, &opened, &due, &closed, &c.facts, &detail)
	if err != nil {
		return c, err
	}
	if gap.Currency != "" {
		c.Gap = &gap
	}
	c.Label = LabelOf(c.Gap)
	c.Expected, c.Opened, c.Due, c.Closed = store.TimeOf(expected), store.TimeOf(opened), store.TimeOf(due), store.TimeOf(closed)
	if err := json.Unmarshal(detail, &c.Detail); err != nil {
		return c, fmt.Errorf("decode case %s: %w", c.ID, err)
	}
	return c, nil
}

// newCase is a case as it begins.
func newCase(b Batch, f *Finding, sla SLA, now time.Time) (*Case, error) {
	gap, err := f.gap()
	if err != nil {
		return nil, err
	}
	facts, err := f.facts()
	if err != nil {
		return nil, err
	}
	c := &Case{
		ID: caseID(b.Statement, f.Key, f.Occurrence, f.Break, f.Since), Version: 1, Batch: b.ID, Statement: b.Statement, Channel: b.Channel, Account: b.Account, Day: b.Day,
		Break: f.Break, Class: f.Class, Key: f.Key, Occurrence: f.Occurrence, Order: f.order(), Gap: gap, Label: LabelOf(gap), State: StateOpen,
		Expected: f.Expected, Opened: now, Detail: Detail{f.Records, f.Fields, f.Since, f.Why}, facts: facts,
	}
	if c.Expected.IsZero() {
		c.Expected = now
	}
	c.Due = sla.Due(c.Opened, c.Expected, c.Gap)
	return c, nil
}
