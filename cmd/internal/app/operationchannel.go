package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/casework"
)

// subject is what an operation's payload says beside what is asked of the service: which record of the channel shows that
// it happened.
type subject struct {
	Name    string           `json:"name,omitempty"` // of the operation at the service; "" = its id
	Channel string           `json:"channel,omitempty"`
	Account string           `json:"account,omitempty"`
	Kind    recon.Kind       `json:"kind,omitempty"` // of the record; "" = the channel cannot be asked, only the service
	ID      string           `json:"id,omitempty"`   // of the record: a refund's own number, a payment's order number
	Order   string           `json:"order,omitempty"`
	Origin  string           `json:"original,omitempty"` // the channel's id of the payment that money out belongs to; "" = any
	Time    time.Time        `json:"time,omitzero"`
	Amount  recon.Money      `json:"amount,omitzero"`  // of the record; zero = any
	Repair  *casework.Repair `json:"repair,omitempty"` // of a supplement
}

func subjectOf(o *batch.Operation) (*subject, error) {
	s := &subject{}
	if err := json.Unmarshal(o.Payload, s); err != nil {
		return nil, fmt.Errorf("read payload of %s: %w", o.ID, err)
	}
	if s.Name == "" {
		s.Name = o.ID
	}
	return s, nil
}

// operationChannel is where operations happen. Channels are asked through their adapters, which can only ask; what is sent
// goes to the payment service, which speaks to the channel over the path it always uses, or into the books.
//
//	question   channel's adapter ─not found─► service ─not found─► unheard
//	request    service (PUT, by the operation's name)            supplement: books
type operationChannel struct {
	adapters map[string]channelAdapter // by channel/account
	service  *operationService         // nil: nothing is sent
	books    *casework.Books           // nil: nothing is supplemented
	timeout  time.Duration
}

// Query asks the channel itself wherever it can be asked. The service is asked only about what the channel does not have:
// it may have taken the request and not have passed it on yet.
func (c *operationChannel) Query(ctx context.Context, o *batch.Operation) (batch.Told, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	s, err := subjectOf(o)
	if err != nil {
		return batch.Told{}, err
	}
	if o.Kind == batch.Supplement {
		return c.askSupplement(ctx, o, s)
	}
	if s.Kind == "" {
		return c.askService(ctx, o, s)
	}
	res, err := c.ask(ctx, s)
	if err != nil {
		return batch.Told{}, err
	}
	told, final, err := shown(o, s, &res)
	switch {
	case err != nil:
		return told, err
	case final && o.Kind == batch.Split && told.Known == batch.Done:
		return c.askRest(ctx, o, s)
	case final:
		return told, nil
	}
	told, err = c.askService(ctx, o, s)
	if err == nil && told.Known == batch.Done {
		told.Known = batch.Going // the service has done its part, the channel does not show it yet
	}
	return told, err
}

// askRest asks the service what a split left that the channel shows as done: a record of the channel does not say so.
func (c *operationChannel) askRest(ctx context.Context, o *batch.Operation, s *subject) (batch.Told, error) {
	told, err := c.askService(ctx, o, s)
	if err == nil && (told.Known == batch.Unheard || told.Known == batch.Refused) {
		return batch.Told{}, fmt.Errorf("the channel has %s %s, the service says %q of %s, so nobody says what it left; try: a person looks at it", s.Kind, s.ID, told.Known, o.ID)
	}
	return told, err
}

// ask asks the channel about the record.
func (c *operationChannel) ask(ctx context.Context, s *subject) (plugins.QueryResult, error) {
	a, ok := c.adapters[s.Channel+"/"+s.Account]
	if !ok {
		return plugins.QueryResult{}, fmt.Errorf("no adapter can ask channel %s about account %s; try: adapter, in channels of the configuration", s.Channel, s.Account)
	}
	return a.keeper.Query(ctx, plugins.QueryRequest{Account: s.Account, Kind: s.Kind, ID: s.ID, Order: s.Order, Time: s.Time, Settings: a.settings(s.Account)})
}

// shown reads the channel's answer. final is false where the channel shows nothing of the operation.
func shown(o *batch.Operation, s *subject, res *plugins.QueryResult) (told batch.Told, final bool, err error) {
	if !res.Found {
		return told, false, nil
	}
	if told.Raw, err = json.Marshal(res.State); err != nil {
		return told, false, fmt.Errorf("keep answer about %s: %w", o.ID, err)
	}
	status, amount := res.Record.Status, res.Record.Amount
	if o.Kind == batch.Reversal && s.Kind == recon.KindPayment { // the payment itself shows whether it was taken back
		told.Known = batch.Done
		return told, status == recon.StatusClosed || status == recon.StatusFailed, nil
	}
	if err := belongs(o, s, &res.Record); err != nil {
		return told, false, err
	}
	if s.Amount != (recon.Money{}) && s.Amount != amount {
		return told, false, fmt.Errorf("the channel has %s %s with %s, and %s is about %s; try: a person looks at it", s.Kind, s.ID, amount, o.ID, s.Amount)
	}
	switch status {
	case recon.StatusSuccess:
		told.Known = batch.Done
	case recon.StatusProcessing:
		told.Known = batch.Going
	case recon.StatusFailed, recon.StatusClosed:
		told.Known = batch.Refused
	default:
		return told, false, fmt.Errorf("the channel has %s %s as %q, which says nothing about %s", s.Kind, s.ID, status, o.ID)
	}
	return told, true, nil
}

