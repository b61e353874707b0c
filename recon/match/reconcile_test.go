package match

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

// spec is the format of this package's files.
func spec() *recon.FormatSpec {
	f := &recon.FormatSpec{
		Name: "test", Open: true, KindIn: "kind", Lines: recon.LineRule{Separator: ","},
		Columns: []recon.Column{{Name: "id"}, {Name: "kind"}, {Name: "amount"}, {Name: "currency"}, {Name: "state"}, {Name: "note"}},
	}
	for _, k := range []recon.Kind{recon.KindPayment, recon.KindRefund} {
		f.Rows = append(f.Rows, recon.RowRule{
			Match: []string{string(k)}, Kind: k, Key: []string{"id"}, CurrencyIn: "currency", Compare: []string{"note"},
			Amount: recon.Amount{Columns: []string{"amount"}, Unit: recon.UnitMinor},
			Status: recon.StatusMap{Column: "state", Values: map[string]recon.Status{"success": recon.StatusSuccess, "failed": recon.StatusFailed}},
		})
	}
	return f
}

const header = "id,kind,amount,currency,state,note\n"

type row struct {
	id, kind    string
	amount      int
	currency    string
	state, note string
}

func (r row) line() string {
	return fmt.Sprintf("%s,%s,%d,%s,%s,%s\n", r.id, r.kind, r.amount, r.currency, r.state, r.note)
}

func text(rows []row) string {
	var b strings.Builder
	b.WriteString(header)
	for _, r := range rows {
		b.WriteString(r.line())
	}
	return b.String()
}

const compared = entry.CompareFurther

// openSides writes texts to files and opens them.
func openSides(t *testing.T, threads int, texts ...string) []*scan.Side {
	t.Helper()
	hasher := entry.NewHasher(entry.NewSecret())
	var sides []*scan.Side
	for i, text := range texts {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%c.csv", 'a'+i))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		side, err := scan.OpenFile(path, scan.Options{Format: spec(), Hasher: hasher, Compared: compared, Workers: threads})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := side.Close(); err != nil {
				t.Error(err)
			}
		})
		sides = append(sides, side)
	}
	return sides
}

// answer is everything a run says but how it was done, in one text. Without lines it is the same for every order of rows.
func answer(t *testing.T, cfg Config, lines bool, texts ...string) (string, *Result) {
	t.Helper()
	var out bytes.Buffer
	cfg.Compared = compared
	cfg.Each = func(d *Difference) error {
		if !lines {
			for _, r := range d.Records {
				if r != nil {
					r.Origin.Line = 0
				}
			}
		}
		return json.NewEncoder(&out).Encode(d)
	}
	result, err := Reconcile(t.Context(), cfg, openSides(t, max(1, cfg.Threads), texts...)...)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&out, "matched %s\n", result.Matched)
	for _, b := range result.Breaks {
		fmt.Fprintf(&out, "%s %d %v\n", b.Break, b.Count, b.Sides)
	}
	return out.String(), result
}

// randomRows draws rows of few keys, so that copies and breaks of every kind occur.
func randomRows(rng *rand.Rand, n, keys int) []row {
	rows := make([]row, n)
	for i := range rows {
		rows[i] = row{
			id: fmt.Sprintf("K%d", rng.IntN(keys)), kind: []string{"payment", "refund"}[rng.IntN(2)], amount: rng.IntN(3),
			currency: []string{"CNY", "CNY", "CNY", "USD"}[rng.IntN(4)], state: []string{"success", "success", "failed"}[rng.IntN(3)], note: []string{"", "n"}[rng.IntN(2)],
		}
	}
	return rows
}

