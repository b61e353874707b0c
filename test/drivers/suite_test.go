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
	tally := map[string]int{}
	for _, o := range want {
		tally[o]++
	}
	t.Logf("direct: %v", tally)
	if tally["PASS"] < 300 {
		t.Fatalf("the suite hardly runs against the database itself:\n%s", output)
	}
	for name, tagging := range map[string]dualwrite.Tagging{"untagged": {}, "tagged": portTagging()} {
		t.Run(name, func(t *testing.T) {
			mustExec(t, root, fresh...)
			p := dualWrite(t, server.Addr, "gotest", tagging)
			got, output := runSuite(t, p.addr)
			if found := differences(want, got); len(found) > 0 {
				t.Errorf("%s\n%s", strings.Join(found, "\n"), output)
			}
			p.stop()
			if n := p.count(t, "touchstone_mysql_panics_total"); n != 0 {
				t.Errorf("%v panics", n)
			}
			t.Logf("%d write sets", len(p.seen.all()))
		})
	}
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
