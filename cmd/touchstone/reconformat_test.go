package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/test/recongen"
)

// touchstone runs a command line in this process and gives what it printed and its exit code.
func touchstone(t *testing.T, args ...string) (text string, code int) {
	t.Helper()
	var c cli
	var out, log bytes.Buffer
	parser, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	command, err := parser.Parse(args)
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Run(&c, &streams{out: &out, log: &log}); err != nil {
		code = exitCode(&log, err)
	}
	return out.String() + log.String(), code
}

// adapters builds adapters into a folder.
func adapters(t *testing.T, names ...string) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range names {
		out, err := exec.Command("go", "build", "-o", filepath.Join(folder, "touchstone-adapter-"+name), "../../plugins/"+name).CombinedOutput()
		if err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
	}
	return folder
}

// bill makes ours and a channel's bill with planted faults, and gives the breaks that must be found.
func bill(t *testing.T, format recongen.Format) (ours, theirs string, breaks map[recon.Break]int) {
	t.Helper()
	rates := map[recongen.Class]float64{}
	for _, class := range []recongen.Class{recongen.MissingTheirs, recongen.MissingOurs, recongen.Amount, recongen.DuplicateOurs, recongen.DuplicateTheirs} {
		rates[class] = 0.001
	}
	g, err := recongen.New(recongen.Config{Seed: 7, Records: 20_000, Sides: 2, Rates: rates, Format: format})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := g.WriteFiles(t.Context(), dir, false); err != nil {
		t.Fatal(err)
	}
	breaks = map[recon.Break]int{}
	for p := range g.Truth() {
		for _, b := range p.Breaks {
			breaks[b]++
		}
	}
	names, _ := g.Names(dir)
	return names[0], names[1], breaks
}

// found counts a file of breaks by class.
func found(t *testing.T, path string) map[recon.Break]int {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	breaks := map[recon.Break]int{}
	for d := json.NewDecoder(f); ; {
		var line struct {
			Break recon.Break `json:"break"`
		}
		if err := d.Decode(&line); err == io.EOF {
			return breaks
		} else if err != nil {
			t.Fatal(err)
		}
		breaks[line.Break]++
	}
}

