package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/load"
	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/payservice"
	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/world"
	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/comparer/gate"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// bin is the folder of the binaries that the tests drive.
var bin string

func TestMain(m *testing.M) { os.Exit(withBinaries(m)) }

func withBinaries(m *testing.M) int {
	dir, err := os.MkdirTemp("", "touchstone-demo")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	bin = dir
	for name, pkg := range map[string]string{"touchstone": "touchstone", "touchstone-demo": "touchstone-demo"} {
		build(name, "../"+pkg)
	}
	build("touchstone-adapter-wechat", "../../plugins/wechat")
	return m.Run()
}

func build(name, pkg string) {
	if out, err := exec.Command("go", "build", "-o", filepath.Join(bin, name), pkg).CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build %s: %v\n%s", name, err, out))
	}
}

const payments = 240 // enough for every fault to strike gray orders

// playDemo runs one scenario in this process (its children are the real binaries) and closes it at the test's end.
func playDemo(t *testing.T, o options) (*stage, played) {
	t.Helper()
	s, p := perform(t, o)
	checkLedger(t, p)
	return s, p
}

// perform is playDemo for runs in which not every gray order needs to be sampled.
func perform(t *testing.T, o options) (*stage, played) {
	t.Helper()
	o.Out, o.Seed = t.TempDir(), 1
	o.Payments = cmp.Or(o.Payments, payments)
	o.DB, o.Cutover, o.Capture = cmp.Or(o.DB, world.Embedded), cmp.Or(o.Cutover, cutoverService), cmp.Or(o.Capture, world.Wire)
	wanted, err := o.scenario()
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{options: o, bin: bin}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			showLogs(t, o.Out)
		}
	})
	p, err := s.play(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := gate.Verdict(p.report.Verdict); got != wanted.verdict {
		t.Errorf("verdict %s, want %s: %v", got, wanted.verdict, p.report.Reasons)
	}
	checkClients(t, p)
	checkChannel(t, s, p)
	return s, p
}

func showLogs(t *testing.T, dir string) {
	for _, name := range []string{"sidecar", "comparer", "stable", "candidate"} {
		if text, err := os.ReadFile(filepath.Join(dir, name+".log")); err == nil {
			t.Logf("%s.log:\n%s", name, text[max(0, len(text)-2000):])
		}
	}
}

func gray(id string) bool { return shadow.BornGray([]byte(world.Salt), id, shadow.PerMillion/2) }

func grayOrders(p played) []load.Order {
	return slices.DeleteFunc(slices.Clone(p.orders), func(o load.Order) bool { return !gray(o.ID) })
}

// checkClients: whatever the candidate does, every customer got the stable release's answer.
func checkClients(t *testing.T, p played) {
	t.Helper()
	if len(p.outcome.Failed) > 0 || len(p.outcome.Latencies) != load.Requests(p.orders) {
		t.Errorf("%d of %d requests were answered, failed: %v", len(p.outcome.Latencies), load.Requests(p.orders), p.outcome.Failed)
	}
}

// checkLedger: the sampled requests are those of the gray orders, each in one bucket; the classes count each order once.
func checkLedger(t *testing.T, p played) {
	t.Helper()
	l, orders := p.report.Ledger, grayOrders(p)
	if want := load.Requests(orders); l.Sampled != want {
		t.Errorf("sampled %d, want the %d requests of the gray orders", l.Sampled, want)
	}
	if sum := l.Pending + l.Match + l.Mismatch + l.Inconclusive + l.Dropped + l.Excluded; sum != l.Sampled || l.Pending != 0 || len(l.Problems) > 0 {
		t.Errorf("the ledger does not balance: %+v", l)
	}
	sum := 0
	for _, n := range p.report.Classes {
		sum += n
	}
	if sum != len(orders) {
		t.Errorf("classes %v hold %d orders, want %d", p.report.Classes, sum, len(orders))
	}
}

