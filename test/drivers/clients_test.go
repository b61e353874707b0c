package drivers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/dualwrite"
)

const clientTime = 30 * time.Second

// The parts that clients play. What a divert port refuses is played by itself.
const (
	partsPython  = "insert,transaction,multi,session,big"
	partsPerl    = "prepared,transaction,text,big"
	partsOutside = "load,procedure,unread"
	partTLS      = "tls"
	partRefused  = "refused"
)

// target is what a client is pointed at.
type target struct {
	addr  string
	mark  string // of its writes
	tls   bool
	parts string
}

// client runs one client and gives its transcript.
type client func(t *testing.T, w target) string

// script plays a client written in a language with a library.
func script(program []string, file, packages string) client {
	return func(t *testing.T, w target) string {
		t.Helper()
		_, port, _ := net.SplitHostPort(w.addr)
		authority := ""
		if w.tls {
			authority = keys.CA
		}
		path, err := filepath.Abs(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		return play(t, packages, "", append(slices.Clone(program), path, port, authority, w.mark, w.parts)...)
	}
}

// commandLine plays statements with the mariadb client: one run for each part.
func commandLine(options ...string) client {
	return func(t *testing.T, w target) (transcript string) {
		t.Helper()
		_, port, _ := net.SplitHostPort(w.addr)
		args := []string{"mariadb", "--no-defaults", "--host=127.0.0.1", "--port=" + port, "--user=root", "--batch", "--comments", "--force", "-vv",
			"--unbuffered", "--default-character-set=utf8mb4", "--local-infile=1"}
		if w.tls {
			args = append(args, "--ssl-ca="+keys.CA, "--ssl-verify-server-cert")
		} else {
			args = append(args, "--skip-ssl")
		}
		for _, part := range strings.Split(w.parts, ",") {
			text := "SELECT variable_value <> '' FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher';"
			if part != partTLS {
				b, err := os.ReadFile(filepath.Join("testdata", part+".sql"))
				if err != nil {
					t.Fatal(err)
				}
				text = strings.ReplaceAll(string(b), "{mark}", w.mark)
			}
			out := play(t, "mariadb-client", text, slices.Concat(args, options, []string{"shop"})...)
			if w.mark != "" {
				out = strings.ReplaceAll(out, w.mark, "")
			}
			transcript += "== " + part + "\n" + out
		}
		return transcript
	}
}

// play runs a program in a folder of its own; what it says on its error stream follows what it prints.
func play(t *testing.T, packages, input string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientTime)
	defer cancel()
	dir := t.TempDir()
	var bulk strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&bulk, "%d,line %d\n", i, i)
	}
	if err := os.WriteFile(filepath.Join(dir, "bulk.csv"), []byte(bulk.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Stdin, cmd.WaitDelay = dir, strings.NewReader(input), time.Second
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	missing := strings.Contains(stderr.String(), "No module named") || strings.Contains(stderr.String(), "Can't locate")
	if missing || err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s cannot run: %v %.200s\ntry: apt-get install -y --no-install-recommends %s", args[0], err, stderr.String(), packages)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s did not end, behind %s%s", args[0], stdout.String()[max(0, stdout.Len()-1000):], stderr.String())
	}
	return strings.ReplaceAll(stdout.String(), dir, "") + "-- errors\n" + stderr.String() + fmt.Sprintf("-- end: %v\n", err)
}

func python() client { return script([]string{"/usr/bin/python3"}, "client.py", "python3-pymysql") }
func perl() client   { return script([]string{"perl"}, "client.pl", "libdbd-mysql-perl") }

// played is a client with the parts that both kinds of ports allow, and those that a divert port refuses.
type played struct {
	run             client
	inside, outside string
}

func clients() map[string]played {
	return map[string]played{
		"mariadb":            {commandLine(), "insert", "load"},
		"mariadb compressed": {commandLine("--compress"), "insert", "load"},
		"pymysql":            {python(), partsPython, partsOutside},
		"DBD mysql":          {perl(), partsPerl, partsOutside},
	}
}