// oracle finds the breaks of two sides slowly, by another way than the engine: it pairs equal rows of a key, then what is
// left in order.
func oracle(a, b []row) map[recon.Break]int {
	type key struct{ id, kind string }
	lists := map[key]*[2][]row{}
	for side, rows := range [][]row{a, b} {
		for _, r := range rows {
			k := key{r.id, r.kind}
			if lists[k] == nil {
				lists[k] = &[2][]row{}
			}
			lists[k][side] = append(lists[k][side], r)
		}
	}
	found := map[recon.Break]int{}
	for _, l := range lists {
		left, right, had := []row{}, slices.Clone(l[1]), len(l[0]) > 0 && len(l[1]) > 0
		for _, r := range l[0] {
			if i := slices.Index(right, r); i >= 0 {
				right = slices.Delete(right, i, i+1)
			} else {
				left = append(left, r)
			}
		}
		order := func(x, y row) int { return strings.Compare(sortable(x), sortable(y)) }
		slices.SortFunc(left, order)
		slices.SortFunc(right, order)
		for i := range max(len(left), len(right)) {
			switch {
			case i >= len(left) && had, i >= len(right) && had:
				found[recon.Duplicate]++
			case i >= len(left):
				found[recon.MissingInternally]++
			case i >= len(right):
				found[recon.MissingAtChannel]++
			case left[i].amount != right[i].amount || left[i].currency != right[i].currency:
				found[recon.AmountMismatch]++
			case left[i].state != right[i].state:
				found[recon.StatusMismatch]++
			default:
				found[recon.FieldMismatch]++
			}
		}
	}
	return found
}

// sortable brings rows of one key into the order of what they say: amount, currency, state, note.
func sortable(r row) string {
	return fmt.Sprintf("%c%s%s\x00%s", r.amount, r.currency, r.state, r.note)
}

func TestBreaksAreThoseOfASlowLook(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for round := range 150 {
		n := 1 + rng.IntN(400)
		a, b := randomRows(rng, n, 1+rng.IntN(n)), randomRows(rng, n, 1+rng.IntN(n))
		for range rng.IntN(n) { // most of a real day agrees
			b[rng.IntN(n)] = a[rng.IntN(n)]
		}
		_, result := answer(t, Config{Threads: 1 + rng.IntN(3), Parts: 1 << rng.IntN(6)}, false, text(a), text(b))
		got := map[recon.Break]int{}
		for _, x := range result.Breaks {
			got[x.Break] = int(x.Count)
		}
		if want := oracle(a, b); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("seed %d round %d: got %v, want %v\n%s\n%s", seed, round, got, want, text(a), text(b))
		}
	}
}

// TestOneAnswer runs the same sides in every way there is: plans, threads, partitions, memory, order of rows.
func TestOneAnswer(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, sides := range []int{2, 3} {
		base := randomRows(rng, 30_000, 1<<30)
		base = append(base, randomRows(rng, 300, 40)...)
		texts, shuffled := make([]string, sides), make([]string, sides)
		for i := range texts {
			rows := slices.Clone(base)
			for range 60 {
				at := rng.IntN(len(rows))
				switch rng.IntN(4) {
				case 0:
					rows = slices.Delete(rows, at, at+1)
				case 1:
					rows = append(rows, rows[at])
				case 2:
					rows[at].amount++
				case 3:
					rows[at].note = "other"
				}
			}
			texts[i] = text(rows)
			rng.Shuffle(len(rows), func(x, y int) { rows[x], rows[y] = rows[y], rows[x] })
			shuffled[i] = text(rows)
		}
		want, first := answer(t, Config{Plan: PlanJoin}, true, texts...)
		if first.Plan != PlanJoin || len(first.Breaks) < 3 {
			t.Fatalf("got plan %s, %d breaks", first.Plan, len(first.Breaks))
		}
		spilled := false
		for _, cfg := range []Config{
			{Threads: 2, Plan: PlanJoin}, {Threads: 5, Parts: 256, Plan: PlanJoin}, {Parts: 2, Plan: PlanJoin}, {Parts: 4, Memory: 1, Plan: PlanJoin},
			{Threads: 3, Parts: 8, Memory: 100 << 10, Plan: PlanJoin}, {Threads: 2, Memory: 1, Plan: PlanJoin}, {Plan: PlanSpill, Parts: 4, Memory: 1},
			{}, {Threads: 3, Parts: 16}, {Threads: 2, Memory: 1}, {Plan: PlanDigest, Parts: 2},
			{Threads: 2, coarse: noMarks}, {Threads: 2, coarse: noMarks >> 1 &^ (1<<distanceBits - 1)}, // differences that traces hide
		} {
			got, result := answer(t, cfg, true, texts...)
			if got != want {
				t.Errorf("%+v differs:\n%s\nwant\n%s", cfg, got, want)
			}
			spilled = spilled || result.Spilled > 0
		}
		if !spilled {
			t.Error("no run spilled")
		}
		want, _ = answer(t, Config{}, false, texts...)
		if got, _ := answer(t, Config{Threads: 2, Parts: 64}, false, shuffled...); got != want {
			t.Errorf("another order of rows:\n%s\nwant\n%s", got, want)
		}
	}
}

