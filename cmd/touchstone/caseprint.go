package main

import (
	"fmt"
	"io"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/casework/api"
)

func printCase(w io.Writer, c *casework.Case) error {
	gap := "?"
	if c.Gap != nil {
		gap = c.Gap.String()
	}
	state := string(c.State)
	if c.Resolution != "" {
		state += " (" + string(c.Resolution) + ")"
	}
	owner := c.Owner
	if owner == "" {
		owner = "-"
	}
	_, err := fmt.Fprintf(w, "%s  %s  %s  %s  %s %s  %s  %s  due %s\n", c.ID, c.Channel, c.Day, c.Key, gap, c.Label, c.Break, state+"  "+owner, c.Due.Local().Format(time.DateTime))
	return err
}

func printRepair(w io.Writer, r *casework.Repair) error {
	text := fmt.Sprintf("%s  %s  %s  proposed by %s", r.ID, r.Proposal.Kind, r.State, r.Proposer)
	if r.Approver != "" {
		text += ", approved by " + r.Approver
	}
	if r.Outcome != "" {
		text += ": " + r.Outcome
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// printDefinitions says what the printed labels mean: others use the words the other way round.
func printDefinitions(w io.Writer, labels map[casework.Label]bool) error {
	for _, l := range []casework.Label{casework.LabelOver, casework.LabelShort, casework.LabelEven, casework.LabelMixed} {
		if labels[l] {
			if _, err := fmt.Fprintln(w, l.Definition()); err != nil {
				return err
			}
		}
	}
	return nil
}

func printFile(w io.Writer, f *api.File) error {
	if err := printCase(w, &f.Case); err != nil {
		return err
	}
	late := ""
	if f.Overdue {
		late = ", overdue"
	}
	fmt.Fprintf(w, "%s\nage %s%s; batch %s\n", f.Definition, f.Age, late, f.Case.Batch)
	for i, r := range f.Case.Detail.Records {
		side := []string{"internal", "channel", "shadow"}[min(i, 2)]
		if r == nil {
			fmt.Fprintf(w, "  %-9s absent\n", side)
			continue
		}
		fmt.Fprintf(w, "  %-9s %s %s at %s\n", side, r.Amount, r.Status, r.Origin)
	}
	for _, t := range f.Traces {
		fmt.Fprintf(w, "  trace %s of %s at %s %s\n", t.ID, t.Route, t.Time.Local().Format(time.DateTime), t.URL)
	}
	if f.NoTraces != "" {
		fmt.Fprintf(w, "  traces: %s\n", f.NoTraces)
	}
	for _, e := range f.Events {
		fmt.Fprintf(w, "  %3d %s %s %s", e.Seq, e.At.Local().Format(time.DateTime), e.Actor, e.Action)
		if e.From != e.To {
			fmt.Fprintf(w, " %s to %s", e.From, e.To)
		}
		if e.Note != "" {
			fmt.Fprintf(w, ": %s", e.Note)
		}
		if e.SHA256 != "" {
			fmt.Fprintf(w, " (sha256 %s)", e.SHA256)
		}
		fmt.Fprintln(w)
	}
	for i := range f.Repairs {
		fmt.Fprint(w, "  ")
		if err := printRepair(w, &f.Repairs[i]); err != nil {
			return err
		}
	}
	return nil
}
