package batch

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Payment is one payment that is prepared, confirmed with the ledger, and settled.
type Payment struct {
	ID      string          `json:"id"`
	Payload json.RawMessage `json:"payload"`
	State   State           `json:"state"`
	Version int64           `json:"version"`
	Txn     string          `json:"txn,omitempty"` // the ledger's transaction, from CONFIRMED on
	Made    time.Time       `json:"made"`
	Moved   time.Time       `json:"moved"`
}

// Ledger is where a payment is booked, at most once for an id.
type Ledger interface {
	// Post books the payment and gives the ledger's transaction. After an error it may be booked or not.
	Post(ctx context.Context, p *Payment) (txn string, err error)
	// Find gives the transaction under which a payment is booked; found is false where it certainly is not.
	Find(ctx context.Context, id string) (txn string, found bool, err error)
}

// ErrUnknown means that nobody can tell yet whether the ledger booked the payment. It stays PREPARING.
var ErrUnknown = errors.New("the ledger's answer is unknown")

// Payments moves payments: prepare, confirm, settle, with a crash between any two of them.
type Payments struct {
	DB     *store.DB
	Ledger Ledger
	Actor  string
	Now    func() time.Time

	Metrics *OperationMetrics // nil: nothing is counted
}

// Prepare puts a payment on record and makes it PREPARING. The same id and payload again is AlreadyHandled.
func (s *Payments) Prepare(ctx context.Context, id string, payload json.RawMessage) (handled Handled, err error) {
	if id == "" || len(id) > maxID {
		return "", fmt.Errorf("payment id has %d bytes: 1 to %d", len(id), maxID)
	}
	digest, err := digestOf(payload)
	if err != nil {
		return "", fmt.Errorf("payment %s: %w", id, err)
	}
	now := s.Now()
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		added, err := tx.Add(ctx, store.Rows{
			Table: "payments", Key: []string{"id"}, Columns: []string{"digest", "payload", "state", "version", "txn", "made_us", "moved_us"},
			Values: [][]any{{id, digest, []byte(payload), string(Pending), 1, "", store.Moment(now), store.Moment(now)}},
		})
		if err != nil {
			return fmt.Errorf("prepare payment %s: %w", id, err)
		}
		if added == 0 {
			handled = AlreadyHandled
			return sameDigest(ctx, tx, "payments", id, digest)
		}
		handled = Accepted
		return s.move(ctx, tx, &Payment{ID: id, State: Pending, Version: 1}, Preparing, now)
	})
	return handled, err
}

// Confirm books a payment and binds the ledger's transaction to it. The ledger is asked first: a process that died after
// it had booked leaves nothing to book again. What cannot be told yet is ErrUnknown, and Confirm may be called again.
func (s *Payments) Confirm(ctx context.Context, id string) error {
	p, err := ReadPayment(ctx, s.DB, id)
	if err != nil {
		return err
	}
	if p.State == Confirmed || p.State == Settled {
		return nil
	}
	if err := p.State.Move(Confirmed); err != nil {
		return fmt.Errorf("payment %s: %w", id, err)
	}
	if p.Txn, err = s.book(ctx, p); err != nil {
		return err
	}
	if err = s.commit(ctx, p, Confirmed); errors.Is(err, ErrLost) {
		return s.overtaken(ctx, p, err)
	}
	return err
}

// overtaken tells what a payment that is booked was moved to meanwhile. Money that is booked for one that was given up is
// put on record: nobody looks at such a payment again.
func (s *Payments) overtaken(ctx context.Context, booked *Payment, lost error) error {
	p, err := ReadPayment(ctx, s.DB, booked.ID)
	if err != nil {
		return err
	}
	if p.State != Aborted {
		return lost
	}
	now := s.Now()
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		return tx.Audit(ctx, store.Entry{Time: now, Actor: s.Actor, Action: "payment ABORTED is booked", Subject: p.ID, Basis: booked.Txn})
	})
	return errors.Join(fmt.Errorf("confirm payment %s: the ledger booked it as %s while it was aborted; try: a person takes the booking back", p.ID, booked.Txn), err)
}