// checkChannel: the channel saw each payment and refund of the plan exactly once, whatever the candidate tried.
func checkChannel(t *testing.T, s *stage, p played) {
	t.Helper()
	seen := map[string]int{}
	for _, c := range s.channel.Calls() {
		if c.Method == "POST" {
			seen[cmp.Or(c.OutRefundNo, c.OutTradeNo)]++
		}
	}
	for _, o := range p.orders {
		for _, id := range append([]string{o.ID}, refundIDs(o)...) {
			if seen[id] != 1 {
				t.Errorf("the channel was called %d times for %s", seen[id], id)
			}
			delete(seen, id)
		}
	}
	if len(seen) > 0 {
		t.Errorf("the channel was called for what nobody asked for: %v", seen)
	}
}

func refundIDs(o load.Order) (ids []string) {
	for _, r := range o.Refunds {
		ids = append(ids, r.ID)
	}
	return ids
}

// named is one line "order place name field expected actual" for each difference that keep accepts, sorted.
func named(p played, keep func(comparer.NamedOrder) bool) []string {
	lines := []string{}
	for _, n := range p.report.Orders {
		if keep(n) {
			lines = append(lines, fmt.Sprintf("%s %s %s %s %s", n.Order, n.Name, n.Field, n.Expected, n.Actual))
		}
	}
	slices.Sort(lines)
	return lines
}

func inBookings(n comparer.NamedOrder) bool { return n.Place == shadow.InRow && !inEntries(n) }

func butEntries(n comparer.NamedOrder) bool { return !inEntries(n) && !inBalances(n) }

func inBalances(n comparer.NamedOrder) bool { return n.Place == shadow.InRow && n.Name == "balances" }

func inEntries(n comparer.NamedOrder) bool { return n.Place == shadow.InRow && n.Name == "entries" }

// checkEntries: each order with a difference in a booking has one in its ledger entries too.
func checkEntries(t *testing.T, p played) {
	t.Helper()
	entries := map[string]bool{}
	for _, n := range p.report.Orders {
		entries[n.Order] = entries[n.Order] || inEntries(n)
	}
	for _, n := range p.report.Orders {
		if inBookings(n) && !entries[n.Order] {
			t.Errorf("%s differs in %s, and none of its entries is named", n.Order, n.Name)
		}
	}
}

func all(comparer.NamedOrder) bool { return true }

