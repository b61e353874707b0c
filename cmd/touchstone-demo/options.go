package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/payservice"
	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/world"
	"github.com/seed-3356bd69/touchstone/comparer/gate"
)

// Faults of the surroundings; those of the service itself are payservice's.
const (
	bugCrash   payservice.Bug = "crash"       // the candidate is killed half-way
	bugChannel payservice.Bug = "channel"     // the channel's file differs from both databases
	bugShadow  payservice.Bug = "shadow-down" // the shadow database goes away and comes back
	bugSchema  payservice.Bug = "schema"      // the shadow keeps one decimal less
)

// The two cutovers.
const (
	cutoverService  = "service"
	cutoverDatabase = "database"
)

// scenario is what a fault belongs to and how a run with it is meant to end.
type scenario struct {
	bug      payservice.Bug
	cutovers []string
	verdict  gate.Verdict
}

func scenarios() []scenario {
	service, database := []string{cutoverService}, []string{cutoverDatabase}
	return []scenario{
		{payservice.NoBug, []string{cutoverService, cutoverDatabase}, gate.Pass},
		{payservice.Rounding, service, gate.Rollback},
		{payservice.LostRefund, service, gate.Rollback},
		{payservice.DoubleCharge, service, gate.Rollback},
		{payservice.WrongOrder, service, gate.Rollback},
		{payservice.WrongBalance, service, gate.Rollback},
		{payservice.Slow, service, gate.Hold},
		{bugCrash, service, gate.Hold},
		{bugChannel, []string{cutoverService, cutoverDatabase}, gate.Pass},
		{bugSchema, database, gate.Rollback},
		{bugShadow, database, gate.Pass},
		{payservice.RollsBack, database, gate.Pass},
	}
}

// options are the command line of a run.
type options struct {
	DB       world.Kind     `default:"embedded" help:"Database servers: embedded or mariadb."`
	Payments int            `default:"500" help:"Number of payments, 50 to 100000."`
	Bug      payservice.Bug `default:"" help:"Fault to build in; see the README."`
	Cutover  string         `default:"service" help:"What is replaced: service or database."`
	Capture  world.Capture  `default:"wire" help:"What a database cutover reads writes from: wire or rowlog."`
	Out      string         `default:"out/demo" help:"Folder of the run; what it held is removed."`
	Seed     uint64         `default:"1" help:"Seed of the payments."`
	Stages   bool           `default:"true" negatable:"" help:"Judge while the payments run, and take the candidate up the ladder or back."`
	Expect   bool           `help:"Exit 0 when the run ends as its fault is meant to end."`
}

// scenario finds the run that was asked for, or says what can be asked for.
func (o options) scenario() (scenario, error) {
	if o.DB != world.Embedded && o.DB != world.MariaDB {
		return scenario{}, fmt.Errorf("DB: unknown server (got %q); try: embedded, mariadb", o.DB)
	}
	if o.Capture != world.Wire && o.Capture != world.RowLog {
		return scenario{}, fmt.Errorf("CAPTURE: unknown (got %q); try: wire, rowlog", o.Capture)
	}
	if o.Capture == world.RowLog && (o.DB != world.MariaDB || o.Cutover != cutoverDatabase) {
		return scenario{}, errors.New("CAPTURE: rowlog needs a real server and a database cutover; try: DB=mariadb CUTOVER=database CAPTURE=rowlog")
	}
	if o.Payments < 50 || o.Payments > 100_000 {
		return scenario{}, fmt.Errorf("PAYMENTS: out of range (got %d); try: 50 to 100000", o.Payments)
	}
	names := []string{}
	for _, s := range scenarios() {
		fits := slices.Contains(s.cutovers, o.Cutover)
		if s.bug == o.Bug && fits {
			return s, nil
		}
		if fits && s.bug != payservice.NoBug {
			names = append(names, string(s.bug))
		}
	}
	if o.Cutover != cutoverService && o.Cutover != cutoverDatabase {
		return scenario{}, fmt.Errorf("CUTOVER: unknown (got %q); try: service, database", o.Cutover)
	}
	return scenario{}, fmt.Errorf("BUG: no such fault in a %s cutover (got %q); try: none, or one of %v", o.Cutover, o.Bug, names)
}

// maxBound is the mismatch rate the demo asks the evidence to exclude: half of the orders are gray, and about seventeen
// clean orders in fifty payments are enough for it.
func (o options) maxBound() string { return perMille(o.leastBound()) }

func (o options) leastBound() int { return max(20, 10_000/o.Payments) }

// stages are the demo's ladder; none = there is no rollout.
func (o options) stages() []world.Stage {
	if !o.Stages {
		return nil
	}
	least := o.leastBound()
	return []world.Stage{{Gray: "50%", Bound: perMille(max(200, least))}, {Gray: "75%", Bound: perMille(max(60, least))}, {Gray: "100%", Bound: perMille(least)}}
}

func perMille(n int) string { return fmt.Sprintf("%d.%03d", n/1000, n%1000) }
