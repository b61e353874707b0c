package batch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/store"
)

// OperationKind says what an operation does.
type OperationKind string

// The kinds of operations.
const (
	Reversal           OperationKind = "reversal"
	Refund             OperationKind = "refund"
	DeferredSettlement OperationKind = "deferred-settlement"
	Split              OperationKind = "split"
	SplitEnd           OperationKind = "split-end"  // gives the rest of a split back to the merchant
	Supplement         OperationKind = "supplement" // the books take over what the channel has
)

// OperationKinds lists them.
func OperationKinds() []OperationKind {
	return []OperationKind{Reversal, Refund, DeferredSettlement, Split, SplitEnd, Supplement}
}

// OperationID is the business id of an operation: its kind, the booking it is about, and its own request number. A second
// partial refund of one order has another request number, and is another operation.
func OperationID(kind OperationKind, booking, request string) (string, error) {
	for _, part := range []string{booking, request} {
		if part == "" || strings.Contains(part, "/") {
			return "", fmt.Errorf("operation %s: booking and request number must be there, without a slash (got %q, %q)", kind, booking, request)
		}
	}
	id := string(kind) + "/" + booking + "/" + request
	if len(id) > maxID {
		return "", fmt.Errorf("operation %s: its id has %d bytes, at most %d", kind, len(id), maxID)
	}
	return id, nil
}

// maxID is what the store keeps of a business id, in bytes.
const maxID = 255

// Operation is one thing that is to happen at a channel, once.
type Operation struct {
	ID      string          `json:"id"`
	Kind    OperationKind   `json:"kind"`
	Payload json.RawMessage `json:"payload"` // what is asked of the channel
	State   OperationState  `json:"state"`
	Version int64           `json:"version"`
	Due     time.Time       `json:"due,omitzero"`     // SCHEDULED: its date; PROCESSING: its deadline; or when it is asked about again
	Rest    int64           `json:"rest,omitempty"`   // of a split that succeeded: minor units that nobody got yet
	Answer  json.RawMessage `json:"answer,omitempty"` // the channel's last
	Made    time.Time       `json:"made"`
	Moved   time.Time       `json:"moved"`
}

// Handled says what became of a request to begin an operation.
type Handled string

// The answers.
const (
	Accepted       Handled = "ACCEPTED"        // it is on record now
	AlreadyHandled Handled = "ALREADY_HANDLED" // it was on record, with the same payload
)

// ErrConflict means that an id is on record with another payload.
var ErrConflict = errors.New("the same id is on record with another payload")

// digestOf is the hash of a payload in its compact form.
func digestOf(payload json.RawMessage) (string, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, payload); err != nil {
		return "", fmt.Errorf("read payload: %w", err)
	}
	sum := sha256.Sum256(compact.Bytes())
	return hex.EncodeToString(sum[:]), nil
}

// Begin puts an operation on record, as INIT, or says that it is there already. Whoever gets Accepted, of all that ask for
// one id at the same time, is the only one.
func (o *Operation) Begin(ctx context.Context, tx *store.Tx, actor string, now time.Time) (Handled, error) {
	if err := o.check(); err != nil {
		return "", err
	}
	digest, err := digestOf(o.Payload)
	if err != nil {
		return "", fmt.Errorf("operation %s: %w", o.ID, err)
	}
	o.State, o.Version, o.Made, o.Moved = Init, 1, now, now
	added, err := tx.Add(ctx, store.Rows{
		Table: "operations", Key: []string{"id"}, Columns: []string{"kind", "digest", "payload", "state", "version", "due_us", "date_us", "rest", "made_us", "moved_us"},
		Values: [][]any{{o.ID, string(o.Kind), digest, []byte(o.Payload), string(Init), 1, store.Moment(o.Due), store.Moment(o.Due), o.Rest, store.Moment(now), store.Moment(now)}},
	})
	if err != nil {
		return "", fmt.Errorf("begin operation %s: %w", o.ID, err)
	}
	if added == 1 {
		return Accepted, tx.Audit(ctx, store.Entry{Time: now, Actor: actor, Action: "operation INIT", Subject: o.ID, SHA256: digest})
	}
	return AlreadyHandled, sameDigest(ctx, tx, "operations", o.ID, digest)
}

func (o *Operation) check() error {
	kind, rest, _ := strings.Cut(o.ID, "/")
	booking, request, _ := strings.Cut(rest, "/")
	if kind != string(o.Kind) {
		return fmt.Errorf("operation %s is no %s; try: OperationID", o.ID, o.Kind)
	}
	_, err := OperationID(o.Kind, booking, request)
	return err
}