// belongs tells whether the record is about the operation's payment: a mistyped number may be that of another refund.
func belongs(o *batch.Operation, s *subject, r *recon.Record) error {
	origin := s.Origin != "" && r.Original != ""
	order := s.Order != "" && r.Order != "" && r.Order != r.Key.ID // some channels give money out an order of its own, its number
	switch {
	case origin && r.Original != s.Origin:
		return fmt.Errorf("the channel has %s %s for payment %s, and %s is about %s; try: a person looks at it", s.Kind, s.ID, r.Original, o.ID, s.Origin)
	case order && r.Order != s.Order:
		return fmt.Errorf("the channel has %s %s for order %s, and %s is about %s; try: a person looks at it", s.Kind, s.ID, r.Order, o.ID, s.Order)
	case o.Kind == batch.Reversal && !origin && !order:
		return fmt.Errorf("the channel has %s %s and does not say for which payment, and %s takes back one; try: a person looks at it", s.Kind, s.ID, o.ID)
	}
	return nil
}

var errNoService = errors.New("nothing can be sent; try: operations.service in the configuration")

func (c *operationChannel) askService(ctx context.Context, o *batch.Operation, s *subject) (batch.Told, error) {
	if c.service == nil {
		return batch.Told{}, fmt.Errorf("operation %s: %w", o.ID, errNoService)
	}
	return c.service.look(ctx, s.Name)
}

// Send asks the service for the operation, or applies a supplement. The operation's name is its idempotency key.
func (c *operationChannel) Send(ctx context.Context, o *batch.Operation) (batch.Told, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	s, err := subjectOf(o)
	if err != nil {
		return batch.Told{}, err
	}
	if o.Kind == batch.Supplement {
		return c.supplement(ctx, s)
	}
	if c.service == nil {
		return batch.Told{}, fmt.Errorf("operation %s: %w", o.ID, errNoService)
	}
	told, err := c.service.send(ctx, s.Name, o)
	if err == nil && told.Known == batch.Done && s.Kind != "" {
		told.Known = batch.Going // the channel is asked whether it is so
	}
	return told, err
}

// askSupplement asks the books whether they have it, and then the channel whether they should.
func (c *operationChannel) askSupplement(ctx context.Context, o *batch.Operation, s *subject) (batch.Told, error) {
	if c.books == nil || s.Repair == nil || s.Repair.Answer == nil {
		return batch.Told{}, fmt.Errorf("operation %s: no books to supplement, or no repair with a channel's answer; try: operations.books in the configuration", o.ID)
	}
	standing, seen, err := c.books.Look(ctx, s.Repair)
	if err != nil {
		return batch.Told{}, err
	}
	told := batch.Told{Known: batch.Unheard}
	if told.Raw, err = json.Marshal(seen); err != nil {
		return told, fmt.Errorf("keep answer about %s: %w", o.ID, err)
	}
	switch standing {
	case casework.StandingApplied:
		told.Known = batch.Done
		return told, nil
	case casework.StandingRefused:
		told.Known = batch.Refused
		return told, nil
	}
	res, err := c.ask(ctx, s)
	if err != nil {
		return told, err
	}
	want := s.Repair.Answer
	if r := res.Record; !res.Found || r.Status != want.Status || r.Amount != want.Amount || r.ChannelTxn != want.ChannelTxn {
		told.Known = batch.Refused
		told.Raw, err = json.Marshal(fmt.Sprintf("the channel says %q %s now and said %q %s when it was proposed", r.Status, r.Amount, want.Status, want.Amount))
	}
	return told, err
}

// supplement changes the books, once for the repair's id, and never by its proposer alone.
func (c *operationChannel) supplement(ctx context.Context, s *subject) (batch.Told, error) {
	if c.books == nil || s.Repair == nil {
		return batch.Told{}, errNoService
	}
	if err := s.Repair.FourEyes(); err != nil {
		return batch.Told{}, err
	}
	err := c.books.Apply(ctx, s.Repair)
	if errors.Is(err, casework.ErrRefused) {
		raw, coded := json.Marshal(err.Error())
		return batch.Told{Known: batch.Refused, Raw: raw}, coded
	}
	return batch.Told{Known: batch.Done}, err
}
