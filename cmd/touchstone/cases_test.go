package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/comparer/evidence"
	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/shadow"
)

// deskRig is the real binary with a store that has cases.
type deskRig struct {
	t       *testing.T
	dir     string
	binary  string
	url     string
	process *exec.Cmd
	cases   []string
}

func newDeskRig(t *testing.T) *deskRig {
	t.Helper()
	r := &deskRig{t: t, dir: t.TempDir()}
	r.binary = filepath.Join(r.dir, "touchstone")
	if out, err := exec.Command("go", "build", "-o", r.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r.seed()
	r.run(0, "audit", "key", "new", r.file("audit.key"), "--name", "test/desk")
	if err := os.Mkdir(r.file("outside"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "role: cases\nlisten: 127.0.0.1:0\nstore: sqlite://" + r.file("state.db") + "\nattachments: files\naudit: {folder: log, key_file: audit.key, witness: outside}\n" +
		"traces: {comparer: '" + evidenceOf(t, "P0") + "', url: 'https://jaeger.internal/trace/{trace}'}\ntokens:\n"
	for name, role := range map[string]string{"li": "operator", "chen": "reviewer", "eye": "viewer"} {
		out := r.run(0, "recon", "token", name, "--role", role)
		m := regexp.MustCompile(`nowhere: (\S+)\n[^-]*\n(\s+- \{name.*\})`).FindStringSubmatch(out)
		if m == nil {
			t.Fatalf("no token in %q", out)
		}
		if err := os.WriteFile(r.file(name+".token"), []byte(m[1]+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		text += m[2] + "\n"
	}
	if err := os.WriteFile(r.file("cases.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.run(0, "check", r.file("cases.yaml"))
	return r
}

// evidenceOf serves what a comparer says of an order whose one request it heard of; it knows no other.
func evidenceOf(t *testing.T, order string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/orders/"+order {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(evidence.Chain{Order: order, Events: []shadow.Event{
			{Kind: shadow.EventOpened, Time: time.Now(), Evidence: &shadow.Evidence{Order: order, Route: "pay", TraceID: "4bf92f3577b34da6a3ce929d0e0e4736"}},
		}})
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func (r *deskRig) file(name string) string { return filepath.Join(r.dir, name) }

// seed opens three cases, as a batch would.
func (r *deskRig) seed() {
	r.t.Helper()
	db, err := store.Open(r.t.Context(), "sqlite://"+r.file("state.db"))
	if err != nil {
		r.t.Fatal(err)
	}
	intake := &casework.Intake{SLA: casework.DefaultSLA(), Now: time.Now}
	var found []casework.Finding
	for i := range 3 {
		record := &recon.Record{Key: recon.Key{Kind: recon.KindPayment, ID: fmt.Sprint("P", i)}, Order: fmt.Sprint("P", i), Amount: recon.Money{Minor: int64(100 + i), Currency: "CNY"},
			Status: recon.StatusSuccess, Origin: recon.Origin{File: "bill.csv", Line: 5 + i}}
		found = append(found, casework.Finding{Difference: match.Difference{Break: recon.MissingInternally, Group: match.Group{Key: record.Key, Occurrence: 1, Records: []*recon.Record{nil, record}}}})
	}
	b := casework.Batch{ID: "wechat/19/trade/2026-11-26@ab", Statement: "wechat/19/trade/2026-11-26", Channel: "wechat", Account: "19", Kind: "trade", Day: "2026-11-26"}
	if err := db.Tx(r.t.Context(), func(tx *store.Tx) error { _, err := intake.Open(r.t.Context(), tx, b, found); return err }); err != nil {
		r.t.Fatal(err)
	}
	desk := &casework.Desk{DB: db}
	for i := range 3 {
		all, err := desk.Of(r.t.Context(), fmt.Sprint("P", i))
		if err != nil || len(all) != 1 {
			r.t.Fatal(all, err)
		}
		r.cases = append(r.cases, all[0].ID)
	}
	if err := db.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// start runs the desk until the test ends.
func (r *deskRig) start() {
	r.t.Helper()
	r.process = exec.Command(r.binary, "--log-format", "json", "recon", "serve", r.file("cases.yaml"))
	log, err := r.process.StderrPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := r.process.Start(); err != nil {
		r.t.Fatal(err)
	}
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "cases listen" {
			r.url = "http://" + line.Address
			break
		}
		r.t.Log(lines.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, log) }()
	r.t.Cleanup(func() { _ = r.process.Process.Kill() })
}

func (r *deskRig) stop() {
	r.t.Helper()
	if err := r.process.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	if err := r.process.Wait(); err != nil {
		r.t.Errorf("the desk ended with %v", err)
	}
}

// run runs a command and wants an exit code.
func (r *deskRig) run(code int, args ...string) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, r.binary, args...).CombinedOutput()
	if exitOf(err) != code {
		r.t.Fatalf("%v: exit code %d, want %d: %v\n%s", args, exitOf(err), code, err, out)
	}
	return string(out)
}

// as runs a command of somebody.
func (r *deskRig) as(who string, code int, args ...string) string {
	r.t.Helper()
	return r.run(code, append([]string{"recon", "case", "--url", r.url, "--token", r.file(who + ".token")}, args...)...)
}

func TestDesk(t *testing.T) {
	r := newDeskRig(t)
	r.start()
	has := func(out string, all ...string) {
		t.Helper()
		for _, want := range all {
			if !strings.Contains(out, want) {
				t.Errorf("%q is not in\n%s", want, out)
			}
		}
	}
	has(r.as("eye", 0, "list", "--open"), r.cases[0], r.cases[2], "payment P0", "1.00 CNY 长款", "长款: 渠道成功金额大于账面成功金额")
	has(r.as("eye", 0, "list", "--business", "P1", "--json"), `"id":"`+r.cases[1]+`"`)
	has(r.as("eye", 1, "take", r.cases[0]), "take needs the role operator")
	has(r.as("li", 0, "take", r.cases[0]), "open  li")
	r.as("li", 0, "comment", r.cases[0], "渠道客服已确认")
	if err := os.WriteFile(r.file("mail.eml"), []byte("a mail"), 0o600); err != nil {
		t.Fatal(err)
	}
	has(r.as("li", 0, "attach", r.cases[0], r.file("mail.eml")), "sha256 ")
	r.as("li", 0, "move", r.cases[0], "disputed", "--reason", "asked the channel")
	if err := os.WriteFile(r.file("repair.json"), []byte(`{"kind":"ticket","request":"1","reason":"by hand"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	repair := strings.Fields(r.as("li", 0, "propose", r.cases[0], r.file("repair.json")))[0]
	has(r.as("li", 1, "approve", repair, "--reason", "mine"), "approve needs the role reviewer")
	r.as("chen", 0, "approve", repair, "--reason", "seen")
	has(r.as("chen", 0, "apply", repair, "--reference", "OA-17"), "applied", "ticket OA-17")
	r.as("li", 0, "close", r.cases[0], "repaired", "--reason", "done")
	has(r.as("eye", 0, "show", r.cases[0]), "closed (repaired)  li", "li move open to disputed: asked the channel", "internal  absent", "channel   1.00 CNY success at bill.csv:5", "mail.eml (sha256", repair,
		"trace 4bf92f3577b34da6a3ce929d0e0e4736 of pay", "https://jaeger.internal/trace/4bf92f3577b34da6a3ce929d0e0e4736")
	has(r.as("eye", 0, "sla", "--since", "2026-01-01T00:00:00Z"), "closed in time 1", "open with time left 2")
	for _, file := range []string{"cases.csv", "breaks.jsonl", "suspense.parquet"} {
		what, _, _ := strings.Cut(file, ".")
		has(r.as("li", 0, "export", what, r.file(file), "--day", "2026-11-26"), "wrote")
		if info, err := os.Stat(r.file(file)); err != nil || info.Size() < 100 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
	resp, err := http.Get(r.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	has(string(metrics), `touchstone_case_decisions_total{action="close",outcome="done"} 1`, `touchstone_repairs_total{kind="ticket",state="applied"} 1`)
	_ = resp.Body.Close()
	second := r.run(1, "recon", "serve", r.file("cases.yaml"))
	has(second, "another process writes this audit log", "process "+fmt.Sprint(r.process.Process.Pid))
	r.stop()
	log := []string{"--log", r.file("log"), "--key", r.file("audit.key.pub")}
	has(r.run(0, append([]string{"audit", "show", r.cases[0]}, log...)...), `"action":"case open"`, `"action":"case take"`, `"action":"repair approve"`, `"action":"case close"`)
	has(r.run(0, append([]string{"audit", "verify"}, log...)...), "verified: ", "there is no witness")
	has(r.run(0, append([]string{"audit", "verify", "--witness", r.file("outside")}, log...)...), "verified: ", "witness: ")
	tamper(t, r.file("log"))
	has(r.run(1, append([]string{"audit", "verify", "--witness", r.file("outside")}, log...)...), "NOT verified", "was changed")
	has(r.run(1, append([]string{"audit", "show", r.cases[0]}, log...)...), "try: touchstone audit verify")
}

// tamper changes who it was, wherever it is written.
func tamper(t *testing.T, log string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(log, "tile/entries/000.p/*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no entries below %s, %v", log, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(data), `"actor":"li"`, `"actor":"wu"`)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
