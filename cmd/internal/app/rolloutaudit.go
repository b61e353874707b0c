package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/comparer/rollout"
	"github.com/seed-3356bd69/touchstone/recon/audit"
)

// rolloutPatience is how long a promotion, and the looks after it, wait for an entry. A rollback does not wait.
const rolloutPatience = 3 * time.Second

// rolloutAudit gives a rollout's entries to the audit log, one at a time, and returns in time also where storage hangs.
type rolloutAudit struct {
	log  *audit.Log
	turn chan struct{} // full while an entry is on its way
}

func newRolloutAudit(log *audit.Log) *rolloutAudit {
	return &rolloutAudit{log: log, turn: make(chan struct{}, 1)}
}

// Append returns when a witnessed checkpoint covers the entry, or at the latest after rolloutPatience.
func (a *rolloutAudit) Append(ctx context.Context, e rollout.Entry) error {
	entry, err := auditEntry(e)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("append to audit log: %w", context.Cause(ctx)) // the log would take it all the same
	}
	ctx, cancel := context.WithTimeout(ctx, rolloutPatience)
	defer cancel()
	select {
	case a.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("%w: the one before it still waits; does the disk or the witness hang? %w", audit.ErrUnconfirmed, context.Cause(ctx))
	}
	answer := make(chan error, 1)
	go func() { // a file that hangs knows no context; Close waits for it
		_, err := a.log.Append(ctx, entry)
		<-a.turn
		answer <- err
	}()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", audit.ErrUnconfirmed, context.Cause(ctx))
	}
}

// Close gives the log back, unless an entry still hangs when ctx ends.
func (a *rolloutAudit) Close(ctx context.Context) error {
	select {
	case a.turn <- struct{}{}:
		return a.log.Close(ctx)
	case <-ctx.Done():
		return fmt.Errorf("close audit log: an entry still waits; does the disk or the witness hang? %w", ctx.Err())
	}
}

// auditEntry is a change of a rollout as the log keeps it. The same change has the same id.
func auditEntry(e rollout.Entry) (audit.Entry, error) {
	e.Time = e.Time.UTC()
	content, err := json.Marshal(e)
	if err != nil {
		return audit.Entry{}, fmt.Errorf("encode audit entry: %w", err)
	}
	sum := sha256.Sum256(content)
	p := e.Policy
	basis := map[string]string{
		"stage": strconv.Itoa(e.Stage), "policy": e.Hash, "epoch": strconv.FormatUint(p.Epoch, 10), "gray": p.Gray.String(), "serve": p.Serve.String(),
		"judged": strconv.Itoa(e.Judged), "bad": strconv.Itoa(e.Bad), "bound": strconv.FormatFloat(e.Bound, 'g', -1, 64),
	}
	if e.Before != "" {
		basis["policy_before"] = e.Before
	}
	if len(e.Reasons) > 0 {
		basis["reasons"] = bounded(strings.Join(e.Reasons, "\n"))
	}
	return audit.Entry{
		ID: "rollout-" + hex.EncodeToString(sum[:]), Time: e.Time, Actor: valid(e.By), Action: "rollout " + string(e.Change),
		Subject: rolloutSubject(p.Service, p.Candidate), Basis: basis,
	}, nil
}

// rolloutSubject is what touchstone audit show finds a rollout by.
func rolloutSubject(service, candidate string) string { return valid(service + "/" + candidate) }

// maxReasons leaves an entry below the log's bound, however its text is escaped: one that is refused would be owed for ever.
const maxReasons = 4 << 10

// bounded is a text that an entry has room for, and says so where something was cut.
func bounded(text string) string {
	if len(text) > maxReasons {
		return valid(text[:maxReasons]) + fmt.Sprintf("… (%d bytes more)", len(text)-maxReasons)
	}
	return valid(text)
}

// valid is a text that JSON has one spelling for.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