// noMarks are the bits of a trace in which records of one key differ.
const noMarks trace = (1<<markBits - 1) << distanceBits

func TestNumbersAreTheSameWithoutAnybodyWhoListens(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	a, b := text(randomRows(rng, 5000, 3000)), text(randomRows(rng, 5000, 3000))
	_, told := answer(t, Config{Threads: 2}, false, a, b)
	quiet, err := Reconcile(t.Context(), Config{Threads: 2, Compared: compared}, openSides(t, 2, a, b)...)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(quiet.Matched, quiet.Breaks) != fmt.Sprint(told.Matched, told.Breaks) {
		t.Errorf("got  %v %v\nwant %v %v", quiet.Matched, quiet.Breaks, told.Matched, told.Breaks)
	}
}

func TestClassesOfThreeSides(t *testing.T) {
	pay := func(amount int) []row { return []row{{"P1", "payment", amount, "CNY", "success", ""}} }
	for name, c := range map[string]struct {
		primary, channel, shadow []row
		want                     recon.Class
	}{
		"the candidate is wrong":       {pay(5), pay(5), pay(6), recon.Regression},
		"the candidate lacks it":       {pay(5), pay(5), nil, recon.Regression},
		"the candidate corrects":       {pay(5), pay(6), pay(6), recon.Fix},
		"both lack what was booked":    {nil, pay(6), nil, recon.Common},
		"both differ from the channel": {pay(5), pay(6), pay(5), recon.Common},
		"all differ":                   {pay(5), pay(6), pay(7), recon.Conflict},
		"one lacks it, two differ":     {pay(5), nil, pay(7), recon.Conflict},
	} {
		result, err := Reconcile(t.Context(), Config{Compared: compared}, openSides(t, 1, text(c.primary), text(c.channel), text(c.shadow))...)
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Classes) != 1 || result.Classes[c.want] != 1 {
			t.Errorf("%s: got %v, want %s", name, result.Classes, c.want)
		}
	}
}