// same holds the differences found against those that were injected.
func same(t *testing.T, got, want []string) {
	t.Helper()
	slices.Sort(want)
	if len(want) == 0 {
		t.Fatal("the plan injects nothing: the test could not fail")
	}
	if !slices.Equal(got, want) {
		t.Errorf("found\n  %s\ninjected\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func nothingNamed(t *testing.T, p played) {
	t.Helper()
	if lines := named(p, all); len(lines) > 0 {
		t.Errorf("named: %v", lines)
	}
}

func TestFaithfulCandidate(t *testing.T) {
	t.Parallel()
	_, p := playDemo(t, options{})
	nothingNamed(t, p)
	if p.report.Ledger.Match != p.report.Ledger.Sampled || p.report.Classes[comparer.Agree] != len(grayOrders(p)) {
		t.Errorf("ledger %+v, classes %v", p.report.Ledger, p.report.Classes)
	}
}

func TestRounding(t *testing.T) {
	t.Parallel()
	_, p := playDemo(t, options{Bug: payservice.Rounding})
	checkRounding(t, p)
}

// checkRounding: every wrong amount is named in its answer; a booking is named too, unless the candidate's error about
// a later refund tainted the order. No other order is named.
func checkRounding(t *testing.T, p played) {
	t.Helper()
	injected, orders := []string{}, map[string]bool{}
	for _, o := range grayOrders(p) {
		failed := false // the refund's total differs from the stable's, so the guard refuses it and the candidate answers 502
		if wrong := rounded(t, o.Amount()); wrong != o.Amount() {
			injected, failed = append(injected, fmt.Sprintf("%s pay amount %s %s", o.ID, o.Amount(), wrong)), true
		}
		for _, r := range o.Refunds {
			if wrong := rounded(t, r.Amount()); wrong != r.Amount() && !failed {
				injected = append(injected, fmt.Sprintf("%s refund amount %s %s", o.ID, r.Amount(), wrong))
			}
		}
	}
	for _, line := range injected {
		orders[strings.Fields(line)[0]] = true
	}
	same(t, named(p, func(n comparer.NamedOrder) bool {
		return n.Place == shadow.InResponse && n.Field == "amount"
	}), injected)
	for _, n := range p.report.Orders {
		if !orders[n.Order] {
			t.Errorf("a sound order is named: %+v", n)
		}
	}
	checkEntries(t, p)
}

func rounded(t *testing.T, amount string) string {
	t.Helper()
	text, err := payservice.RoundedAmount(amount)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// struck lists the refunds of gray orders that a fault strikes, as lines.
func struck(p played, every uint32, line func(load.Order, load.Refund) string) []string {
	lines := []string{}
	for _, o := range grayOrders(p) {
		for _, r := range o.Refunds {
			if payservice.Hits(r.ID, every) {
				lines = append(lines, line(o, r))
			}
		}
	}
	return lines
}

func TestLostRefund(t *testing.T) {
	t.Parallel()
	_, p := playDemo(t, options{Bug: payservice.LostRefund})
	same(t, named(p, butEntries), struck(p, payservice.LostRefundEvery, func(o load.Order, r load.Refund) string {
		return fmt.Sprintf("%s refund %s presence %s absent", o.ID, r.ID, r.Amount())
	}))
	checkEntries(t, p)
}

func TestWrongBalance(t *testing.T) {
	t.Parallel()
	_, p := playDemo(t, options{Bug: payservice.WrongBalance})
	orders := map[string]bool{}
	for _, line := range struck(p, payservice.WrongBalanceEvery, func(o load.Order, _ load.Refund) string { return o.ID }) {
		orders[line] = true
	}
	found := named(p, all)
	if len(orders) == 0 || len(found) != len(orders) {
		t.Fatalf("%d orders were struck, named: %q", len(orders), found)
	}
	for _, line := range found {
		if order, rest, _ := strings.Cut(line, " "); !orders[order] || !strings.Contains(rest, "amount of account="+payservice.Account) {
			t.Error(line)
		}
	}
}

func TestDoubleCharge(t *testing.T) {
	t.Parallel()
	_, p := playDemo(t, options{Bug: payservice.DoubleCharge})
	injected := []string{}
	for _, o := range grayOrders(p) {
		if payservice.Hits(o.ID, payservice.DoubleChargeEvery) {
			injected = append(injected, o.ID+" pay  no call POST /v3/pay/transactions/codepay (2)")
		}
	}
	same(t, named(p, all), injected)
}

func TestWrongOrder(t *testing.T) {
	t.Parallel()
	_, p := playDemo(t, options{Bug: payservice.WrongOrder})
	expected := func(line string) string { return line[:strings.LastIndex(line, " ")] }
	found := named(p, butEntries)
	for i, line := range found {
		if actual := line[strings.LastIndex(line, " ")+1:]; !gray(actual) || strings.HasPrefix(line, actual) {
			t.Errorf("%q does not name another gray order", line)
		}
		found[i] = expected(line)
	}
	injected := struck(p, payservice.WrongOrderEvery, func(o load.Order, r load.Refund) string {
		return fmt.Sprintf("%s refund %s order %s", o.ID, r.ID, o.ID)
	})
	first := grayOrders(p)[0].ID // when its refund comes there may be no other order to mistake it for
	ofOthers := func(lines []string) []string {
		return slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, first+" ") })
	}
	same(t, ofOthers(found), ofOthers(injected))
	checkEntries(t, p)
}

func TestSlowCandidate(t *testing.T) {
	t.Parallel()
	_, p := playDemo(t, options{Bug: payservice.Slow})
	if p.report.Ledger.Dropped+p.report.Ledger.Inconclusive == 0 || p.report.Ledger.Mismatch != 0 {
		t.Errorf("ledger %+v", p.report.Ledger)
	}
	if median := p.outcome.Quantile(0.5); median.Seconds() > 0.5 {
		t.Errorf("clients waited %s for a candidate that takes two seconds", median)
	}
	nothingNamed(t, p)
}

