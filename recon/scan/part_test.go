package scan

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// statedSpec is summedSpec with figures that the file states about itself.
func statedSpec() *recon.FormatSpec {
	spec := summedSpec()
	pay := []recon.Kind{recon.KindPayment}
	spec.Totals = []recon.Total{
		{Names: []string{"total"}, Of: recon.TotalCount}, {Names: []string{"paid"}, Of: recon.TotalAmount, Kinds: pay, Unit: recon.UnitMajor},
		{Pattern: `^#paid=(.*)`, Of: recon.TotalAmount, Kinds: pay, Unit: recon.UnitMajor},
	}
	return spec
}

// randomBill writes a bill of all that a line can be, with quoted line ends, comments, remarks and rejects, and the figures
// that it states about itself.
func randomBill(rng *rand.Rand, lines int, quoted bool) string {
	end := []string{"\n", "\r\n"}[rng.IntN(2)]
	var b strings.Builder
	b.WriteString("#made by a test" + end + strings.TrimSpace(plainHeader) + end)
	count, paid := 0, 0
	for i := range lines {
		note := "note " + strings.Repeat("x", rng.IntN(60))
		if quoted && rng.IntN(4) == 0 {
			note = `"a ""quoted"", ` + strings.Repeat("line\n", rng.IntN(4)) + `end"`
		}
		if rng.IntN(50) == 0 {
			note = "苹果"
		}
		amount := rng.IntN(100_000)
		row := func(kind, amount string) {
			fmt.Fprintf(&b, "P%d,,%s,%s,CNY,ok,2026-01-02 03:04:05,0.01,%s%s", i, kind, amount, note, end)
		}
		switch rng.IntN(200) {
		case 0:
			fmt.Fprintf(&b, "#comment %d%s", i, end)
			continue
		case 1:
			b.WriteString(end)
			continue
		case 2:
			row("remark", "0")
		case 3: // counted all the same
			row("pay", "much")
		case 4:
			row("strange", "1.00")
		default:
			paid += amount
			row("pay", fmt.Sprintf("%d.%02d", amount/100, amount%100))
		}
		count++
	}
	paidText := fmt.Sprintf("%d.%02d", paid/100, paid%100)
	fmt.Fprintf(&b, "#paid=%s%stotal,paid%s%d,%s%s", paidText, end, end, count, paidText, end)
	return b.String()
}

// inParts scans a file in parts, each by a side of its own and in any order, and joins what was written of them.
func inParts(t *testing.T, rng *rand.Rand, path string, o Options) (*Side, *Result, []entry.Entry, error) {
	t.Helper()
	open := func() *Side {
		o.Workers = 1 + rng.IntN(3)
		side, err := OpenFile(path, o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { side.Close() })
		return side
	}
	whole, sink := open(), &gather{}
	blocks, err := whole.Blocks()
	if err != nil {
		return whole, nil, nil, err
	}
	cuts := []int{0, blocks}
	for range rng.IntN(5) {
		cuts = append(cuts, rng.IntN(blocks+1))
	}
	slices.Sort(cuts)
	parts := make([]*Part, len(cuts)-1)
	for _, i := range rng.Perm(len(parts)) {
		side := open()
		if _, err := side.Blocks(); err != nil {
			t.Fatal(err)
		}
		quoted, err := side.Opens(0, cuts[i], false)
		if err != nil {
			t.Fatal(err)
		}
		part, err := side.ScanPart(t.Context(), sink, cuts[i], cuts[i+1], quoted)
		if err != nil {
			return whole, nil, nil, err
		}
		text, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		parts[i] = &Part{}
		if err := json.Unmarshal(text, parts[i]); err != nil {
			t.Fatal(err)
		}
		if next, err := side.Opens(cuts[i], cuts[i+1], quoted); err != nil || next != part.Open {
			t.Fatalf("a quoted cell is open behind block %d: %v, counted %v", cuts[i+1], part.Open, next)
		}
	}
	result, err := whole.Join(parts)
	slices.SortFunc(sink.entries, func(a, b entry.Entry) int { return cmp.Compare(a.At.Place(), b.At.Place()) })
	return whole, result, sink.entries, err
}

