package app

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/telemetry"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// operatedRepairs is a target whose repairs are operations: a worker on the same store carries them out, asks the channel
// first, and asks again after whatever cut it short. The repair's id is the operation's request number and its name at the
// service.
type operatedRepairs struct {
	desk *casework.Desk
	kind batch.OperationKind
}

func (t *operatedRepairs) id(r *casework.Repair) (string, error) {
	return batch.OperationID(t.kind, r.Case, r.ID)
}

// Look reads how the operation stands.
func (t *operatedRepairs) Look(ctx context.Context, r *casework.Repair) (casework.Standing, string, error) {
	id, err := t.id(r)
	if err != nil {
		return "", "", err
	}
	o, err := batch.ReadOperation(ctx, t.desk.DB, id)
	if errors.Is(err, sql.ErrNoRows) {
		return casework.StandingReady, "no operation was ordered", nil
	}
	if err != nil {
		return "", "", err
	}
	said := fmt.Sprintf("operation %s is %s: %s", id, o.State, o.Answer)
	switch o.State {
	case batch.Success:
		return casework.StandingApplied, said, nil
	case batch.Failed:
		return casework.StandingRefused, said, nil
	}
	return "", "", fmt.Errorf("%w: %s", casework.ErrUnderWay, said)
}

// Apply orders the operation, or finds that it is ordered.
func (t *operatedRepairs) Apply(ctx context.Context, r *casework.Repair) error {
	if err := r.FourEyes(); err != nil {
		return err
	}
	id, err := t.id(r)
	if err != nil {
		return err
	}
	c, err := t.desk.Get(ctx, r.Case)
	if err != nil {
		return err
	}
	payload, err := t.payload(&c, r)
	if err != nil {
		return err
	}
	now := t.desk.Now()
	err = t.desk.DB.Tx(ctx, func(tx *store.Tx) error {
		_, err := batch.Order(ctx, tx, &batch.Operation{ID: id, Kind: t.kind, Payload: payload}, now, r.Approver, "repair "+r.ID+" of case "+r.Case, now)
		return err
	})
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: operation %s", casework.ErrUnderWay, id)
}

// callRefund is the key of a reversal's call that says under which number the channel shows the money going back.
const callRefund = "refund"

// ordered is the payload: what the channel is asked, and what the service is told.
type ordered struct {
	subject
	RepairID string            `json:"id_of_repair"`
	Case     string            `json:"case"`
	Reason   string            `json:"reason"`
	Call     map[string]string `json:"call,omitempty"`
}

// payload is the same each time: it holds nothing of a repair that changes once it is approved.
func (t *operatedRepairs) payload(c *casework.Case, r *casework.Repair) (json.RawMessage, error) {
	out := ordered{
		subject:  subject{Name: r.ID, Channel: c.Channel, Account: c.Account, Kind: c.Key.Kind, ID: c.Key.ID, Order: c.Order},
		RepairID: r.ID, Case: r.Case, Reason: r.Proposal.Reason, Call: r.Proposal.Call,
	}
	for _, record := range c.Detail.Records {
		if record != nil && out.Time.IsZero() {
			out.Time = record.Time
		}
	}
	if number := r.Proposal.Call[callRefund]; t.kind == batch.Reversal && number != "" {
		out.Kind, out.subject.ID = recon.KindRefund, number
		out.Amount, out.Origin = takenBack(c.Detail.Records)
	}
	if t.kind == batch.Supplement {
		out.Repair = &casework.Repair{ID: r.ID, Case: r.Case, State: casework.RepairApplying, Proposal: r.Proposal, Answer: r.Answer, Proposer: r.Proposer, Approver: r.Approver}
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("describe repair %s: %w", r.ID, err)
	}
	return text, nil
}

// takenBack is the whole of what the channel took, and its id of that; where it lacks the payment, what
// the books have of it.
func takenBack(records []*recon.Record) (amount recon.Money, origin string) {
	if len(records) > 1 && records[1] != nil {
		return records[1].Amount, records[1].ChannelTxn
	}
	if len(records) > 0 && records[0] != nil {
		amount = records[0].Amount
	}
	return amount, ""
}

const followEvery = time.Second

// followRepairs ends repairs whose operations came to their end.
func followRepairs(ctx context.Context, operated bool, desk *casework.Desk, log *slog.Logger) error {
	if !operated {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		if _, err := desk.Follow(ctx); err != nil && ctx.Err() == nil {
			log.Warn("repairs wait", telemetry.KeyError, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
