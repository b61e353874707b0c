package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/steer"
	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/load"
	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/payservice"
	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/comparer/rollout"
	"github.com/seed-3356bd69/touchstone/comparer/server"
	"github.com/seed-3356bd69/touchstone/test/channelsim"
)

const (
	inFlight    = 8                     // orders at the same time
	pace        = 15 * time.Millisecond // between two orders
	drainBound  = 2 * time.Minute
	judgeBound  = 3 * time.Minute
	crashAtPart = 2 // the candidate is killed, or the shadow broken, when this part of the requests is done: a half
)

// run plays one demo, prints its report and writes it.
func run(ctx context.Context, o options) (_ comparer.Report, err error) {
	self, err := os.Executable()
	if err != nil {
		return comparer.Report{}, fmt.Errorf("find this binary: %w", err)
	}
	s := &stage{options: o, bin: filepath.Dir(self)}
	defer func() { err = errors.Join(err, s.close()) }()
	start := time.Now()
	p, err := s.play(ctx)
	if err != nil {
		return comparer.Report{}, err
	}
	if err := writeReport(filepath.Join(o.Out, "report.json"), p.report); err != nil {
		return comparer.Report{}, err
	}
	p.took = time.Since(start)
	print(os.Stdout, p)
	return p.report, nil
}

// play builds the stage, sends the plan through it, lets the sidecar drain, and has the run judged.
func (s *stage) play(ctx context.Context) (played, error) {
	p := played{options: s.options, orders: load.Plan(s.options.Payments, s.options.Seed)}
	if err := s.build(ctx); err != nil {
		return p, err
	}
	var err error
	if p.outcome, err = s.drive(ctx, p.orders); err != nil {
		return p, fmt.Errorf("drive the payments: %w", err)
	}
	if err := s.sidecar.Stop(drainBound); err != nil {
		return p, err
	}
	s.corruptBill()
	if p.report, p.gate, err = s.end(ctx); err != nil {
		return p, err
	}
	p.report.Cutover = s.options.Cutover
	return p, nil
}

// end has the whole run judged, as often as that takes the rollout a stage further.
func (s *stage) end(ctx context.Context) (report comparer.Report, g server.Gate, err error) {
	c, err := steer.New("http://" + s.settings.Comparer)
	if err != nil {
		return report, g, err
	}
	for stage := -1; ; stage = g.Rollout.Stage {
		if report, err = s.judge(ctx); err != nil {
			return report, g, err
		}
		if g, err = c.Gate(ctx); err != nil || g.Rollout == nil || g.Rollout.Phase != rollout.Climbing || g.Rollout.Stage == stage {
			return report, g, err
		}
	}
}

// drive sends the plan through the sidecar, with a progress line; half-way it may kill the candidate or break the shadow.
func (s *stage) drive(ctx context.Context, orders []load.Order) (load.Outcome, error) {
	total := load.Requests(orders)
	bar := newProgress(os.Stderr, total)
	defer bar.end()
	var trouble error
	client := load.Client{Base: "http://" + s.settings.HTTP, Workers: inFlight, Pace: pace, Sent: func(n int) {
		bar.at(n)
		switch {
		case s.options.Bug == bugCrash && n == total/crashAtPart:
			s.rival.Kill()
		case s.options.Bug == bugShadow && n == total/crashAtPart:
			trouble = errors.Join(trouble, s.shadow.Break())
		}
	}}
	outcome, err := client.Drive(ctx, orders)
	if s.options.Bug == bugShadow && trouble == nil {
		trouble = s.shadow.Mend(ctx)
	}
	return outcome, errors.Join(err, trouble)
}

// commonEvery is how many rows of the bill the channel fault spares before it strikes one.
const commonEvery = 25

// corruptBill makes the channel's file differ from what it booked: a cent more on some payments.
func (s *stage) corruptBill() {
	if s.options.Bug != bugChannel {
		return
	}
	s.channel.Tamper(func(row *channelsim.Row) {
		if row.State == channelsim.StateSuccess && payservice.Hits(row.OutTradeNo, commonEvery) {
			row.Total++
		}
	})
}

// judge asks the comparer for its judgement, as any user of its API would.
func (s *stage) judge(ctx context.Context) (comparer.Report, error) {
	ctx, cancel := context.WithTimeout(ctx, judgeBound)
	defer cancel()
	var report comparer.Report
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.settings.Comparer+"/api/v1/judgements", nil)
	if err != nil {
		return report, fmt.Errorf("make the request for a judgement: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return report, fmt.Errorf("ask for a judgement: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		var problem struct {
			Error string `json:"error"`
		}
		_ = json.NewDecoder(res.Body).Decode(&problem) // the status says enough when the body does not
		return report, fmt.Errorf("the comparer could not judge (%d): %s", res.StatusCode, problem.Error)
	}
	if err := json.NewDecoder(res.Body).Decode(&report); err != nil {
		return report, fmt.Errorf("decode the judgement: %w", err)
	}
	return report, nil
}

func writeReport(path string, report comparer.Report) error {
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