func TestCrashedCandidate(t *testing.T) {
	t.Parallel()
	_, p := playDemo(t, options{Bug: bugCrash})
	l := p.report.Ledger
	if l.Match == 0 || l.Dropped+l.Inconclusive == 0 {
		t.Errorf("ledger %+v", l)
	}
	for _, n := range p.report.Orders {
		if n.Place == shadow.InRow || n.Class != comparer.Inconclusive {
			t.Errorf("a crash is named as more than an error: %+v", n)
		}
	}
}

func TestWrongChannelFile(t *testing.T) {
	for _, cutover := range []string{cutoverService, cutoverDatabase} {
		t.Run(cutover, func(t *testing.T) {
			t.Parallel()
			_, p := playDemo(t, options{Bug: bugChannel, Cutover: cutover})
			injected := []string{}
			for _, o := range grayOrders(p) {
				if payservice.Hits(o.ID, commonEvery) {
					injected = append(injected, fmt.Sprintf("%s payment %s amount %s %s", o.ID, o.ID, o.Amount(), load.Order{Fen: o.Fen + 1}.Amount()))
				}
			}
			same(t, named(p, all), injected)
			if p.report.Classes[comparer.Common] != len(injected) {
				t.Errorf("classes %v, want %d common", p.report.Classes, len(injected))
			}
		})
	}
}

func TestFaithfulDatabase(t *testing.T) {
	t.Parallel()
	s, p := playDemo(t, options{Cutover: cutoverDatabase})
	nothingNamed(t, p)
	sameEntries(t, s, p)
}

func TestNarrowSchema(t *testing.T) {
	t.Parallel()
	_, p := playDemo(t, options{Cutover: cutoverDatabase, Bug: bugSchema})
	narrow := func(fen int64) string { return load.Order{Fen: (fen + 5) / 10 * 10}.Amount() }
	injected := []string{}
	for _, o := range grayOrders(p) {
		if o.Fen%10 != 0 {
			injected = append(injected, fmt.Sprintf("%s payment %s amount %s %s", o.ID, o.ID, o.Amount(), narrow(o.Fen)),
				fmt.Sprintf("%s entries amount %s CNY %s CNY", o.ID, o.Amount(), narrow(o.Fen)))
		}
		for _, r := range o.Refunds {
			if r.Fen%10 != 0 {
				injected = append(injected, fmt.Sprintf("%s refund %s amount %s %s", o.ID, r.ID, r.Amount(), narrow(r.Fen)),
					fmt.Sprintf("%s entries amount %s CNY %s CNY", o.ID, r.Amount(), narrow(r.Fen)))
			}
		}
	}
	same(t, named(p, func(n comparer.NamedOrder) bool { return n.Place == shadow.InRow }), injected)
}

func TestRolledBackTransactionsNeverReachTheShadow(t *testing.T) {
	t.Parallel()
	s, p := playDemo(t, options{Cutover: cutoverDatabase, Bug: payservice.RollsBack})
	nothingNamed(t, p)
	if !slices.ContainsFunc(grayOrders(p), func(o load.Order) bool { return payservice.Hits(o.ID, payservice.RollbackEvery) }) {
		t.Fatal("no gray order rolls back: the test could not fail")
	}
	sameEntries(t, s, p)
}

// sameEntries holds the ledger entries of gray orders, row by row, against those of the shadow, which must have no others.
func sameEntries(t *testing.T, s *stage, p played) {
	t.Helper()
	primary := slices.DeleteFunc(entries(t, s.settings.PrimaryDB), func(row string) bool { return !gray(strings.Fields(row)[0]) })
	second := entries(t, s.settings.ShadowDB)
	if want := load.Requests(grayOrders(p)); len(primary) != want {
		t.Errorf("the primary has %d entries of gray orders, want %d", len(primary), want)
	}
	if !slices.Equal(primary, second) {
		t.Errorf("entries differ:\nprimary %v\nshadow  %v", primary, second)
	}
}

