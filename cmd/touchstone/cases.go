package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/access"
	"github.com/seed-3356bd69/touchstone/cmd/internal/app"
	"github.com/seed-3356bd69/touchstone/cmd/internal/config"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/casework/api"
)

type serveCmd struct {
	Config string `arg:"" help:"Configuration file with role: cases."`
}

func (cmd *serveCmd) Run(c *cli, s *streams) error {
	cfg, err := config.LoadCases(cmd.Config)
	if err != nil {
		return err
	}
	return c.serve(s, func(ctx context.Context, p app.Process) error { return app.RunCases(ctx, cfg, p) })
}

type tokenCmd struct {
	Name string        `arg:"" help:"Whose it is: one person, one token."`
	Role casework.Role `required:"" enum:"viewer,operator,reviewer,admin" help:"viewer, operator, reviewer or admin."`
}

func (cmd *tokenCmd) Run(_ *cli, s *streams) error {
	token, hash := access.NewToken()
	_, err := fmt.Fprintf(s.out, "token, shown once and kept nowhere: %s\nfor the configuration:\n  tokens:\n    - {name: %s, role: %s, sha256: %s}\n", token, cmd.Name, cmd.Role, hash)
	return err
}

// caseCmd works over the API, not on the store: one process alone may write the audit log, and it is there that roles are
// checked.
type caseCmd struct {
	URL   *url.URL `env:"TOUCHSTONE_CASES" placeholder:"http://127.0.0.1:9480" required:"" help:"Of touchstone recon serve."`
	Token string   `env:"TOUCHSTONE_TOKEN_FILE" type:"existingfile" required:"" placeholder:"FILE" help:"File with your token."`

	List    caseListCmd    `cmd:"" help:"List cases, those opened first first."`
	Show    caseShowCmd    `cmd:"" help:"Print a case with its history and repairs."`
	Take    caseTakeCmd    `cmd:"" help:"Become the owner of a case."`
	Assign  caseAssignCmd  `cmd:"" help:"Make somebody the owner (admin)."`
	Comment caseCommentCmd `cmd:"" help:"Comment."`
	Attach  caseAttachCmd  `cmd:"" help:"Attach a file."`
	Move    caseMoveCmd    `cmd:"" help:"Bring a case to open, in-transit, supported or disputed."`
	Propose caseProposeCmd `cmd:"" help:"Propose a repair, described in a JSON file."`
	Approve caseApproveCmd `cmd:"" help:"Approve a repair that somebody else proposed (reviewer)."`
	Reject  caseRejectCmd  `cmd:"" help:"End a repair that nobody began to apply (reviewer)."`
	Apply   caseApplyCmd   `cmd:"" help:"Apply an approved repair, or finish one that was begun (reviewer)."`
	Begun   caseBegunCmd   `cmd:"" help:"List repairs whose end is not known."`
	Close   caseCloseCmd   `cmd:"" help:"Close a case."`
	Reopen  caseReopenCmd  `cmd:"" help:"Take a closed case up again (reviewer)."`
	SLA     caseSLACmd     `cmd:"" name:"sla" help:"Tell how the cases opened since a time kept the SLA; exit code 1 when they did not."`
	Export  caseExportCmd  `cmd:"" help:"Write breaks, cases or the suspense journal to a file."`
}

type caseFilter struct {
	State   string `help:"open, in-transit, supported, disputed or closed."`
	Open    bool   `help:"Only cases that are not closed."`
	Overdue bool   `help:"Only cases that should be closed."`
	Owner   string `help:"Only of this person."`
	Channel string `help:"Only of this channel."`
	Day     string `placeholder:"2006-01-02" help:"Only of this day."`
	Break   string `help:"Only of this class, such as amount-mismatch."`
}

func (f *caseFilter) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"state": f.State, "owner": f.Owner, "channel": f.Channel, "day": f.Day, "break": f.Break} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Open {
		q.Set("open", "true")
	}
	if f.Overdue {
		q.Set("overdue", "true")
	}
	return q
}