func (s *Payments) book(ctx context.Context, p *Payment) (string, error) {
	txn, found, err := s.Ledger.Find(ctx, p.ID)
	if err != nil || found {
		return txn, unknown(p.ID, err)
	}
	txn, failed := s.Ledger.Post(ctx, p)
	if failed == nil {
		return txn, nil
	}
	if txn, found, err = s.Ledger.Find(ctx, p.ID); err == nil && found {
		return txn, nil
	}
	return "", unknown(p.ID, errors.Join(failed, err))
}

func unknown(id string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("confirm payment %s: %w: %w", id, ErrUnknown, err)
}

// Settle ends a confirmed payment.
func (s *Payments) Settle(ctx context.Context, id string) error {
	p, err := ReadPayment(ctx, s.DB, id)
	if err != nil || p.State == Settled {
		return err
	}
	return s.commit(ctx, p, Settled)
}

// Abort gives a payment up, if the ledger says that it is not booked.
func (s *Payments) Abort(ctx context.Context, id string) error {
	p, err := ReadPayment(ctx, s.DB, id)
	if err != nil || p.State == Aborted {
		return err
	}
	if err := p.State.Move(Aborted); err != nil {
		return fmt.Errorf("payment %s: %w", id, err)
	}
	switch txn, found, err := s.Ledger.Find(ctx, id); {
	case err != nil:
		return unknown(id, err)
	case found:
		return fmt.Errorf("abort payment %s: the ledger booked it as %s; try: confirm it", id, txn)
	}
	return s.commit(ctx, p, Aborted)
}

func (s *Payments) commit(ctx context.Context, p *Payment, to State) error {
	now := s.Now()
	return s.DB.Tx(ctx, func(tx *store.Tx) error { return s.move(ctx, tx, p, to, now) })
}

func (s *Payments) move(ctx context.Context, tx *store.Tx, p *Payment, to State, now time.Time) error {
	if err := p.State.Move(to); err != nil {
		return fmt.Errorf("payment %s: %w", p.ID, err)
	}
	step := swap{table: "payments", id: p.ID, from: string(p.State), to: string(to), version: p.Version, set: []string{"txn", "moved_us"}, values: []any{p.Txn, store.Moment(now)}}
	if err := step.do(ctx, tx); err != nil {
		return err
	}
	return tx.Audit(ctx, store.Entry{Time: now, Actor: s.Actor, Action: "payment " + string(p.State) + " to " + string(to), Subject: p.ID, Basis: p.Txn})
}

// payments gives those of a state that did not move since a moment, behind a place in that order.
func payments(ctx context.Context, from store.Reader, state State, since int64, after Payment, limit int) ([]Payment, error) {
	rows, err := from.Query(ctx, "SELECT "+paymentColumns+" FROM payments WHERE state = ? AND moved_us <= ? AND (moved_us > ? OR (moved_us = ? AND id > ?)) ORDER BY moved_us, id LIMIT ?",
		string(state), since, store.Moment(after.Moved), store.Moment(after.Moved), after.ID, limit)
	if err != nil {
		return nil, fmt.Errorf("read payments: %w", err)
	}
	return appendPayments(nil, rows)
}

// appendPayments reads rows to their end, and closes them.
func appendPayments(all []Payment, rows *sql.Rows) ([]Payment, error) {
	defer rows.Close()
	for rows.Next() {
		p, err := scanPayment(rows)
		if err != nil {
			return nil, fmt.Errorf("read payments: %w", err)
		}
		all = append(all, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read payments: %w", err)
	}
	return all, nil
}

const paymentColumns = "id, payload, state, version, txn, made_us, moved_us"

func scanPayment(row interface{ Scan(...any) error }) (p Payment, err error) {
	var payload []byte
	var made, moved int64
	err = row.Scan(&p.ID, &payload, &p.State, &p.Version, &p.Txn, &made, &moved)
	p.Payload, p.Made, p.Moved = payload, store.TimeOf(made), store.TimeOf(moved)
	return p, err
}

// ReadPayment gives a payment by its id; sql.ErrNoRows where there is none.
func ReadPayment(ctx context.Context, from store.Reader, id string) (*Payment, error) {
	p, err := scanPayment(from.QueryRow(ctx, "SELECT "+paymentColumns+" FROM payments WHERE id = ?", id))
	if err != nil {
		return nil, fmt.Errorf("read payment %s: %w", id, err)
	}
	return &p, nil
}