// sameDigest tells whether what is on record has the same payload.
func sameDigest(ctx context.Context, tx *store.Tx, table, id, digest string) error {
	var have string
	if err := tx.QueryRow(ctx, "SELECT digest FROM "+table+" WHERE id = ?", id).Scan(&have); err != nil {
		return fmt.Errorf("read %s: %w", id, err)
	}
	if have != digest {
		return fmt.Errorf("%s: %w", id, ErrConflict)
	}
	return nil
}

// Move moves an operation that was read in its present state and version, and audits it. due is the new date or deadline.
func (o *Operation) Move(ctx context.Context, tx *store.Tx, to OperationState, due time.Time, actor, basis string, now time.Time) error {
	if err := o.State.Move(to); err != nil {
		return fmt.Errorf("operation %s: %w", o.ID, err)
	}
	s := swap{
		table: "operations", id: o.ID, from: string(o.State), to: string(to), version: o.Version,
		set: []string{"due_us", "date_us", "rest", "answer", "moved_us"}, values: []any{store.Moment(due), store.Moment(due), o.Rest, []byte(o.Answer), store.Moment(now)},
	}
	if err := s.do(ctx, tx); err != nil {
		return err
	}
	return tx.Audit(ctx, store.Entry{Time: now, Actor: actor, Action: "operation " + string(o.State) + " to " + string(to), Subject: o.ID, Basis: basis})
}

// delay has it looked at again, without a move: its date or deadline (date_us) stays, so that it is late for all the asking.
func (o *Operation) delay(ctx context.Context, tx *store.Tx, due time.Time) error {
	changed, err := tx.Exec(ctx, "UPDATE operations SET due_us = ?, rest = ?, answer = ?, version = version + 1 WHERE id = ? AND state = ? AND version = ?", store.Moment(due), o.Rest, []byte(o.Answer), o.ID, string(o.State), o.Version)
	if err == nil && changed == 0 {
		err = ErrLost
	}
	if err != nil {
		return fmt.Errorf("delay operation %s: %w", o.ID, err)
	}
	return nil
}

const operationColumns = "id, kind, payload, state, version, due_us, rest, answer, made_us, moved_us"

func scanOperation(row interface{ Scan(...any) error }) (o Operation, err error) {
	var due, made, moved int64
	var payload, answer []byte
	err = row.Scan(&o.ID, &o.Kind, &payload, &o.State, &o.Version, &due, &o.Rest, &answer, &made, &moved)
	o.Payload, o.Answer = payload, answer
	o.Due, o.Made, o.Moved = store.TimeOf(due), store.TimeOf(made), store.TimeOf(moved)
	return o, err
}

// ReadOperation gives an operation by its business id; sql.ErrNoRows where there is none.
func ReadOperation(ctx context.Context, from store.Reader, id string) (*Operation, error) {
	o, err := scanOperation(from.QueryRow(ctx, "SELECT "+operationColumns+" FROM operations WHERE id = ?", id))
	if err != nil {
		return nil, fmt.Errorf("read operation %s: %w", id, err)
	}
	return &o, nil
}

// triggered gives operations that need somebody: PROCESSING past the deadline, SCHEDULED past the date, and splits with a rest.
func triggered(ctx context.Context, from store.Reader, now time.Time, limit int) (all []Operation, err error) {
	for _, trigger := range []struct {
		condition string
		args      []any
	}{
		{"state = ? AND due_us <= ?", []any{string(Processing), store.Moment(now)}},
		{"state = ? AND due_us <= ?", []any{string(Scheduled), store.Moment(now)}},
		{"state = ? AND due_us > 0 AND due_us <= ? AND rest <> 0", []any{string(Success), store.Moment(now)}},
	} {
		rows, err := from.Query(ctx, "SELECT "+operationColumns+" FROM operations WHERE "+trigger.condition+" ORDER BY due_us, id LIMIT ?", append(trigger.args, limit)...)
		if err != nil {
			return nil, fmt.Errorf("read operations: %w", err)
		}
		if all, err = appendOperations(all, rows); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func appendOperations(all []Operation, rows *sql.Rows) ([]Operation, error) {
	defer rows.Close()
	for rows.Next() {
		o, err := scanOperation(rows)
		if err != nil {
			return nil, fmt.Errorf("read operations: %w", err)
		}
		all = append(all, o)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read operations: %w", err)
	}
	return all, nil
}