type caseListCmd struct {
	caseFilter
	Business string `help:"All cases of an order's, refund's or reversal's own number; without the other filters."`
	Limit    int    `default:"100" help:"At most so many."`
	JSON     bool   `help:"Print JSON lines."`
}

type caseShowCmd struct {
	ID   string `arg:"" help:"Case."`
	JSON bool   `help:"Print JSON."`
}

type caseTakeCmd struct {
	ID string `arg:"" help:"Case."`
}

type caseAssignCmd struct {
	ID    string `arg:"" help:"Case."`
	Owner string `arg:"" help:"Who shall own it."`
}

type caseCommentCmd struct {
	ID   string `arg:"" help:"Case."`
	Text string `arg:"" help:"Comment."`
}

type caseAttachCmd struct {
	ID   string `arg:"" help:"Case."`
	File string `arg:"" type:"existingfile" help:"File."`
	Name string `help:"Name that the history shows (default: the file's own, without its folder)."`
}

type caseMoveCmd struct {
	ID       string    `arg:"" help:"Case."`
	State    string    `arg:"" help:"open, in-transit, supported or disputed."`
	Reason   string    `required:"" help:"Why."`
	Expected time.Time `placeholder:"2006-01-02T15:04:05+08:00" help:"Of a case in transit: when its other side should be there."`
}

type caseProposeCmd struct {
	ID   string `arg:"" help:"Case."`
	File string `arg:"" type:"existingfile" help:"JSON file: kind, request, reason, and what to change; docs/cases.md."`
}

// caseDecision is what both decisions about a repair need.
type caseDecision struct {
	ID     string `arg:"" help:"Repair."`
	Reason string `required:"" help:"Why."`
}

type caseApproveCmd struct{ caseDecision }

type caseRejectCmd struct{ caseDecision }

type caseApplyCmd struct {
	ID        string `arg:"" help:"Repair."`
	Reference string `help:"Of a ticket: where it was done by hand."`
}

type caseBegunCmd struct{}

type caseCloseCmd struct {
	ID         string `arg:"" help:"Case."`
	Resolution string `arg:"" help:"repaired, ticket, not-a-break or written-off."`
	Reason     string `required:"" help:"Why."`
}

type caseReopenCmd struct {
	ID     string `arg:"" help:"Case."`
	Reason string `required:"" help:"Why."`
}

type caseSLACmd struct {
	Since time.Time `required:"" placeholder:"2006-01-02T15:04:05+08:00" help:"Cases opened from here on."`
}

type caseExportCmd struct {
	What string `arg:"" help:"breaks, cases or suspense."`
	File string `arg:"" help:"File that ends in .csv, .jsonl or .parquet."`
	caseFilter
}

func (cmd *caseListCmd) Run(c *cli, s *streams) error {
	query := cmd.query()
	if cmd.Business != "" {
		query.Set("business", cmd.Business) // which has no pages
	}
	lines, defined := json.NewEncoder(s.out), map[casework.Label]bool{}
	for left := cmd.Limit; left > 0; {
		if cmd.Business == "" {
			query.Set("limit", fmt.Sprint(min(left, 500)))
		}
		var page casework.Page
		if err := c.Recon.Case.ask(http.MethodGet, "cases", query, nil, &page); err != nil {
			return err
		}
		for i := range page.Cases {
			one := &page.Cases[i]
			if cmd.JSON {
				if err := lines.Encode(one); err != nil {
					return err
				}
				continue
			}
			defined[one.Label] = true
			if err := printCase(s.out, one); err != nil {
				return err
			}
		}
		if left -= len(page.Cases); page.Next == "" {
			break
		}
		query.Set("after", page.Next)
	}
	return printDefinitions(s.out, defined)
}

