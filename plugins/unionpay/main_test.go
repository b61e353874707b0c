package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/adaptertest"
	"github.com/seed-3356bd69/touchstone/recon"
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
	dir, err := os.MkdirTemp("", "unionpay-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "unionpay")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build adapter: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

func testAdapter(env map[string]string, now func() time.Time) *adapter {
	return newAdapter(func(name string) (string, bool) { value, ok := env[name]; return value, ok }, now)
}

// fixtures are kept as bytes of GBK, as the channel writes them.
func fixtures() []adaptertest.Fixture {
	// One line of ZM is a pre-authorisation, which is no booking.
	fixture := func(name, kind string, lines int64) adaptertest.Fixture {
		return adaptertest.Fixture{
			Name: name, File: "testdata/" + name, Golden: "testdata/" + name + ".json", Lines: lines,
			Request: plugins.DecodeRequest{Kind: kind, Account: "802310048993424", Date: "2016-01-01"},
		}
	}
	return []adaptertest.Fixture{
		fixture("INN16010188ZM_802310048993424", kindTrade, 5), fixture("INN16010188ZME_802310048993424", kindDisputes, 2),
		fixture("rejects", kindTrade, 6), fixture("802310048993424_20160101.zip", kindTrade, 5),
	}
}

func TestSuiteInProcess(t *testing.T) {
	adaptertest.Run(t, adaptertest.Config{Adapter: testAdapter(nil, time.Now), Fixtures: fixtures(), Update: *update})
}

func TestSuiteAsBinary(t *testing.T) {
	adaptertest.Run(t, adaptertest.Config{Binary: binary, Fixtures: fixtures()})
}

type collected struct {
	records []recon.Record
	rejects []recon.Reject
}

func (c *collected) Record(r recon.Record) error { c.records = append(c.records, r); return nil }
func (c *collected) Reject(r recon.Reject) error { c.rejects = append(c.rejects, r); return nil }
