package match

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
	"github.com/seed-3356bd69/touchstone/test/recongen"
)

// daySpec reads the CSV files of recongen.
func daySpec() *recon.FormatSpec {
	f := &recon.FormatSpec{
		Name: "day", Open: true, KindIn: "kind", Lines: recon.LineRule{Separator: ",", Quote: true},
		Columns: []recon.Column{{Name: "order_id"}, {Name: "refund_id"}, {Name: "kind"}, {Name: "amount"}, {Name: "fee"}, {Name: "currency"}, {Name: "status"}, {Name: "subject"}},
	}
	for _, k := range []recon.Kind{recon.KindPayment, recon.KindRefund} {
		f.Rows = append(f.Rows, recon.RowRule{
			Match: []string{string(k)}, Kind: k, Key: []string{"order_id", "refund_id"}, KeyAll: true, Order: []string{"order_id"}, CurrencyIn: "currency", Compare: []string{"subject"},
			Amount: recon.Amount{Columns: []string{"amount"}, Unit: recon.UnitMajor}, Fee: &recon.Amount{Columns: []string{"fee"}, Unit: recon.UnitMajor},
			Status: recon.StatusMap{Column: "status", Values: map[string]recon.Status{"paid": recon.StatusSuccess, "pending": recon.StatusProcessing, "failed": recon.StatusFailed}},
		})
	}
	return f
}

// partRig has the files of a day, and a folder for parts.
type partRig struct {
	*testing.T
	rng   *rand.Rand
	files []string
	spec  *recon.FormatSpec
	dir   string
}

const dayCompared = entry.CompareFee | entry.CompareFurther