func entries(t *testing.T, addr string) []string {
	t.Helper()
	db, err := world.OpenDSN(world.DSN(addr, world.Schema))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT order_id, payment_no, account, direction, CAST(amount AS DECIMAL(18,2)), id FROM entries ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	lines := []string{}
	for rows.Next() {
		var order, no, account, direction, amount, id string
		if err := rows.Scan(&order, &no, &account, &direction, &amount, &id); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Join([]string{order, no, account, direction, amount, id}, " "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestOnMariaDB(t *testing.T) {
	t.Run("faithful", func(t *testing.T) {
		t.Parallel()
		_, p := playDemo(t, options{DB: world.MariaDB})
		nothingNamed(t, p)
	})
	t.Run("rounding", func(t *testing.T) {
		t.Parallel()
		_, p := playDemo(t, options{DB: world.MariaDB, Bug: payservice.Rounding})
		checkRounding(t, p)
	})
	t.Run("crash", func(t *testing.T) {
		t.Parallel()
		playDemo(t, options{DB: world.MariaDB, Bug: bugCrash})
	})
	t.Run("shadow-down", func(t *testing.T) {
		t.Parallel()
		s, p := playDemo(t, options{DB: world.MariaDB, Cutover: cutoverDatabase, Bug: bugShadow})
		sameEntries(t, s, p)
	})
	t.Run("shadow-down by the row log", func(t *testing.T) {
		t.Parallel()
		s, p := playDemo(t, options{DB: world.MariaDB, Cutover: cutoverDatabase, Capture: world.RowLog, Bug: bugShadow})
		sameEntries(t, s, p)
	})
	t.Run("rolled back by the row log", func(t *testing.T) {
		t.Parallel()
		s, p := playDemo(t, options{DB: world.MariaDB, Cutover: cutoverDatabase, Capture: world.RowLog, Bug: payservice.RollsBack})
		sameEntries(t, s, p)
	})
	t.Run("database", func(t *testing.T) {
		t.Parallel()
		s, p := playDemo(t, options{DB: world.MariaDB, Cutover: cutoverDatabase, Bug: payservice.RollsBack})
		sameEntries(t, s, p)
	})
}

// TestBinary drives the command itself: exit codes, printed verdict, report, explain.
func TestBinary(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "run")
	for _, c := range []struct {
		name string
		args []string
		code int
		part string
	}{
		{"pass", []string{"--payments=60"}, 0, "verdict: PASS"},
		{"hold", []string{"--payments=60", "--bug=crash"}, 2, "verdict: HOLD"},
		{"rollback", []string{"--payments=60", "--bug=lost-refund"}, 3, "verdict: ROLLBACK"},
		{"as meant", []string{"--payments=60", "--bug=lost-refund", "--expect"}, 0, "verdict: ROLLBACK"},
		{"unknown fault", []string{"--bug=typo"}, 1, "no such fault"},
		{"fault of the other cutover", []string{"--bug=schema"}, 1, "try: none, or one of"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, code := command(t, "touchstone-demo", append(c.args, "--out", out)...)
			if code != c.code || !strings.Contains(text, c.part) {
				t.Errorf("exit %d, want %d and %q:\n%s", code, c.code, c.part, text)
			}
		})
	}
	order := grayOrder(t, filepath.Join(out, "report.json"))
	text, code := command(t, "touchstone", "explain", order, "--data", out)
	for _, part := range []string{"request pay", "primary transaction, committed", "INSERT INTO payments", "booking payment " + order, ".bill:", "verdict of the run: ROLLBACK"} {
		if code != 0 || !strings.Contains(text, part) {
			t.Errorf("explain: exit %d, lacks %q:\n%s", code, part, text)
		}
	}
	for _, file := range []string{"sidecar.yaml", "comparer.yaml"} {
		if text, code := command(t, "touchstone", "check", filepath.Join(out, file)); code != 0 {
			t.Errorf("check %s: exit %d\n%s", file, code, text)
		}
	}
}

// grayOrder is an order that a report names.
func grayOrder(t *testing.T, path string) string {
	t.Helper()
	var report comparer.Report
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &report)
	}
	if err != nil || len(report.Orders) == 0 {
		t.Fatalf("%s names no order: %v", path, err)
	}
	return report.Orders[0].Order
}

func command(t *testing.T, name string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(bin, name), args...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}
