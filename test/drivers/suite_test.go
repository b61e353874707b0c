package drivers

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow/dualwrite"
)

const suiteTime = 55 * time.Second

// beyond names the tests of the suite that speak to an address outside this machine.
const beyond = "^TestConnectorReturnsTimeout$"

// cannotPass lists tests of the suite that pass on the database itself and cannot through a port, each with its reason.
func cannotPass() map[string]string { return map[string]string{} }

// runSuite runs the driver's tests against an address and gives the outcome of each: PASS, FAIL or SKIP.
func runSuite(t *testing.T, addr string) (outcomes map[string]string, output string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suiteTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, suite, "-test.v=test2json", "-test.count=1", "-test.skip="+beyond, "-test.timeout=50s")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "MYSQL_TEST_USER=root", "MYSQL_TEST_PASS=", "MYSQL_TEST_PROT=tcp", "MYSQL_TEST_ADDR="+addr,
		"MYSQL_TEST_DBNAME=gotest", "MYSQL_TEST_CONCURRENT=1")
	out, err := cmd.CombinedOutput() // fails when a test does: the outcomes say which
	outcomes = map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\s*\x16?--- (PASS|FAIL|SKIP): (\S+) \(`).FindAllSubmatch(out, -1) {
		outcomes[string(m[2])] = string(m[1])
	}
	if len(outcomes) == 0 {
		t.Fatalf("the suite did not run: %v\n%s", err, out)
	}
	return outcomes, string(out)
}

func TestDriverSuite(t *testing.T) {
	root := direct(t, "")
	fresh := []string{"DROP DATABASE IF EXISTS gotest", "CREATE DATABASE gotest"}
	mustExec(t, root, fresh...)
	want, output := runSuite(t, server.Addr)
	if passed := count(want, "PASS"); passed < 400 || count(want, "FAIL") > 0 {
		t.Fatalf("against the database itself %d tests pass and %d fail:\n%s", passed, count(want, "FAIL"), output)
	}
	for name, c := range map[string]struct {
		tagging dualwrite.Tagging
		atLeast int // write sets
		atMost  int
	}{"untagged": {dualwrite.Tagging{}, 0, 0}, "tagged": {portTagging(), 500, 50_000}} {
		t.Run(name, func(t *testing.T) {
			mustExec(t, root, fresh...)
			p := dualWrite(t, server.Addr, "gotest", c.tagging)
			got, output := runSuite(t, p.addr)
			if found := differences(want, got); len(found) > 0 {
				t.Errorf("%s\n%s", strings.Join(found, "\n"), output[max(0, len(output)-32<<10):])
			}
			p.stop()
			p.checkPanics(t)
			if n := len(p.seen.all()); n < c.atLeast || n > c.atMost {
				t.Errorf("%d write sets, want %d to %d", n, c.atLeast, c.atMost)
			}
		})
	}
}

func count(outcomes map[string]string, which string) (n int) {
	for _, o := range outcomes {
		if o == which {
			n++
		}
	}
	return n
}

// differences compares outcomes test by test.
func differences(want, got map[string]string) (found []string) {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if _, known := cannotPass()[name]; !known && got[name] != want[name] {
			found = append(found, fmt.Sprintf("%s: direct %s, through the port %q", name, want[name], got[name]))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			found = append(found, name+": only through the port")
		}
	}
	return found
}
