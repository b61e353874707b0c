package compare

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/ledger"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// report is what a comparison says, as data.
type report struct {
	Equal   bool                  `json:"equal"`
	Sides   []sideReport          `json:"sides"`
	Matched countReport           `json:"matched"`
	Breaks  []breakReport         `json:"breaks"`
	Classes map[recon.Class]int64 `json:"classes,omitempty"` // of three sides
	Settled map[recon.Break]int64 `json:"settled,omitempty"` // breaks that agreed when they were looked at again
	Pushed  *ledger.Pushed        `json:"pushed,omitempty"`  // what the servers summed up themselves: only what differs was read
	Rejects []recon.Reject        `json:"rejects"`           // the first maxPrinted of each side
	Plan    match.Plan            `json:"plan"`
	Build   string                `json:"build"`  // plain or simd
	Reused  int64                 `json:"reused"` // pieces of memory that were used again: blocks of text, chunks of entries
	Spilled int64                 `json:"spilled_bytes"`
	Seconds float64               `json:"seconds"`
	elapsed time.Duration
}

type sideReport struct {
	Name        string            `json:"name"`
	Source      string            `json:"source"`
	Records     int64             `json:"records"`
	Rejected    int64             `json:"rejected"`
	Ignored     map[string]int64  `json:"ignored,omitempty"`
	Totals      []match.Total     `json:"totals"`
	Control     []scan.Control    `json:"control,omitempty"`
	Diagnostics []scan.Diagnostic `json:"diagnostics,omitempty"`
}

type countReport struct {
	Records int64         `json:"records"`
	Totals  []match.Total `json:"totals"`
}

type breakReport struct {
	Break recon.Break              `json:"break"`
	Count int64                    `json:"count"`
	Sides map[string][]match.Total `json:"sides"`
}

// maxPrinted is how many rejects of a side a report names; all are counted.
const maxPrinted = 20

func newReport(r *Request, result *match.Result, elapsed time.Duration) *report {
	names := sideNames(len(r.Sources))
	out := &report{
		Equal: result.Equal(), Plan: result.Plan, Build: scan.Build, Spilled: result.Spilled, Reused: result.Reused, Classes: result.Classes, Seconds: elapsed.Seconds(), elapsed: elapsed,
		Matched: countReport{result.Matched.Count(), result.Matched.Rows()}, Breaks: []breakReport{}, Rejects: []recon.Reject{},
	}
	for i, s := range result.Sides {
		out.Sides = append(out.Sides, sideReport{
			Name: names[i], Source: r.Sources[i], Records: s.Records, Rejected: s.Rejected, Ignored: s.Ignored,
			Totals: s.In.Rows(), Control: s.Control, Diagnostics: s.Diagnostics,
		})
		out.Reused += s.Reused
		out.Rejects = append(out.Rejects, s.Rejects[:min(len(s.Rejects), maxPrinted)]...)
	}
	for _, b := range result.Breaks {
		sides := map[string][]match.Total{}
		for i, t := range b.Sides {
			if rows := t.Rows(); len(rows) > 0 {
				sides[names[i]] = rows
			}
		}
		out.Breaks = append(out.Breaks, breakReport{b.Break, b.Count, sides})
	}
	return out
}

// settle takes account of breaks that agreed when they were looked at again. They stay counted as breaks of the first look.
func (c *report) settle(settled map[recon.Break]int64) {
	if len(settled) == 0 {
		return
	}
	c.Settled, c.Equal = settled, len(c.Rejects) == 0
	for _, b := range c.Breaks {
		c.Equal = c.Equal && settled[b.Break] == b.Count
	}
}

func (c *report) print(r *Request) error {
	if r.JSON {
		return c.json(r.Out)
	}
	return c.text(r.Out)
}

func (c *report) json(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(c)
}

func (c *report) text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range c.Sides {
		fmt.Fprintf(t, "%s\t%s\t%d records\t%s\n", s.Name, s.Source, s.Records, money(s.Totals))
		if s.Rejected > 0 {
			fmt.Fprintf(t, "\t\t%d rejected\t\n", s.Rejected)
		}
		for reason, n := range s.Ignored {
			fmt.Fprintf(t, "\t\t%d ignored\t%s\n", n, reason)
		}
	}
	fmt.Fprintf(t, "\t\t\t\nagree\t\t%d\t%s\n", c.Matched.Records, money(c.Matched.Totals))
	for _, b := range c.Breaks {
		first := true
		for _, s := range c.Sides {
			if rows := b.Sides[s.Name]; len(rows) > 0 {
				name, count := "", ""
				if first {
					name, count = string(b.Break), fmt.Sprint(b.Count)
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", name, s.Name, count, money(rows))
				first = false
			}
		}
	}
	for _, class := range []recon.Class{recon.Regression, recon.Conflict, recon.Common, recon.Fix} {
		if n := c.Classes[class]; n > 0 {
			fmt.Fprintf(t, "class\t%s\t%d\t\n", class, n)
		}
	}
	for name, n := range c.Settled {
		fmt.Fprintf(t, "settled\t%s\t%d\tof them agreed when they were read again\n", name, n)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if p := c.Pushed; p != nil {
		fmt.Fprintf(w, "the servers summed up %d and %d rows; %d of %d buckets differ, only their rows were read\n", p.Rows[0], p.Rows[1], len(p.Dirty), p.Buckets)
	}
	for _, s := range c.Sides {
		for _, d := range s.Diagnostics {
			fmt.Fprintf(w, "%s:%d:%d: %s: %s\n", s.Source, d.Line, d.Column, d.Field, d.Message)
		}
	}
	for _, r := range c.Rejects {
		fmt.Fprintln(w, r.Error())
	}
	verdict := "equal"
	if !c.Equal {
		verdict = "not equal"
	}
	_, err := fmt.Fprintf(w, "\n%s   (%.1f s, plan %s, %s build)\n", verdict, c.Seconds, c.Plan, c.Build)
	return err
}

func money(rows []match.Total) string {
	text := ""
	for _, t := range rows {
		if text != "" {
			text += "; "
		}
		text += fmt.Sprintf("%s %d records %s", t.Kind, t.Count, recon.Money{Minor: t.Minor, Currency: t.Currency})
	}
	return text
}