func TestPartsAreTheWhole(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	gbk := func(text string) string {
		b, err := simplifiedchinese.GBK.NewEncoder().String(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, spoil := range map[string]func(string) string{
		"as it is":     func(s string) string { return s },
		"GBK":          gbk,
		"cut off":      func(s string) string { return s[:len(s)/2+rng.IntN(len(s)/3)] },
		"a wrong sum":  func(s string) string { return strings.Replace(s, "#paid=", "#paid=1", 1) },
		"put together": func(s string) string { return s + s },
		"a long line":  func(s string) string { return s[:len(s)/2] + strings.Repeat("y", 1<<21) + s[len(s)/2:] },
	} {
		t.Run(name, func(t *testing.T) {
			for range 4 {
				o := options(statedSpec())
				o.Compared, o.Keep = entry.CompareFurther, 20
				o.Format.Lines.Quote = rng.IntN(3) > 0
				if name == "GBK" {
					o.Format.Charset = recon.CharsetGB18030
				}
				path := file(t, spoil(randomBill(rng, 8000, o.Format.Lines.Quote && name != "a long line")))
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				one, want, entries, failed := scanText(t, string(text), o)
				other, got, more, again := inParts(t, rng, path, o)
				if fmt.Sprint(failed) != fmt.Sprint(again) {
					t.Fatalf("the whole: %v\nin parts: %v", failed, again)
				}
				if !reflect.DeepEqual(want, got) {
					t.Fatalf("the whole: %+v\nin parts: %+v", want, got)
				}
				if got == nil {
					continue
				}
				if !slices.Equal(entries, more) || (name == "as it is" && (len(more) < 7000 || got.Rejected == 0 || len(got.Control) != 3)) {
					t.Fatalf("%d entries, in parts %d: %+v", len(entries), len(more), got)
				}
				for range 50 {
					at := entries[rng.IntN(len(entries))].At.Place()
					if a, b := one.Line(at), other.Line(at); a != b {
						t.Fatalf("place %d is line %d, in parts %d", at, a, b)
					}
				}
			}
		})
	}
}

func TestPartsThatAreNotTheWholeAreRefused(t *testing.T) {
	path := file(t, randomBill(rand.New(rand.NewPCG(1, 1)), 8000, false))
	side, err := OpenFile(path, options(summedSpec()))
	if err != nil {
		t.Fatal(err)
	}
	defer side.Close()
	blocks, err := side.Blocks()
	if err != nil || blocks < 3 {
		t.Fatal(blocks, err)
	}
	scanned := func(from, to int) *Part {
		p, err := side.ScanPart(t.Context(), &gather{}, from, to, false)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, parts := range map[string][]*Part{
		"none": nil, "the first lacks": {scanned(1, blocks)}, "the last lacks": {scanned(0, 2)}, "one lacks": {scanned(0, 1), scanned(2, blocks)},
		"one twice": {scanned(0, 2), scanned(0, 2), scanned(2, blocks)}, "other totals": {{To: blocks, found: []*found{{figures: make([]figure, 9)}}}},
	} {
		if r, err := side.Join(parts); err == nil {
			t.Errorf("%s: got %+v", name, r)
		}
	}
	if _, err := side.ScanPart(t.Context(), &gather{}, 0, blocks+1, false); err == nil {
		t.Error("blocks that the file has not were scanned")
	}
}

// TestAStreamIsUnpackedAndReadAgain has a stream become a text that another side reads.
func TestAStreamIsUnpackedAndReadAgain(t *testing.T) {
	text := randomBill(rand.New(rand.NewPCG(2, 2)), 3000, true)
	_, want, entries, err := scanText(t, text, options(statedSpec()))
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	side, err := OpenFile(file(t, packed.String()), options(statedSpec()))
	if err != nil || !side.Streams() {
		t.Fatal(side, err)
	}
	defer side.Close()
	var out bytes.Buffer
	if n, err := side.Unpack(t.Context(), &out); err != nil || n != int64(len(text)) || out.String() != text {
		t.Fatalf("%d bytes of %d: %v", n, len(text), err)
	}
	f, err := os.Open(file(t, out.String()))
	if err != nil {
		t.Fatal(err)
	}
	if err := side.Over(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	sink := &gather{}
	got, err := side.Scan(t.Context(), sink)
	if err != nil || !reflect.DeepEqual(got, want) || len(sink.entries) != len(entries) {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestAStampTellsFilesApart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.csv")
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	stamp := func(text string, at time.Time) string {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
		side, err := OpenFile(path, options(plainSpec()))
		if err != nil {
			t.Fatal(err)
		}
		defer side.Close()
		return side.Stamp()
	}
	seen := map[string]bool{}
	for _, text := range []string{"a", "b", "ab"} {
		for _, at := range []time.Time{at, at.Add(1)} {
			seen[stamp(text, at)] = true
			seen[stamp(text, at)] = true
		}
	}
	if len(seen) != 6 {
		t.Errorf("6 files have the stamps %v", seen)
	}
}

func TestAReadingTellsOptionsApart(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*Options){
		"none": func(*Options) {}, "more workers": func(o *Options) { o.Workers = 7 }, "spool": func(o *Options) { o.Spool = t.TempDir() },
		"name": func(o *Options) { o.Name = "x" }, "account": func(o *Options) { o.Account = "x" }, "date": func(o *Options) { o.Date = "2026-01-02" },
		"compared": func(o *Options) { o.Compared = entry.CompareFee }, "secret": func(o *Options) { o.Hasher = entry.NewHasher(entry.Secret{2}) },
		"format": func(o *Options) { o.Format.Lines.Quote = false }, "line": func(o *Options) { o.MaxLine = 9 }, "full": func(o *Options) { o.Full = false },
	} {
		o := options(plainSpec())
		change(&o)
		side, err := OpenFile(file(t, plainHeader), o)
		if err != nil {
			t.Fatal(err)
		}
		reading, err := side.Reading()
		if err := cmp.Or(err, side.Close()); err != nil {
			t.Fatal(err)
		}
		seen[name] = reading
	}
	if seen["none"] != seen["more workers"] || seen["none"] != seen["spool"] {
		t.Error("workers or spool are part of the reading")
	}
	for name, reading := range seen {
		if reading == seen["none"] && !slices.Contains([]string{"none", "more workers", "spool"}, name) {
			t.Errorf("another %s is the same reading", name)
		}
	}
}