func (cmd *caseShowCmd) Run(c *cli, s *streams) error {
	var file api.File
	if err := c.Recon.Case.ask(http.MethodGet, "cases/"+url.PathEscape(cmd.ID), nil, nil, &file); err != nil {
		return err
	}
	if cmd.JSON {
		encoder := json.NewEncoder(s.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(file)
	}
	return printFile(s.out, &file)
}

func (cmd *caseTakeCmd) Run(c *cli, s *streams) error {
	return c.Recon.Case.act(s, "cases/"+url.PathEscape(cmd.ID)+"/take", struct{}{})
}

func (cmd *caseAssignCmd) Run(c *cli, s *streams) error {
	return c.Recon.Case.act(s, "cases/"+url.PathEscape(cmd.ID)+"/assign", map[string]string{"owner": cmd.Owner})
}

func (cmd *caseCommentCmd) Run(c *cli, s *streams) error {
	return c.Recon.Case.act(s, "cases/"+url.PathEscape(cmd.ID)+"/comments", map[string]string{"text": cmd.Text})
}

func (cmd *caseMoveCmd) Run(c *cli, s *streams) error {
	body := map[string]string{"state": cmd.State, "reason": cmd.Reason}
	if !cmd.Expected.IsZero() {
		body["expected"] = cmd.Expected.Format(time.RFC3339)
	}
	return c.Recon.Case.act(s, "cases/"+url.PathEscape(cmd.ID)+"/moves", body)
}

func (cmd *caseCloseCmd) Run(c *cli, s *streams) error {
	return c.Recon.Case.act(s, "cases/"+url.PathEscape(cmd.ID)+"/close", map[string]string{"resolution": cmd.Resolution, "reason": cmd.Reason})
}

func (cmd *caseReopenCmd) Run(c *cli, s *streams) error {
	return c.Recon.Case.act(s, "cases/"+url.PathEscape(cmd.ID)+"/reopen", map[string]string{"reason": cmd.Reason})
}

func (cmd *caseProposeCmd) Run(c *cli, s *streams) error {
	text, err := os.ReadFile(cmd.File)
	if err != nil {
		return fmt.Errorf("read proposal: %w", err)
	}
	if !json.Valid(text) {
		return fmt.Errorf("%s: is no JSON; try: docs/cases.md", cmd.File)
	}
	return c.Recon.Case.repair(s, "cases/"+url.PathEscape(cmd.ID)+"/repairs", json.RawMessage(text))
}

func (d *caseDecision) send(c *cli, s *streams, decision string) error {
	return c.Recon.Case.repair(s, "repairs/"+url.PathEscape(d.ID)+"/"+decision, map[string]string{"reason": d.Reason})
}

func (cmd *caseApproveCmd) Run(c *cli, s *streams) error { return cmd.send(c, s, "approve") }

func (cmd *caseRejectCmd) Run(c *cli, s *streams) error { return cmd.send(c, s, "reject") }

func (cmd *caseApplyCmd) Run(c *cli, s *streams) error {
	return c.Recon.Case.repair(s, "repairs/"+url.PathEscape(cmd.ID)+"/apply", map[string]string{"reference": cmd.Reference})
}

func (cmd *caseBegunCmd) Run(c *cli, s *streams) error {
	var all struct{ Repairs []casework.Repair }
	if err := c.Recon.Case.ask(http.MethodGet, "repairs", nil, nil, &all); err != nil {
		return err
	}
	for i := range all.Repairs {
		if err := printRepair(s.out, &all.Repairs[i]); err != nil {
			return err
		}
	}
	return nil
}

func (cmd *caseSLACmd) Run(c *cli, s *streams) error {
	var kept struct {
		casework.Kept
		Want int64
		Met  bool
	}
	if err := c.Recon.Case.ask(http.MethodGet, "sla", url.Values{"since": {cmd.Since.Format(time.RFC3339)}}, nil, &kept); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "closed in time %d, too late %d; open and overdue %d, open with time left %d: %d.%02d %% of %d.%02d %%\n",
		kept.Closed, kept.Late, kept.Overdue, kept.Open, kept.Share/100, kept.Share%100, kept.Want/100, kept.Want%100)
	if !kept.Met {
		return &codedError{code: exitBreaks}
	}
	return nil
}
