package main

import (
	"archive/zip"
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

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
	dir, err := os.MkdirTemp("", "alipay-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "alipay")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build adapter: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

func testAdapter(t testing.TB, env map[string]string, now func() time.Time) *adapter {
	t.Helper()
	a, err := newAdapter(adapterConfig{
		LookupEnv: func(name string) (string, bool) { value, ok := env[name]; return value, ok }, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// text reads a fixture, which is kept in UTF-8 so that people can read it.
func text(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func gbk(t testing.TB, text string) []byte {
	t.Helper()
	out, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// entry is one file of a zip.
type entry struct{ name, text string }

// packed makes the zip as the channel does: names and texts in GBK.
func packed(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, e := range entries {
		w, err := z.CreateHeader(&zip.FileHeader{Name: string(gbk(t, e.name)), NonUTF8: true, Method: zip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(gbk(t, e.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func fixtures(t *testing.T) []adaptertest.Fixture {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fixture := func(name, kind string, data []byte, lines int64, failure plugins.FailureKind) adaptertest.Fixture {
		return adaptertest.Fixture{
			Name: name, File: write(name, data), Golden: "testdata/" + name + ".json", Lines: lines, Failure: failure,
			Request: plugins.DecodeRequest{Kind: kind, Account: "2088000000000001", Date: "2026-07-01"},
		}
	}
	trade, summary := entry{"20880000000000010156_20260701_业务明细.csv", text(t, "trade.csv")}, entry{"20880000000000010156_20260701_业务明细(汇总).csv", text(t, "trade-summary.csv")}
	account, accountSum := entry{"a_账务明细.csv", text(t, "account.csv")}, entry{"a_账务明细(汇总).csv", text(t, "account-summary.csv")}
	other := entry{summary.name, strings.Replace(summary.text, "合计\t,\t,4,3,", "合计\t,\t,4,2,", 1)}
	return []adaptertest.Fixture{
		fixture("trade.zip", kindTrade, packed(t, trade, summary), 7, ""),
		fixture("summary-first.zip", kindTrade, packed(t, summary, trade), 7, ""),
		fixture("trade.csv", kindTrade, gbk(t, trade.text), 7, ""),
		fixture("trade-utf8.csv", kindTrade, []byte("\uFEFF"+trade.text), 7, ""),
		fixture("indirect.csv", kindTrade, gbk(t, text(t, "indirect.csv")), 2, ""),
		fixture("old.csv", kindTrade, gbk(t, text(t, "old.csv")), 1, ""),
		fixture("rejects.csv", kindTrade, gbk(t, text(t, "rejects.csv")), 6, ""),
		fixture("empty.csv", kindTrade, gbk(t, text(t, "empty.csv")), 0, ""),
		fixture("account.zip", kindAccount, packed(t, account, accountSum), 6, ""),
		fixture("other-summary.zip", kindTrade, packed(t, trade, other), 0, plugins.FailureQuarantine),
	}
}

func TestSuiteInProcess(t *testing.T) {
	adaptertest.Run(t, adaptertest.Config{Adapter: testAdapter(t, nil, time.Now), Fixtures: fixtures(t), Update: *update})
}

func TestSuiteAsBinary(t *testing.T) {
	adaptertest.Run(t, adaptertest.Config{Binary: binary, Fixtures: fixtures(t)})
}

type collected struct {
	records []recon.Record
	rejects []recon.Reject
}

func (c *collected) Record(r recon.Record) error { c.records = append(c.records, r); return nil }
func (c *collected) Reject(r recon.Reject) error { c.rejects = append(c.rejects, r); return nil }