func TestClientsGetFromThePortWhatTheyGetDirectly(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(clients())) {
		c := clients()[name]
		for _, encrypted := range []bool{false, true} {
			w := target{addr: server.Addr, tls: encrypted, parts: c.inside + "," + c.outside + "," + partTLS}
			newShop(t)
			want := c.run(t, w)
			checkWhole(t, want)
			for tagged := range taggings() {
				t.Run(fmt.Sprintf("%s tls %v %s", name, encrypted, tagged), func(t *testing.T) { throughDualWrite(t, c, w, tagged, want) })
			}
		}
	}
}

// throughDualWrite plays a client through a dual-write port and wants the transcript it had directly.
func throughDualWrite(t *testing.T, c played, w target, tagged, want string) {
	newShop(t)
	p := dualWrite(t, server.Addr, "shop", taggings()[tagged])
	w.addr = p.addr
	if tagged == byComment {
		w.mark = shadow.SQLComment(release) + " "
	}
	got := c.run(t, w)
	p.stop()
	if at := firstDifference(want, got); at != "" {
		t.Errorf("transcripts differ, %s", at)
	}
	p.checkPanics(t)
	if sets := p.seen.all(); tagged != untagged {
		checkCopied(t, sets)
	} else if len(sets) > 0 {
		t.Errorf("%d write sets of untagged work", len(sets))
	}
}

// How the work of a client is tagged.
const (
	untagged  = "untagged"
	byComment = "by comment"
	byPort    = "by port"
)

func TestClientsWorkBehindTheDivertPort(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(clients())) {
		c := clients()[name]
		t.Run(name, func(t *testing.T) {
			newShop(t)
			want := c.run(t, target{addr: server.Addr, parts: c.inside})
			checkWhole(t, want)
			newShop(t)
			p := diverted(t, "shop")
			w := target{addr: p.addr, mark: shadow.SQLComment(release) + " ", parts: c.inside}
			if at := firstDifference(want, c.run(t, w)); at != "" {
				t.Errorf("transcripts differ, %s", at)
			}
			checkCopied(t, p.seen.all())
			w.parts = partRefused
			checkRefused(t, c.run(t, w))
			p.stop()
			p.checkPanics(t)
			checkUnchanged(t)
		})
	}
}

// checkRefused: each refusal came as an error of MySQL with its code and its rule, and the connection lived on.
func checkRefused(t *testing.T, transcript string) {
	t.Helper()
	for rule, code := range map[string]string{"ddl": "1235", "schema": "1142", "function": "1235", "setting": "1235"} {
		found := false
		for line := range strings.Lines(transcript) {
			found = found || strings.Contains(line, code) && strings.Contains(line, "refused by rule "+rule)
		}
		if !found {
			t.Errorf("no refusal by rule %s with code %s", rule, code)
		}
	}
	if !strings.Contains(transcript, "still here") {
		t.Error("the connection did not outlive its refusals")
	}
	if t.Failed() {
		t.Log(transcript)
	}
}

func checkUnchanged(t *testing.T) {
	t.Helper()
	var rows, limit int
	if err := direct(t, "shop").QueryRow("SELECT (SELECT COUNT(*) FROM pay), @@global.max_connections").Scan(&rows, &limit); err != nil || rows == 0 || limit == 1 {
		t.Errorf("something refused was done: %d rows, %d connections: %v", rows, limit, err)
	}
}

func taggings() map[string]dualwrite.Tagging {
	return map[string]dualwrite.Tagging{untagged: {}, byComment: {}, byPort: portTagging()}
}

// checkWhole: a client that gives up at once agrees with itself and proves nothing.
func checkWhole(t *testing.T, transcript string) {
	t.Helper()
	if strings.Contains(transcript, "-- end: exit") || strings.Contains(transcript, "-- end: signal") {
		t.Fatalf("the client broke off: %s", transcript[max(0, len(transcript)-2000):])
	}
}
