package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/load"
	"github.com/seed-3356bd69/touchstone/cmd/touchstone-demo/internal/world"
	"github.com/seed-3356bd69/touchstone/comparer"
	"github.com/seed-3356bd69/touchstone/comparer/gate"
)

// stand builds a stage without playing a run on it.
func stand(t *testing.T, o options) *stage {
	t.Helper()
	return standOn(t, o, bin)
}

// standOn does it with the binaries of a folder.
func standOn(t *testing.T, o options, folder string) *stage {
	t.Helper()
	s := &stage{options: o, bin: folder}
	s.options.Out, s.options.Seed = t.TempDir(), 1
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Log(err) // what a test killed cannot stop in order
		}
		if t.Failed() {
			showLogs(t, s.options.Out)
		}
	})
	if err := s.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// finish lets the sidecar drain and has the run judged.
func finish(t *testing.T, s *stage) comparer.Report {
	t.Helper()
	if err := s.sidecar.Stop(drainBound); err != nil {
		t.Error(err)
	}
	report, err := s.judge(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// driveAndBreak sends the plan and calls the fault when half of it is done.
func driveAndBreak(t *testing.T, s *stage, fault func()) played {
	t.Helper()
	p := played{options: s.options, orders: load.Plan(s.options.Payments, s.options.Seed)}
	half := load.Requests(p.orders) / 2
	client := load.Client{Base: "http://" + s.settings.HTTP, Workers: inFlight, Pace: pace, Sent: func(n int) {
		if n == half {
			fault()
		}
	}}
	var err error
	if p.outcome, err = client.Drive(t.Context(), p.orders); err != nil {
		t.Fatal(err)
	}
	checkClients(t, p)
	return p
}

// primaryUnharmed: every payment and refund of the plan is in the primary, once, and nothing else.
func primaryUnharmed(t *testing.T, s *stage, p played) {
	t.Helper()
	db, err := world.OpenDSN(world.DSN(s.settings.PrimaryDB, world.Schema))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	booked := map[string]string{}
	for _, query := range []string{"SELECT order_id, amount FROM payments", "SELECT refund_id, amount FROM refunds"} {
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var id, amount string
			if err := rows.Scan(&id, &amount); err != nil {
				t.Fatal(err)
			}
			booked[id] = amount
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	for _, o := range p.orders {
		want := map[string]string{o.ID: o.Amount()}
		for _, r := range o.Refunds {
			want[r.ID] = r.Amount()
		}
		for id, amount := range want {
			if booked[id] != amount {
				t.Errorf("%s is %q in the primary, want %s", id, booked[id], amount)
			}
			delete(booked, id)
		}
	}
	if len(booked) > 0 {
		t.Errorf("the primary has what nobody asked for: %v", booked)
	}
}

// killShadow ends the shadow's MariaDB by its process id, as a crash would.
func killShadow(t *testing.T, s *stage) {
	text, err := os.ReadFile(filepath.Join(s.options.Out, "mariadb-shadow", "pid"))
	if err != nil {
		t.Error(err)
		return
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestShadowDatabaseKilledInTheMiddle(t *testing.T) {
	for _, cutover := range []string{cutoverService, cutoverDatabase} {
		t.Run(cutover, func(t *testing.T) {
			t.Parallel()
			s := stand(t, options{DB: world.MariaDB, Payments: 100, Cutover: cutover})
			p := driveAndBreak(t, s, func() { killShadow(t, s) })
			primaryUnharmed(t, s, p)
			if err := s.sidecar.Stop(drainBound); err != nil {
				t.Error(err)
			}
			report, err := s.judge(t.Context())
			told := strings.Join(report.Ledger.Problems, "\n")
			if err != nil || !strings.Contains(told, "the sides could not be read") || gate.Verdict(report.Verdict) == gate.Pass {
				t.Errorf("without the shadow's books: %s %q, %q, %v", report.Verdict, report.Reasons, told, err)
			}
		})
	}
}

func TestCandidateKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	s := stand(t, options{DB: world.Embedded, Payments: 100, Cutover: cutoverService})
	p := driveAndBreak(t, s, s.rival.Kill)
	primaryUnharmed(t, s, p)
	if report := finish(t, s); gate.Verdict(report.Verdict) != gate.Hold {
		t.Errorf("verdict %s %v", report.Verdict, report.Reasons)
	}
}

// TestAdapterKilledInTheMiddle kills the adapter while it works for a judgement: the run is held, not failed, and no
// half of a file counts.
func TestAdapterKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	s := standOn(t, options{DB: world.Embedded, Payments: 100, Cutover: cutoverService}, ownBinaries(t))
	p := driveAndBreak(t, s, func() {})
	if err := s.sidecar.Stop(drainBound); err != nil {
		t.Error(err)
	}
	if signalled := signalAdapter(s.settings.Adapter, syscall.SIGSTOP); signalled != 1 { // it answers nothing more before it is killed
		t.Fatalf("%d processes of the adapter run, want one that is kept", signalled)
	}
	killed := make(chan bool)
	stop := make(chan struct{})
	go func() { killed <- killAdapter(s.settings.Adapter, stop) }()
	report, err := s.judge(t.Context())
	close(stop)
	if !<-killed {
		t.Fatal("the adapter's process was never seen: the test could not fail")
	}
	if err != nil {
		t.Fatal(err)
	}
	if gate.Verdict(report.Verdict) != gate.Hold || !strings.Contains(strings.Join(report.Reasons, "\n"), "wechat") {
		t.Errorf("verdict %s %v, want a HOLD that names the adapter", report.Verdict, report.Reasons)
	}
	primaryUnharmed(t, s, p)
	if report, err = s.judge(t.Context()); err != nil || gate.Verdict(report.Verdict) != gate.Pass {
		t.Errorf("judged again with a sound adapter: %s %v %v", report.Verdict, report.Reasons, err)
	}
}

// ownBinaries links the binaries into a folder of the test's own: other tests run the same ones.
func ownBinaries(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	files, err := os.ReadDir(bin)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.Link(filepath.Join(bin, f.Name()), filepath.Join(folder, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// killAdapter kills the process that runs this binary each time it appears: it is started again.
func killAdapter(path string, stop <-chan struct{}) (killed bool) {
	for {
		if signalAdapter(path, syscall.SIGKILL) > 0 {
			killed = true
		}
		select {
		case <-stop:
			return killed
		case <-time.After(time.Millisecond):
		}
	}
}

// signalAdapter signals each process that runs this binary, by its own id, and gives their number.
func signalAdapter(path string, signal syscall.Signal) (signalled int) {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	for _, link := range links {
		var pid int
		target, err := os.Readlink(link)
		if err != nil || target != path {
			continue
		}
		if _, err := fmt.Sscanf(link, "/proc/%d/exe", &pid); err == nil && syscall.Kill(pid, signal) == nil {
			signalled++
		}
	}
	return signalled
}

// TestSidecarKilledInTheMiddle: what a killed sidecar could not tell keeps the gate shut.
func TestSidecarKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	s := stand(t, options{DB: world.Embedded, Payments: 60, Cutover: cutoverService})
	orders := load.Plan(60, 1)
	client := load.Client{Base: "http://" + s.settings.HTTP, Workers: inFlight, Pace: pace, Sent: func(n int) {
		if n == 30 {
			s.sidecar.Kill()
		}
	}}
	if _, err := client.Drive(t.Context(), orders); err != nil {
		t.Fatal(err)
	}
	report, err := s.judge(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if gate.Verdict(report.Verdict) == gate.Pass {
		t.Errorf("a run whose sidecar was killed passed: %+v", report.Ledger)
	}
}

// TestJournalOutlivesTheSidecar: the shadow is away, then the sidecar is killed; when both are back, the shadow gets what
// it missed, from the journal or from the primary's row log.
func TestJournalOutlivesTheSidecar(t *testing.T) {
	for _, capture := range []world.Capture{world.Wire, world.RowLog} {
		t.Run(string(capture), func(t *testing.T) {
			t.Parallel()
			s := stand(t, options{DB: world.MariaDB, Payments: 100, Cutover: cutoverDatabase, Capture: capture})
			p := driveAndBreak(t, s, func() {
				if err := s.shadow.Break(); err != nil {
					t.Error(err)
				}
			})
			all := load.Requests(grayOrders(p))
			if capture == world.Wire { // a write set is noted after its client has the answer: what was answered just now may not be yet
				awaitNoted(t, s.settings.Admin, all)
			}
			s.sidecar.Kill()
			if err := s.shadow.Mend(t.Context()); err != nil {
				t.Fatal(err)
			}
			if have := len(entries(t, s.settings.ShadowDB)); have >= all {
				t.Fatalf("the shadow missed nothing (%d entries of %d): the test could not fail", have, all)
			}
			if err := s.guard(t.Context()); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(20 * time.Second); len(entries(t, s.settings.ShadowDB)) < all && time.Now().Before(deadline); {
				time.Sleep(50 * time.Millisecond)
			}
			sameEntries(t, s, p)
		})
	}
}

// awaitNoted waits until a sidecar has this many write sets, applied or waiting.
func awaitNoted(t *testing.T, admin string, want int) {
	t.Helper()
	var status struct {
		Applier struct{ Depth, Applied int }
	}
	for deadline := time.Now().Add(10 * time.Second); status.Applier.Depth+status.Applier.Applied < want; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the sidecar has %+v, want %d write sets", status.Applier, want)
		}
		answer, err := http.Get("http://" + admin + "/status")
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(json.NewDecoder(answer.Body).Decode(&status), answer.Body.Close())
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestRealClients: programs that we did not write work through the ports of the running sidecar.
func TestRealClients(t *testing.T) {
	t.Parallel()
	s := stand(t, options{DB: world.MariaDB, Payments: 50, Cutover: cutoverService})
	t.Run("mariadb through dual-write", func(t *testing.T) {
		out := mariadbClient(t, s.settings.DualWrite, "INSERT INTO payments VALUES ('C1','N1','a','19.99','CNY','T1','PAID',NOW()); SELECT amount FROM payments WHERE order_id = 'C1'; DROP TABLE IF EXISTS scratch;")
		if !strings.Contains(out, "19.99") {
			t.Errorf("got %q", out)
		}
	})
	t.Run("mariadb through divert", func(t *testing.T) {
		out := mariadbClient(t, s.settings.Divert, "INSERT INTO payments VALUES ('C2','N2','a','0.29','CNY','T2','PAID','2026-11-23 10:00:00'); SELECT COUNT(*) AS n FROM payments;")
		if !strings.Contains(out, "1") {
			t.Errorf("got %q", out)
		}
		if out, err := exec.CommandContext(t.Context(), "mariadb", append(mariadbArgs(s.settings.Divert), "-e", "DROP TABLE payments")...).CombinedOutput(); err == nil || !strings.Contains(string(out), "ERROR") {
			t.Errorf("the divert port let a DROP TABLE pass: %s", out)
		}
		if out := mariadbClient(t, s.settings.PrimaryDB, "SELECT order_id FROM payments ORDER BY order_id"); strings.Contains(out, "C2") {
			t.Errorf("a write of the divert port is in the primary: %s", out)
		}
	})
	for _, params := range []string{"", "?interpolateParams=true"} {
		t.Run("go-sql-driver"+params, func(t *testing.T) {
			for i, addr := range []string{s.settings.DualWrite, s.settings.Divert} {
				driverWorks(t, world.DSN(addr, world.Schema)+params, fmt.Sprintf("G%d%s", i, params))
			}
		})
	}
	t.Run("curl", func(t *testing.T) { curlWorks(t, "http://"+s.settings.HTTP) })
}

func mariadbArgs(addr string) []string {
	host, port, _ := strings.Cut(addr, ":")
	return []string{"--no-defaults", "-u", "root", "-h", host, "-P", port, world.Schema}
}

func mariadbClient(t *testing.T, addr, sql string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "mariadb", append(mariadbArgs(addr), "-e", sql)...).CombinedOutput()
	if err != nil {
		t.Fatalf("mariadb: %v: %s", err, out)
	}
	return string(out)
}

func driverWorks(t *testing.T, dsn, id string) {
	t.Helper()
	db, err := world.OpenDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for i, end := range []string{"commit", "rollback"} {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO payments VALUES (?, ?, 'a', ?, 'CNY', 'T', 'PAID', ?)", fmt.Sprint(id, i), "N", "19.99", "2026-11-23 10:00:00"); err != nil {
			t.Fatal(err)
		}
		finish := tx.Commit
		if end == "rollback" {
			finish = tx.Rollback
		}
		if err := finish(); err != nil {
			t.Fatal(err)
		}
	}
	var n int
	if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM payments WHERE order_id LIKE CONCAT(?, '%')", id).Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, want the committed one, %v", n, err)
	}
}

// curlWorks pays with keep-alive, a chunked upload and 100-continue over one connection.
func curlWorks(t *testing.T, base string) {
	t.Helper()
	pay := func(id string) []string {
		return []string{"-sS", "-w", "%{http_code} %{num_connects}\n", "-H", "X-Order-Id: " + id, "-H", "Content-Type: application/json", "--data-binary", fmt.Sprintf(`{"order_id":%q,"amount":"1.00"}`, id)}
	}
	args := append(pay("U1"), base+"/payments", "--next")
	args = append(append(args, pay("U2")...), "-H", "Transfer-Encoding: chunked", base+"/payments", "--next")
	args = append(append(args, pay("U3")...), "-H", "Expect: 100-continue", base+"/payments")
	out, err := exec.CommandContext(t.Context(), "curl", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl: %v: %s", err, out)
	}
	if strings.Count(string(out), "201 ") != 3 || strings.Count(string(out), "201 0") != 2 {
		t.Errorf("want three 201 over one connection, got %s", out)
	}
}
