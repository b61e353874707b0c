package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/seed-3356bd69/touchstone/cmd/internal/steer"
	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/comparer/rollout"
	"github.com/seed-3356bd69/touchstone/comparer/server"
)

type gateCmd struct {
	Status   gateStatusCmd   `cmd:"" help:"Print the verdict and where the rollout is; exit code 0 PASS, 2 HOLD, 3 ROLLBACK."`
	Explain  gateExplainCmd  `cmd:"" help:"Print the evidence in its strata, the self-test, and who has the policy in force."`
	Hold     gateHoldCmd     `cmd:"" help:"No next stage until somebody clears it."`
	Rollback gateRollbackCmd `cmd:"" help:"Roll back at once."`
	Clear    gateClearCmd    `cmd:"" help:"End a hold; after a rollback begin anew at the first stage."`
	Approve  gateApproveCmd  `cmd:"" help:"Approve the proposed next stage."`
	Simulate gateSimulateCmd `cmd:"" help:"Print what a budget, a bound and errors would have decided about candidates of known rates, and when."`
}

// comparerFlag says which comparer.
type comparerFlag struct {
	Comparer string `default:"http://127.0.0.1:9200" env:"TOUCHSTONE_COMPARER" help:"Address of the comparer's API."`
}

func (f comparerFlag) ask(do func(context.Context, *steer.Client) error) error {
	c, err := steer.New(f.Comparer)
	if err != nil {
		return fmt.Errorf("--comparer: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return do(ctx, c)
}

type gateStatusCmd struct{ comparerFlag }

type gateExplainCmd struct{ comparerFlag }

// wishFlags say who wants something, and why. A token on the command line would show in the list of processes.
type wishFlags struct {
	comparerFlag
	Reason    string `required:"" help:"Why; it is kept in the audit."`
	TokenFile string `type:"existingfile" help:"File with your token; without it the variable TOUCHSTONE_TOKEN is read."`
}

type gateHoldCmd struct{ wishFlags }

type gateRollbackCmd struct{ wishFlags }

type gateClearCmd struct{ wishFlags }

type gateApproveCmd struct {
	wishFlags
	Policy string `help:"Hash of the policy; default: the one that is proposed now."`
}

type gateSimulateCmd struct {
	Budget        float64   `required:"" help:"Mismatch rate that is tolerated."`
	Rate          []float64 `help:"True rates of candidates; default: 0, a tenth of the budget, the budget, twice, ten times."`
	MaxBound      float64   `help:"Upper bound that may pass; default: the budget."`
	PromoteError  float64   `name:"error" default:"0.05" help:"Chance to promote what is at max_bound or above."`
	RollbackError float64   `default:"0.05" help:"Chance to roll back what is at the budget or below; half of it is for all orders together, which is what is simulated."`
	Runs          int       `default:"10000" help:"Runs of each rate, at most 100000."`
	Orders        int       `help:"Orders a run has at most; default: a hundred times 1/budget."`
	PerHour       float64   `help:"Orders judged an hour, to print times."`
	Seed          uint64    `help:"Seed; default: a new one, which is printed."`
}

// Exit codes of gate status.
const (
	codeHold     = 2
	codeRollback = 3
)

func (cmd *gateStatusCmd) Run(_ *cli, s *streams) error {
	return cmd.ask(func(ctx context.Context, c *steer.Client) error {
		g, err := c.Gate(ctx)
		if err != nil {
			return err
		}
		if err := steer.Status(s.out, g); err != nil {
			return err
		}
		switch {
		case g.OK == 1:
			return nil
		case g.Failed == 1:
			return &codedError{code: codeRollback}
		}
		return &codedError{code: codeHold}
	})
}

func (cmd *gateExplainCmd) Run(_ *cli, s *streams) error {
	return cmd.ask(func(ctx context.Context, c *steer.Client) error {
		g, err := c.Gate(ctx)
		if err != nil {
			return err
		}
		return steer.Explain(s.out, g)
	})
}

const tokenVariable = "TOUCHSTONE_TOKEN"

func (f wishFlags) token() (string, error) {
	token := os.Getenv(tokenVariable)
	if f.TokenFile != "" {
		text, err := os.ReadFile(f.TokenFile)
		if err != nil {
			return "", fmt.Errorf("read token: %w", err)
		}
		token = string(text)
	}
	if token = strings.TrimSpace(token); token == "" {
		return "", errors.New("there is no token; try: --token-file FILE, or the variable " + tokenVariable)
	}
	return token, nil
}

func (f wishFlags) act(s *streams, act rollout.Act, policy string) error {
	token, err := f.token()
	if err != nil {
		return err
	}
	return f.ask(func(ctx context.Context, c *steer.Client) error {
		g, err := c.Act(ctx, token, act, server.Wish{Reason: f.Reason, Policy: policy})
		if err != nil {
			return err
		}
		return steer.Status(s.out, g)
	})
}

func (cmd *gateHoldCmd) Run(_ *cli, s *streams) error { return cmd.act(s, rollout.ActHold, "") }

func (cmd *gateRollbackCmd) Run(_ *cli, s *streams) error { return cmd.act(s, rollout.ActRollback, "") }

func (cmd *gateClearCmd) Run(_ *cli, s *streams) error { return cmd.act(s, rollout.ActClear, "") }

func (cmd *gateApproveCmd) Run(_ *cli, s *streams) error {
	policy := cmd.Policy
	if policy == "" {
		err := cmd.ask(func(ctx context.Context, c *steer.Client) error {
			g, err := c.Gate(ctx)
			if err != nil {
				return err
			}
			if g.Rollout == nil || g.Rollout.Proposed == "" {
				return errors.New("nothing is proposed; try: touchstone gate status")
			}
			policy = g.Rollout.Proposed
			return nil
		})
		if err != nil {
			return err
		}
	}
	return cmd.act(s, rollout.ActApprove, policy)
}

func (cmd *gateSimulateCmd) Run(_ *cli, s *streams) error {
	test := gate.Test{Budget: cmd.Budget, MaxBound: cmd.MaxBound, PromoteError: cmd.PromoteError, RollbackError: cmd.RollbackError}
	if test.MaxBound == 0 {
		test.MaxBound = test.Budget
	}
	if err := cmd.check(test); err != nil {
		return err
	}
	sim := steer.Simulation{Test: test.Together(), Rates: cmd.Rate, Runs: cmd.Runs, Pairs: cmd.Orders, PerHour: cmd.PerHour, Seed: cmd.Seed}
	if len(sim.Rates) == 0 {
		sim.Rates = []float64{0, test.Budget / 10, test.Budget, 2 * test.Budget, 10 * test.Budget}
	}
	if sim.Pairs == 0 {
		sim.Pairs = int(100 / test.Budget)
	}
	if sim.Seed == 0 {
		sim.Seed = rand.Uint64()
	}
	return steer.Simulate(s.out, sim)
}

func (cmd *gateSimulateCmd) check(t gate.Test) error {
	for _, c := range []struct {
		flag      string
		value     float64
		low, high float64
	}{
		{"--budget", t.Budget, 1e-9, 0.09}, {"--max-bound", t.MaxBound, 1e-9, t.Budget}, {"--error", t.PromoteError, 1e-6, 0.5},
		{"--rollback-error", t.RollbackError, 1e-6, 0.5}, {"--runs", float64(cmd.Runs), 1, 100_000}, {"--orders", float64(cmd.Orders), 0, 1e12},
		{"--per-hour", cmd.PerHour, 0, 1e12},
	} {
		if !(c.value >= c.low && c.value <= c.high) { // also not a number
			return fmt.Errorf("%s: is not between %g and %g (got %g)", c.flag, c.low, c.high, c.value)
		}
	}
	for _, rate := range cmd.Rate {
		if !(rate >= 0 && rate <= 1) {
			return fmt.Errorf("--rate: is not between 0 and 1 (got %g)", rate)
		}
	}
	return nil
}
