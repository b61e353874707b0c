package main

import (
	"crypto/sha1"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/adaptertest"
)

var (
	update = flag.Bool("update", false, "write the goldens")
	binary string // path of the built adapter
)

func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.fuzz").Value.String() != "" {
		os.Exit(m.Run()) // each fuzzing process comes by here, and none needs the binary
	}
	os.Exit(runWithBinary(m))
}

func runWithBinary(m *testing.M) int {
	dir, err := os.MkdirTemp("", "wechat-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "wechat")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build adapter: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// testAdapter takes its environment from a map and its time from the test.
func testAdapter(t testing.TB, env map[string]string, now func() time.Time) *adapter {
	t.Helper()
	a, err := newAdapter(adapterConfig{
		LookupEnv: func(name string) (string, bool) { value, ok := env[name]; return value, ok },
		Now:       now, Random: randomReader{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func fixtures(t *testing.T) []adaptertest.Fixture {
	t.Helper()
	all, err := os.ReadFile("testdata/all.csv")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum(all)
	hash := plugins.Hash{Type: plugins.HashSHA1, Value: hex.EncodeToString(sum[:])}
	fixture := func(name string, lines int64, failure plugins.FailureKind) adaptertest.Fixture {
		return adaptertest.Fixture{
			Name: name, File: "testdata/" + name, Golden: "testdata/" + name + ".json", Lines: lines, Failure: failure,
			Request: plugins.DecodeRequest{Kind: kindTrade, Account: "1900000001", Date: "2026-07-01"},
		}
	}
	of := func(kind string, f adaptertest.Fixture) adaptertest.Fixture { f.Request.Kind = kind; return f }
	plain, packed := fixture("all.csv", 6, ""), fixture("all.csv.gz", 6, "")
	plain.Request.Hash, packed.Request.Hash = hash, hash
	return []adaptertest.Fixture{
		plain, packed,
		fixture("reordered.csv", 6, ""),
		fixture("old.csv", 3, ""),
		fixture("rejects.csv", 10, ""),
		of(kindSuccess, fixture("success.csv", 2, "")), of(kindRefund, fixture("refund.csv", 3, "")), of(kindBasic, fixture("fundflow.csv", 6, "")),
		fixture("altered.csv", 0, plugins.FailureQuarantine),
		fixture("cut.csv", 0, plugins.FailureQuarantine),
		fixture("shortrow.csv", 0, plugins.FailureQuarantine),
	}
}

func TestSuiteInProcess(t *testing.T) {
	adaptertest.Run(t, adaptertest.Config{Adapter: testAdapter(t, nil, time.Now), Fixtures: fixtures(t), Update: *update})
}

func TestSuiteAsBinary(t *testing.T) {
	adaptertest.Run(t, adaptertest.Config{Binary: binary, Fixtures: fixtures(t)})
}