func newPartRig(t *testing.T, seed uint64, sides int, files ...[]byte) *partRig {
	t.Helper()
	r := &partRig{T: t, rng: rand.New(rand.NewPCG(seed, 1)), spec: daySpec(), dir: filepath.Join(t.TempDir(), "parts")}
	if files == nil {
		g, err := recongen.New(recongen.Config{Seed: seed, Records: 12_000, Sides: sides, Rates: recongen.EveryClass(0.002), Quoted: r.rng.IntN(2) == 0})
		if err != nil {
			t.Fatal(err)
		}
		if files, err = g.Sides(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	folder := t.TempDir()
	for i, text := range files {
		r.files = append(r.files, filepath.Join(folder, fmt.Sprintf("side%d.csv", i)))
		if err := os.WriteFile(r.files[i], text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// open opens the sides.
func (r *partRig) open(h *entry.Hasher, threads int) []*scan.Side {
	r.Helper()
	var sides []*scan.Side
	for _, path := range r.files {
		side, err := scan.OpenFile(path, scan.Options{Format: r.spec, Hasher: h, Compared: dayCompared, Workers: threads})
		if err != nil {
			r.Fatal(err)
		}
		r.Cleanup(func() { side.Close() })
		sides = append(sides, side)
	}
	return sides
}

// told is all that a run says but how it was done.
type told struct {
	result Result
	out    strings.Builder
	lines  string // once it is kept
}

func (x *told) config(threads int) Config {
	return Config{Compared: dayCompared, Threads: threads, Each: func(d *Difference) error { return json.NewEncoder(&x.out).Encode(d) }}
}

// keep takes over what a run found.
func (x *told) keep(r *Result) {
	x.result, x.lines = *r, x.out.String()
	x.result.Plan, x.result.Spilled, x.result.Reused = "", 0, 0
	for i := range x.result.Sides {
		x.result.Sides[i].Buffers, x.result.Sides[i].Reused = 0, 0
	}
}

// whole is what Reconcile says.
func (r *partRig) whole() *told {
	r.Helper()
	out := &told{}
	result, err := Reconcile(r.Context(), out.config(2), r.open(entry.NewHasher(entry.NewSecret()), 2)...)
	if err != nil {
		r.Fatal(err)
	}
	out.keep(result)
	return out
}

// begin opens the folder as another process would.
func (r *partRig) begin(to *told, change func(*Config)) *Parts {
	r.Helper()
	p, err := OpenParts(r.dir)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { p.Close() })
	threads := 1 + r.rng.IntN(3)
	cfg := to.config(threads)
	if change != nil {
		change(&cfg)
	}
	if err := p.Begin(r.Context(), cfg, r.open(p.Hasher(), threads)...); err != nil {
		r.Fatal(err)
	}
	return p
}

// same holds what parts told against the whole.
func (r *partRig) same(want, got *told) {
	r.Helper()
	if want.lines != got.lines {
		a, b := strings.Split(want.lines, "\n"), strings.Split(got.lines, "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				r.Fatalf("difference %d:\n%s\nin parts:\n%s", i, a[i], b[i])
			}
		}
		r.Fatalf("%d differences, in parts %d", len(a), len(b))
	}
	if !reflect.DeepEqual(want.result, got.result) {
		r.Fatalf("got %+v\nwant %+v", got.result, want.result)
	}
}

func (r *partRig) do(p *Parts, part Part, want Outcome) {
	r.Helper()
	if got, err := p.Do(r.Context(), part); err != nil || got != want {
		r.Fatalf("part %s: %s, want %s: %v", part, got, want, err)
	}
}

// pack makes a gzip stream of a file.
func (r *partRig) pack(side int) {
	r.Helper()
	text, err := os.ReadFile(r.files[side])
	if err != nil {
		r.Fatal(err)
	}
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(text); err != nil {
		r.Fatal(err)
	}
	if err := w.Close(); err != nil {
		r.Fatal(err)
	}
	if err := os.WriteFile(r.files[side], out.Bytes(), 0o600); err != nil {
		r.Fatal(err)
	}
}

// TestPartsSayWhatTheWholeSays does days with every class of fault in parts of many sizes: by several processes, each of
// which does some parts in any order and then ends, with little memory and with one worker or three.
func TestPartsSayWhatTheWholeSays(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for n := range uint64(8) {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := newPartRig(t, seed+n, 2+int(n%2))
			if n%4 == 3 {
				r.pack(1)
			}
			want := r.whole()
			if len(want.result.Breaks) < 5 || len(want.lines) < 10_000 {
				t.Fatalf("a day of few breaks: %+v", want.result.Breaks)
			}
			change := func(c *Config) {
				c.PartSize, c.Memory, c.Parts = 200_000+1000*int64(n), []int64{1, 1 << 30}[r.rng.IntN(2)], []int{0, 64}[n/4]
			}
			open := []*Parts{r.begin(&told{}, change), r.begin(&told{}, change)}
			all := open[0].All()
			if scans := slices.IndexFunc(all, func(p Part) bool { return p.Stage == StageJoin }); scans < 10 || len(all)-scans < 8 {
				t.Fatalf("%d scan parts: %v", scans, all)
			}
			for _, stage := range Stages() {
				parts := slices.DeleteFunc(slices.Clone(all), func(p Part) bool { return p.Stage != stage })
				for _, i := range r.rng.Perm(len(parts)) {
					r.do(open[r.rng.IntN(2)], parts[i], PartDone)
					if r.rng.IntN(4) == 0 { // it ends, and another one goes on
						i := r.rng.IntN(2)
						if err := open[i].Close(); err != nil {
							t.Fatal(err)
						}
						open[i] = r.begin(&told{}, change)
					}
				}
			}
			got := &told{}
			p := r.begin(got, change)
			for _, part := range all {
				r.do(p, part, PartThere)
			}
			result, err := p.Finish(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got.keep(result)
			r.same(want, got)
			if result.Plan != PlanParts || result.Spilled == 0 {
				t.Errorf("plan %s, %d bytes", result.Plan, result.Spilled)
			}
			if err := p.Clear(); err != nil {
				t.Fatal(err)
			}
			if left, err := os.ReadDir(r.dir); err != nil || len(left) > 0 {
				t.Errorf("%v stay behind: %v", left, err)
			}
		})
	}
}

// TestOddBytesOfADifferenceStay has texts that are no UTF-8 go through parts, and through the runs of a sorter.
func TestOddBytesOfADifferenceStay(t *testing.T) {
	for _, text := range []string{"", "a", "苹果", "\xff\xfe", odd, odd + "YQ==", "\x00"} {
		d := &Difference{Break: recon.FieldMismatch, Group: Group{Key: recon.Key{Kind: recon.KindPayment, ID: "K"}, Occurrence: 1, Records: []*recon.Record{nil, {
			Order: text, ChannelTxn: text, Account: text, Original: text, Further: []recon.Text{{Column: "c", Value: text}}, Origin: recon.Origin{File: text, Line: 7},
		}}}, Fields: []FieldValues{{"further", []string{"", text}}}}
		before, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(kept(d))
		if err != nil {
			t.Fatal(err)
		}
		if after, err := json.Marshal(d); err != nil || !bytes.Equal(before, after) {
			t.Fatalf("keeping changed a difference: %s, %v", after, err)
		}
		got, err := decoderOf(bytes.NewReader(raw))()
		if err != nil || !reflect.DeepEqual(got, d) {
			t.Errorf("%q came back as %+v, %v", text, got.Records[1], err)
		}
	}
	if _, err := decoderOf(strings.NewReader(`{"key":{"id":"\u0000base64:?"}}`))(); err == nil {
		t.Error("a text that nobody wrote was restored")
	}
}

// TestDamagedPartsAreMadeAgain damages parts in every way: the answer is the same, and never one out of a damaged part.
func TestDamagedPartsAreMadeAgain(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := newPartRig(t, seed, 2)
	r.pack(0)
	want := r.whole()
	small := func(c *Config) { c.PartSize, c.Parts = 300_000, 64 }
	reconcile := func() *told {
		t.Helper()
		got := &told{}
		p := r.begin(got, small)
		result, err := p.Reconcile(t.Context(), func() Config { c := got.config(p.cfg.Threads); small(&c); return c }(), r.open(p.Hasher(), p.cfg.Threads)...)
		if err != nil {
			t.Fatal(err)
		}
		got.keep(result)
		return got
	}
	r.same(want, reconcile())
	files, err := filepath.Glob(filepath.Join(r.dir, "*"))
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	foreign := newPartRig(t, seed+1, 2)
	p := foreign.begin(&told{}, small)
	for _, part := range p.All() {
		foreign.do(p, part, PartDone)
	}
	for _, path := range files {
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		other, err := os.ReadFile(filepath.Join(foreign.dir, filepath.Base(path)))
		if err != nil {
			other = []byte("another file")
		}
		flipped := bytes.Clone(whole)
		bit := r.rng.IntN(8 * len(whole))
		flipped[bit/8] ^= 1 << (bit % 8)
		for name, text := range map[string][]byte{
			"a flipped bit": flipped, "cut off": whole[:r.rng.IntN(len(whole))], "empty": {}, "longer": append(bytes.Clone(whole), 0), "of another plan": other,
			"zeros at the end": append(bytes.Clone(whole[:len(whole)/2]), make([]byte, len(whole)-len(whole)/2)...),
		} {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			r.Logf("%s: %s", filepath.Base(path), name)
			r.same(want, reconcile())
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil { // the plan, above all
			t.Fatal(err)
		}
	}
}

// TestWhatIsDamagedIsTold damages a scan part whose trailer is whole: the join finds it.
func TestWhatIsDamagedIsTold(t *testing.T) {
	r := newPartRig(t, 3, 2)
	small := func(c *Config) { c.PartSize, c.Parts = 300_000, 64 }
	want, p := r.whole(), r.begin(&told{}, small)
	for _, part := range p.All() {
		if part.Stage == StageScan {
			r.do(p, part, PartDone)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r.dir, Part{StageScan, 1, 2}.file())
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[headSize+100] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	got := &told{}
	p = r.begin(got, small)
	redone := 0
	for _, part := range p.All() {
		outcome, err := p.Do(t.Context(), part)
		if err != nil {
			t.Fatal(err)
		}
		if outcome == PartRedone {
			redone++
		}
		if wanted := map[Stage]Outcome{StageScan: PartThere, StageJoin: PartDone}[part.Stage]; outcome != wanted && outcome != PartRedone {
			t.Errorf("part %s was %s", part, outcome)
		}
	}
	if redone != 1 {
		t.Errorf("%d parts were done again, want 1", redone)
	}
	result, err := p.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got.keep(result)
	r.same(want, got)
	for _, part := range []Part{{StageScan, 0, 99}, {StageScan, 2, 0}, {StageScan, 0, -1}, {StageJoin, 0, 65}, {"other", 0, 0}} {
		if _, err := p.Do(t.Context(), part); err == nil {
			t.Errorf("part %s was done", part)
		}
	}
}

// TestAPlanOfSomethingElse changes what a plan is of: who begins begins anew, and who takes it is told what differs.
func TestAPlanOfSomethingElse(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *partRig, c *Config)
		differ string
	}{
		"another file": {func(r *partRig, _ *Config) {
			text, err := os.ReadFile(r.files[1])
			if err == nil {
				err = os.WriteFile(r.files[1], append(text, text[bytes.IndexByte(text, '\n')+1:]...), 0o600)
			}
			if err != nil {
				r.Fatal(err)
			}
		}, "side1.csv was"},
		"a file written again": {func(r *partRig, _ *Config) {
			if err := os.Chtimes(r.files[0], time.Now(), time.Now().Add(time.Hour)); err != nil {
				r.Fatal(err)
			}
		}, "side0.csv was"},
		"another format":   {func(r *partRig, _ *Config) { r.spec.Empty = []string{"x"} }, "another format"},
		"copies are told":  {func(_ *partRig, c *Config) { c.Unique = true }, "other breaks reported"},
		"only numbers":     {func(_ *partRig, c *Config) { c.Each = nil }, "other breaks reported"},
		"other partitions": {func(_ *partRig, c *Config) { c.Parts = 128 }, "other parts"},
		"another size":     {func(_ *partRig, c *Config) { c.PartSize = 500_000 }, "other parts"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newPartRig(t, 9, 2)
			p := r.begin(&told{}, func(c *Config) { c.PartSize, c.Parts = 300_000, 64 })
			r.do(p, Part{StageScan, 0, 0}, PartDone)
			taken, err := OpenParts(r.dir)
			if err != nil {
				t.Fatal(err)
			}
			cfg := (&told{}).config(1)
			cfg.PartSize, cfg.Parts = 300_000, 64
			c.change(r, &cfg)
			err = taken.Take(cfg, r.open(taken.Hasher(), 1)...)
			if other, is := errors.AsType[*OtherPlanError](err); !is || !strings.Contains(other.What, c.differ) || !strings.Contains(err.Error(), "try: ") {
				t.Errorf("taken: %v", err)
			}
			got := &told{}
			p = r.begin(got, func(now *Config) {
				now.Unique, now.Parts, now.PartSize = cfg.Unique, cfg.Parts, cfg.PartSize
				if cfg.Each == nil {
					now.Each = nil
				}
			})
			if entries, err := os.ReadDir(r.dir); err != nil || len(entries) != 1 {
				t.Errorf("parts of the plan before are there: %v, %v", entries, err)
			}
			for _, part := range p.All() {
				r.do(p, part, PartDone)
			}
			result, err := p.Finish(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if cfg.Each != nil && !cfg.Unique {
				got.keep(result)
				r.same(r.whole(), got)
			}
		})
	}
}

func TestAFolderServesOneRunAndKeepsWhatIsNotOurs(t *testing.T) {
	r := newPartRig(t, 4, 2)
	p := r.begin(&told{}, nil)
	if err := p.Alone(); err != nil {
		t.Fatal(err)
	}
	other, err := OpenParts(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Alone(); err == nil || !strings.Contains(err.Error(), "try: ") {
		t.Errorf("two runs work in one folder: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"letter.text", "scan-9.csv", "my.part", "scan-123.partial"} {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.Alone(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "scan-123.partial")); err == nil {
		t.Error("what a killed run left is still there")
	}
	if err := other.Clear(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(r.dir, "*")); err != nil || len(left) != 3 {
		t.Errorf("%v stay, %v", left, err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAFileThatIsWrongIsWrongInParts has what makes a file unusable found in parts as in the whole.
func TestAFileThatIsWrongIsWrongInParts(t *testing.T) {
	good := newPartRig(t, 5, 2)
	text, err := os.ReadFile(good.files[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string][]byte{
		"a quote in the middle": slices.Concat(text[:len(text)/2], []byte("\nP1,x\"y\",payment\n"), text[len(text)/2:]), "no header": []byte("a,b\n1,2\n"),
	} {
		r := newPartRig(t, 5, 2, text, wrong)
		_, whole := Reconcile(t.Context(), (&told{}).config(2), r.open(entry.NewHasher(entry.NewSecret()), 2)...)
		p, err := OpenParts(r.dir)
		if err != nil {
			t.Fatal(err)
		}
		_, parts := p.Reconcile(t.Context(), (&told{}).config(2), r.open(p.Hasher(), 2)...)
		a, isA := errors.AsType[*scan.Problem](whole)
		b, isB := errors.AsType[*scan.Problem](parts)
		if !isA || !isB || *a != *b {
			t.Errorf("%s: the whole %v, in parts %v", name, whole, parts)
		}
	}
}

func TestPartsThatDoNotFitTheDiskAreRefused(t *testing.T) {
	r := newPartRig(t, 6, 2)
	p := r.begin(&told{}, nil)
	big := filepath.Join(t.TempDir(), "big.csv")
	rows := strings.Repeat("1,,payment,1,0,CNY,paid,x\n", 20_000)
	if err := os.WriteFile(big, []byte("order_id,refund_id,kind,amount,fee,currency,status,subject\n"+rows), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(big, 1<<43); err != nil { // a hole: nobody reads it
		t.Fatal(err)
	}
	r.files[1], r.dir = big, filepath.Join(t.TempDir(), "parts")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := OpenParts(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	err = p.Begin(t.Context(), (&told{}).config(1), r.open(p.Hasher(), 1)...)
	if err == nil || !strings.Contains(err.Error(), "are free; try: ") {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(r.dir); err != nil || len(left) > 0 {
		t.Errorf("%v stay behind, %v", left, err)
	}
}

func TestNamesOfParts(t *testing.T) {
	for _, part := range []Part{{StageScan, 0, 3}, {StageScan, 4, 127}, {StageJoin, 0, 7}} {
		if got, err := ParsePart(part.String()); err != nil || got != part || len(part.String()) > 16 {
			t.Errorf("%s is read as %s, %v", part, got, err)
		}
	}
	for _, text := range []string{"", "scan", "scan/1", "scan/a/1", "join", "join/1/2", "other/1", "join/"} {
		if part, err := ParsePart(text); err == nil {
			t.Errorf("%q is read as %s", text, part)
		}
	}
}