// zipped packs a bill and another file beside it.
func zipped(t *testing.T, path, beside string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range map[string]string{"summary.csv": beside, "details.csv": string(text)} {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	packed := path + ".zip"
	if err := os.WriteFile(packed, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return packed
}

// TestCompareWithAChannelsOwnBill finds the planted faults, no more and no less, in a bill that its adapter describes.
func TestCompareWithAChannelsOwnBill(t *testing.T) {
	t.Parallel()
	folder := adapters(t, "wechat", "alipay")
	for _, format := range []recongen.Format{recongen.FormatWeChat, recongen.FormatAlipay} {
		ours, theirs, want := bill(t, format)
		if len(want) < 4 {
			t.Fatalf("planted only %v", want)
		}
		for _, file := range []string{theirs, zipped(t, theirs, "shop,count\nA,1\n")} {
			out := filepath.Join(t.TempDir(), "breaks.jsonl")
			args := []string{
				"recon", "compare", ours, file, "--key", "booking_id", "--amount", "amount:yuan", "--kind", "kind", "--fee", "fee:yuan",
				"--time", "created_at", "--format", string(format), "--adapters", folder, "--breaks", out,
			}
			if format == recongen.FormatWeChat { // Alipay's bill has no states
				args = append(args, "--status", "status", "--map", "paid=success,pending=processing")
			}
			text, code := touchstone(t, args...)
			if got := found(t, out); code != exitBreaks || !maps.Equal(got, want) {
				t.Errorf("%s: exit code %d, breaks %v, planted %v\n%s", filepath.Base(file), code, got, want, text)
			}
		}
		cut := theirs + ".cut"
		whole, err := os.ReadFile(theirs)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(cut, whole[:bytes.LastIndexByte(whole[:len(whole)*9/10], '\n')+1], 0o600); err != nil {
			t.Fatal(err)
		}
		if text, code := touchstone(t, "recon", "compare", ours, cut, "--key", "booking_id", "--amount", "amount:yuan", "--kind", "kind", "--format", string(format), "--adapters", folder); code != exitError || !strings.Contains(text, "the file is cut off") {
			t.Errorf("%s, cut short: exit code %d\n%s", format, code, text)
		}
	}
}

// TestCompareWithAUnionPayZip reads the day's transactions and the disputes out of one zip, by the adapter's two formats of
// fixed widths. Their times have no year: without the day the file is refused.
func TestCompareWithAUnionPayZip(t *testing.T) {
	t.Parallel()
	folder := adapters(t, "unionpay")
	ours := filepath.Join(t.TempDir(), "ours.csv")
	if err := os.WriteFile(ours, []byte("id,kind,amount\n10078087,payment,4768.00\n0000001234,payment,838.00\nR-1,refund,38.01\nV-1,reversal,10.00\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const bill = "../../plugins/unionpay/testdata/802310048993424_20160101.zip"
	args := []string{"recon", "compare", ours, bill, "--key", "id", "--amount", "amount:yuan", "--kind", "kind", "--format", "unionpay", "--adapters", folder}
	if text, code := touchstone(t, args...); code != exitError || !strings.Contains(text, "--date") {
		t.Errorf("without a day: exit code %d\n%s", code, text)
	}
	for kind, want := range map[string]map[recon.Break]int{
		"trade":    {"amount-mismatch": 1, "missing-internally": 1},
		"disputes": {"missing-at-channel": 4, "missing-internally": 2},
	} {
		out := filepath.Join(t.TempDir(), "breaks.jsonl")
		text, code := touchstone(t, append(slices.Clone(args), "--date", "2016-01-01", "--format-kind", kind, "--breaks", out)...)
		if got := found(t, out); code != exitBreaks || !maps.Equal(got, want) {
			t.Errorf("%s: exit code %d, breaks %v, want %v\n%s", kind, code, got, want, text)
		}
	}
}

// TestCompareWithAFormatOfAFile reads the same bill by a format that a person wrote.
func TestCompareWithAFormatOfAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ours, theirs := write("ours.csv", "id,amount\nA,1.00\nB,2.00\n"), write("theirs.txt", "A|100\nB|200\n")
	const good = `{"name": "bank", "lines": {"separator": "|"}, "header": {"none": true},
	"columns": [{"name": "no"}, {"name": "fen"}],
	"rows": [{"kind": "payment", "key": ["no"], "amount": {"columns": ["fen"], "unit": "minor"}, "currency": "CNY", "status": {}}]}
`
	for name, c := range map[string]struct {
		text, want string
		code       int
	}{
		"good":           {good, "equal", 0},
		"no JSON":        {"{\n  \"name\": bank}", "x.json:2:11: ", exitError},
		"another type":   {strings.Replace(good, `"bank"`, "7", 1), "x.json:1:10: ", exitError},
		"unknown field":  {strings.Replace(good, `"header"`, `"heading"`, 1), `unknown field "heading"`, exitError},
		"unknown column": {strings.Replace(good, `["fen"]`, `["yuan"]`, 1), `x.json: bank: rows[0].amount.columns: column is not declared (got "yuan"); try: add it to columns`, exitError},
		"another file":   {strings.Replace(good, `{"none": true}`, `{}`, 1), "no: is missing", exitError},
		"two of them":    {good + good, "x.json:4:", exitError},
		"times, no year": {strings.Replace(good, `"rows"`, `"time_layouts": ["0102"], "rows"`, 1), "the statement's date is needed; try: --date", exitError},
	} {
		text, code := touchstone(t, "recon", "compare", ours, theirs, "--key", "id", "--amount", "amount:yuan", "--format", write("x.json", c.text))
		if code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%s: exit code %d\n%s", name, code, text)
		}
	}
}

func TestFormatsThatAreNotThere(t *testing.T) {
	t.Parallel()
	folder := adapters(t, "wechat")
	base := []string{"recon", "compare", "a.csv", "b.csv", "--key", "id", "--amount", "amount:yuan"}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no such adapter": {[]string{"--format", "unknown", "--adapters", folder}, "no touchstone-adapter-unknown in " + folder + " (there are: wechat)"},
		"no such kind":    {[]string{"--format", "wechat", "--format-kind", "none", "--adapters", folder}, "try: one of the kinds trade"},
		"no such file":    {[]string{"--format", filepath.Join(folder, "none.json")}, "no such file"},
		"kind alone":      {[]string{"--format-kind", "trade"}, "try: --format NAME"},
		"with --compare":  {[]string{"--format", "wechat", "--compare", "subject"}, "try: without --compare"},
	} {
		if text, code := touchstone(t, append(base, c.args...)...); code != exitError || !strings.Contains(text, c.want) {
			t.Errorf("%s: exit code %d\n%s", name, code, text)
		}
	}
}
