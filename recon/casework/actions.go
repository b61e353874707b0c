package casework

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// maxNote bounds a comment or reason, in bytes: it goes into the audit log whole.
const maxNote = 8 << 10

func checkNote(field, note string) error {
	switch {
	case strings.TrimSpace(note) == "":
		return fmt.Errorf("%s: %w: is missing; try: say why", field, ErrInput)
	case len(note) > maxNote:
		return fmt.Errorf("%s: %w: has %d bytes, at most %d; try: an attachment", field, ErrInput, len(note), maxNote)
	}
	return nil
}

func notClosed(c *Case) error {
	if c.State == StateClosed {
		return fmt.Errorf("case %s: %w: it is closed; try: reopen it", c.ID, ErrMove)
	}
	return nil
}

// Take makes somebody the owner of a case that nobody owns.
func (d *Desk) Take(ctx context.Context, who Actor, id string) (Case, error) {
	return d.act(ctx, id, deed{who: who, do: ActTake}, func(c *Case) error {
		if c.Owner != "" && c.Owner != who.Name {
			return fmt.Errorf("case %s: %w: it is %s's; try: an admin assigns it", id, ErrForbidden, c.Owner)
		}
		c.Owner = who.Name
		return notClosed(c)
	})
}

// Assign gives a case to somebody; "" to nobody.
func (d *Desk) Assign(ctx context.Context, who Actor, id, owner string) (Case, error) {
	return d.act(ctx, id, deed{who: who, do: ActAssign}, func(c *Case) error {
		c.Owner = owner
		return notClosed(c)
	})
}

// Comment adds a comment, also to a closed case.
func (d *Desk) Comment(ctx context.Context, who Actor, id, text string) (Case, error) {
	if err := checkNote("comment", text); err != nil {
		return Case{}, err
	}
	return d.act(ctx, id, deed{who: who, do: ActComment, note: text}, func(*Case) error { return nil })
}

// Attach keeps a file by the hash of its content and adds it to a case.
func (d *Desk) Attach(ctx context.Context, who Actor, id, name string, content io.Reader) (Case, string, error) {
	if err := who.check(ActAttach); err != nil {
		return Case{}, "", err
	}
	if err := checkNote("name", name); err != nil {
		return Case{}, "", err
	}
	if _, err := d.Get(ctx, id); err != nil {
		return Case{}, "", err
	}
	digest, err := d.Attachments.Put(content)
	if err != nil {
		return Case{}, "", err
	}
	c, err := d.act(ctx, id, deed{who: who, do: ActAttach, note: name, sha: digest}, func(*Case) error { return nil })
	return c, digest, err
}

// Move brings an open case to another state that is not closed. A case in transit says when its other side is expected.
func (d *Desk) Move(ctx context.Context, who Actor, id string, to State, expected time.Time, reason string) (Case, error) {
	if err := checkNote("reason", reason); err != nil {
		return Case{}, err
	}
	return d.act(ctx, id, deed{who: who, do: ActMove, note: reason}, func(c *Case) error {
		if err := notClosed(c); err != nil {
			return err
		}
		switch {
		case to == StateClosed || !slices.Contains(States(), to):
			return fmt.Errorf("state: %w (got %q); try: open, in-transit, supported or disputed", ErrInput, to)
		case (to == StateInTransit) != !expected.IsZero():
			return fmt.Errorf("expected: %w: goes with in-transit and with nothing else", ErrInput)
		case to == StateInTransit && !expected.After(d.Now()):
			return fmt.Errorf("expected: %w: is over (got %s)", ErrInput, expected.Format(time.RFC3339))
		}
		if again := to == StateInTransit && c.State == to && !expected.Equal(c.Expected); !again { // a later date is a move, too
			if err := c.State.Move(to); err != nil {
				return err
			}
		}
		if c.State = to; to == StateInTransit {
			c.Expected = expected
			c.Due = d.SLA.Due(c.Opened, expected, c.Gap)
		}
		return nil
	})
}

// Close ends a case. What is written off, a second person ends: not the one who owns it.
func (d *Desk) Close(ctx context.Context, who Actor, id string, as Resolution, reason string) (Case, error) {
	if err := checkNote("reason", reason); err != nil {
		return Case{}, err
	}
	if !slices.Contains(HumanResolutions(), as) {
		return Case{}, fmt.Errorf("resolution: %w (got %q); try: %v", ErrInput, as, HumanResolutions())
	}
	return d.act(ctx, id, deed{who: who, do: ActClose, note: reason}, func(c *Case) error {
		if err := notClosed(c); err != nil {
			return err
		}
		repairs, err := d.Repairs(ctx, id) // after the case: one that is proposed from here on makes its version another
		if err != nil {
			return err
		}
		giver, err := d.giver(ctx, id)
		if err != nil {
			return err
		}
		if err := closable(who, c, as, repairs, giver); err != nil {
			return err
		}
		c.State, c.Resolution, c.Closed = StateClosed, as, d.Now()
		return nil
	})
}

// giver is who gave a case to its owner last; "" where the owner took it.
func (d *Desk) giver(ctx context.Context, id string) (string, error) {
	all, err := d.Events(ctx, id)
	for _, e := range slices.Backward(all) {
		switch Action(e.Action) {
		case ActAssign:
			return e.Actor, err
		case ActTake:
			return "", err
		}
	}
	return "", err
}

func closable(who Actor, c *Case, as Resolution, repairs []Repair, giver string) error {
	applied := false
	for _, r := range repairs {
		if !r.State.ended() {
			return fmt.Errorf("case %s: %w: repair %s is %s; try: apply or reject it first", c.ID, ErrMove, r.ID, r.State)
		}
		applied = applied || r.State == RepairApplied
	}
	switch {
	case as == ResolvedRepaired && !applied:
		return fmt.Errorf("resolution: %w: no repair of case %s was applied", ErrInput, c.ID)
	case as != ResolvedWrittenOff:
		return nil
	case !who.Role.May(ActApprove):
		return fmt.Errorf("%w: a write-off needs the role %s (%q has %q)", ErrForbidden, ActApprove.least(), who.Name, who.Role)
	case c.Owner == "" || samePerson(c.Owner, who.Name):
		return fmt.Errorf("%w: a write-off is closed by somebody else than the case's owner (%q)", ErrFourEyes, c.Owner)
	case samePerson(giver, who.Name):
		return fmt.Errorf("%w: %s made %q the owner, who did not take it; try: the owner takes it, or somebody else closes it", ErrFourEyes, who.Name, c.Owner)
	}
	return nil
}

// Reopen takes a closed case up again.
func (d *Desk) Reopen(ctx context.Context, who Actor, id, reason string) (Case, error) {
	if err := checkNote("reason", reason); err != nil {
		return Case{}, err
	}
	return d.act(ctx, id, deed{who: who, do: ActReopen, note: reason}, func(c *Case) error {
		if c.State != StateClosed {
			return fmt.Errorf("case %s: %w: it is %s, not closed", c.ID, ErrMove, c.State)
		}
		c.State, c.Resolution, c.Closed, c.Opened = StateOpen, "", time.Time{}, d.Now()
		c.Due = d.SLA.Due(c.Opened, c.Expected, c.Gap)
		return nil
	})
}

// samePerson compares names as directories do: without regard to case.
func samePerson(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}