func TestNamedBreaks(t *testing.T) {
	pay := func(id string, amount int) row { return row{id, "payment", amount, "CNY", "success", ""} }
	failed, dollars, noted := pay("P1", 5), pay("P1", 5), pay("P1", 5)
	failed.state, dollars.currency, noted.note = "failed", "USD", "x"
	for name, c := range map[string]struct {
		a, b, c []row
		unique  bool
		want    string
	}{
		"equal":                     {a: []row{pay("P1", 5)}, b: []row{pay("P1", 5)}, want: ""},
		"missing at the channel":    {a: []row{pay("P1", 5)}, b: nil, want: "missing-at-channel payment P1"},
		"missing internally":        {a: nil, b: []row{pay("P1", 5)}, want: "missing-internally payment P1"},
		"a cent":                    {a: []row{pay("P1", 5)}, b: []row{pay("P1", 6)}, want: "amount-mismatch payment P1 amount: 0.05 | 0.06"},
		"currency":                  {a: []row{pay("P1", 5)}, b: []row{dollars}, want: "amount-mismatch payment P1 currency: CNY | USD"},
		"state":                     {a: []row{pay("P1", 5)}, b: []row{failed}, want: "status-mismatch payment P1 status: success | failed"},
		"further column":            {a: []row{pay("P1", 5)}, b: []row{noted}, want: "field-mismatch payment P1 note:  | x"},
		"two against one":           {a: []row{pay("P1", 5), pay("P1", 5)}, b: []row{pay("P1", 5)}, want: "duplicate payment P1"},
		"two against none":          {a: []row{pay("P1", 5), pay("P1", 5)}, want: "missing-at-channel payment P1, missing-at-channel payment P1"},
		"two against two":           {a: []row{pay("P1", 5), pay("P1", 5)}, b: []row{pay("P1", 5), pay("P1", 5)}, want: ""},
		"two against two, unique":   {a: []row{pay("P1", 5), pay("P1", 5)}, b: []row{pay("P1", 5), pay("P1", 5)}, unique: true, want: "duplicate payment P1"},
		"another kind":              {a: []row{pay("P1", 5)}, b: []row{{"P1", "refund", 5, "CNY", "success", ""}}, want: "missing-at-channel payment P1, missing-internally refund P1"},
		"keys that would run over":  {a: []row{{"x0", "payment", 1, "CNY", "success", "y"}}, b: []row{{"x", "payment", 1, "CNY", "success", "0y"}}, want: "missing-internally payment x, missing-at-channel payment x0"},
		"three: shadow lacks it":    {a: []row{pay("P1", 5)}, b: []row{pay("P1", 5)}, c: []row{pay("P2", 5)}, want: "missing-in-shadow payment P1, only-in-shadow payment P2"},
		"three: one cent":           {a: []row{pay("P1", 5)}, b: []row{pay("P1", 5)}, c: []row{pay("P1", 6)}, want: "amount-mismatch payment P1 amount: 0.05 | 0.05 | 0.06"},
		"three: the wrong one left": {a: []row{pay("P1", 5), pay("P1", 7)}, b: []row{pay("P1", 5)}, c: []row{pay("P1", 5)}, want: "duplicate payment P1"},
	} {
		t.Run(name, func(t *testing.T) {
			texts := []string{text(c.a), text(c.b)}
			if c.c != nil {
				texts = append(texts, text(c.c))
			}
			var got []string
			_, err := Reconcile(t.Context(), Config{Compared: compared, Unique: c.unique, Each: func(d *Difference) error {
				got = append(got, d.String())
				return nil
			}}, openSides(t, 1, texts...)...)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestManyCopiesOfOneKey would take minutes if copies were compared each with each.
func TestManyCopiesOfOneKey(t *testing.T) {
	rows := make([]row, 60_000)
	for i := range rows {
		rows[i] = row{"K", "payment", i % 3, "CNY", "success", ""}
	}
	_, result := answer(t, Config{Threads: 2}, false, text(rows), text(rows[:len(rows)-5]))
	if len(result.Breaks) != 1 || result.Breaks[0].Break != recon.Duplicate || result.Breaks[0].Count != 5 {
		t.Errorf("got %+v", result.Breaks)
	}
}

func TestAColumnThatIsNoKey(t *testing.T) {
	rows := make([]row, maxCopies+10)
	for i := range rows {
		rows[i] = row{"paid", "payment", i, "CNY", "success", ""}
	}
	_, err := Reconcile(t.Context(), Config{Compared: compared}, openSides(t, 1, text(rows), text(rows[:1]))...)
	if err == nil || !strings.Contains(err.Error(), "it names no single booking; try: ") {
		t.Errorf("got %v", err)
	}
}

func TestConservationOfAResultIsAsserted(t *testing.T) {
	_, result := answer(t, Config{}, false, text([]row{{"P1", "payment", 5, "CNY", "success", ""}, {"P2", "payment", 6, "CNY", "success", ""}}), text([]row{{"P1", "payment", 5, "CNY", "success", ""}}))
	if err := result.conserved(); err != nil {
		t.Fatal(err)
	}
	spoil := func(name string, change func(*Result)) {
		r := *result
		r.Sides = slices.Clone(result.Sides)
		change(&r)
		if err := r.conserved(); err == nil {
			t.Errorf("%s went unnoticed", name)
		}
	}
	spoil("a lost break", func(r *Result) { r.Breaks = nil })
	spoil("a lost match", func(r *Result) { r.Matched = Totals{} })
	spoil("a cent more on one side", func(r *Result) {
		if err := r.Sides[1].In.add(Total{Kind: "payment", Currency: "CNY", Minor: 1}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestSpillThatDoesNotFitIsAnError points the spill at a device that is always full.
func TestSpillThatDoesNotFitIsAnError(t *testing.T) {
	w, err := newScatter(2, 1, 4, 1, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	spill := &spillFile{file: full}
	spill.out = newSpillWriter(full)
	w.workers[0].spill = spill
	batch := make([]entry.Entry, 1024)
	sink := sideSink{w, 0}
	for range 100 {
		if err = sink.Take(0, batch); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "no space left") || !strings.Contains(err.Error(), "try: ") {
		t.Errorf("got %v", err)
	}
}

func TestBreaksBeyondTheMemoryComeInOrder(t *testing.T) {
	s := newSorter(0, t.TempDir())
	defer s.close()
	rng := rand.New(rand.NewPCG(3, 3))
	const n = 5000
	for i := range rng.Perm(n) {
		if err := s.add(Difference{Break: recon.Duplicate, Group: Group{Key: recon.Key{Kind: "payment", ID: fmt.Sprintf("%06d", i)}, Records: []*recon.Record{nil}}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.runs) == 0 {
		t.Fatal("nothing went to disk")
	}
	at := 0
	err := s.each(func(d *Difference) error {
		if d.Key.ID != fmt.Sprintf("%06d", at) {
			return fmt.Errorf("place %d: %s", at, d.Key)
		}
		at++
		return nil
	})
	if err != nil || at != n {
		t.Errorf("%d of %d, %v", at, n, err)
	}
}

func TestErrorsOfASideEndTheRun(t *testing.T) {
	good := text([]row{{"P1", "payment", 5, "CNY", "success", ""}})
	sides := openSides(t, 1, good)
	broken, err := scan.OpenStream(io.NopCloser(io.MultiReader(strings.NewReader(good), brokenReader{})), scan.Options{Name: "b", Format: spec(), Hasher: sides[0].Hasher(), Compared: compared})
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Close()
	if _, err := Reconcile(t.Context(), Config{Compared: compared}, sides[0], broken); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if _, err := Reconcile(t.Context(), Config{}, sides[0]); err == nil {
		t.Error("one side was reconciled")
	}
	if _, err := Reconcile(t.Context(), Config{Unique: true, Plan: PlanDigest}, sides[0], sides[0]); err == nil {
		t.Error("unique was answered from digests")
	}
}

var errBroken = errors.New("connection lost")

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

func TestEveryEntryIsKeptOnlyWhereItIsNeeded(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want Plan
	}{
		{Config{}, PlanDigest}, {Config{Unique: true}, PlanJoin}, {Config{Plan: PlanJoin}, PlanJoin}, {Config{Plan: PlanDigest}, PlanDigest},
	} {
		if got := c.cfg.choose(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.cfg, got, c.want)
		}
	}
}

// someRows gives rows that agree on every side.
func someRows(n int) []row {
	rows := make([]row, n)
	for i := range rows {
		rows[i] = row{fmt.Sprint("order-", i), "payment", 100, "CNY", "success", ""}
	}
	return rows
}
