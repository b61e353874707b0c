package digest

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

func hasher(seed byte) *entry.Hasher {
	return entry.NewHasher(entry.Secret{seed, 1, 2, 3})
}

func record(id string, fen int64) recon.Record {
	return recon.Record{Key: recon.Key{Kind: recon.KindPayment, ID: id}, Amount: recon.Money{Minor: fen, Currency: "CNY"}, Status: recon.StatusSuccess}
}

func entries(t testing.TB, h *entry.Hasher, compared entry.Compared, records ...recon.Record) []entry.Entry {
	t.Helper()
	all := make([]entry.Entry, len(records))
	for i := range records {
		var err error
		if all[i], err = h.Of(&records[i], uint64(i), compared); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// draw makes records of three kinds in two currencies; some come twice.
func draw(rng *rand.Rand, n int) []recon.Record {
	var all []recon.Record
	for i := range n {
		r := record(fmt.Sprintf("P%d", i), rng.Int64N(1e6))
		r.Key.Kind = recon.Kinds()[rng.IntN(3)]
		r.Amount.Currency = []recon.Currency{"CNY", "USD"}[rng.IntN(2)]
		all = append(all, r)
		if rng.IntN(10) == 0 {
			all = append(all, r)
		}
	}
	return all
}

func digestOf(t testing.TB, h *entry.Hasher, all []entry.Entry) *Table {
	t.Helper()
	table := New(h, 0)
	for i := range all {
		if err := table.Add(&all[i]); err != nil {
			t.Fatal(err)
		}
	}
	return table
}

func written(t testing.TB, table *Table) []byte {
	t.Helper()
	b, err := table.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func dirty(t testing.TB, a Digest, others ...Digest) []int {
	t.Helper()
	found, err := Dirty(a, others...)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Collect(found.All())
}

func random(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func TestOrderAndWorkersDoNotMatter(t *testing.T) {
	rng, h := random(t), hasher(1)
	all := entries(t, h, 0, draw(rng, 5000)...)
	want := written(t, digestOf(t, h, all))
	for workers := 1; workers <= 4; workers++ {
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		tables := make([]*Table, workers)
		for i := range tables {
			tables[i] = New(h, 0)
		}
		for i := range all {
			if err := tables[rng.IntN(workers)].Add(&all[i]); err != nil {
				t.Fatal(err)
			}
		}
		table := tables[0]
		for _, other := range tables[1:] {
			if err := table.Merge(other); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(written(t, table), want) {
			t.Errorf("%d workers give another digest", workers)
		}
	}
}

func TestEveryDifferenceIsSeen(t *testing.T) {
	h := hasher(1)
	base := []recon.Record{record("A", 100), record("B", 200), record("C", 300)}
	changed := func(change func(*recon.Record)) []recon.Record {
		all := slices.Clone(base)
		change(&all[1])
		return all
	}
	for name, other := range map[string][]recon.Record{
		"missing":                 base[:2],
		"two against one":         append(slices.Clone(base), base[0]),
		"three against one":       append(slices.Clone(base), base[0], base[0]),
		"amount":                  changed(func(r *recon.Record) { r.Amount.Minor++ }),
		"currency":                changed(func(r *recon.Record) { r.Amount.Currency = "USD" }),
		"kind":                    changed(func(r *recon.Record) { r.Key.Kind = recon.KindRefund }),
		"state":                   changed(func(r *recon.Record) { r.Status = recon.StatusFailed }),
		"a cent moved":            {record("A", 99), record("B", 201), record("C", 300)},
		"amounts changed places":  {record("A", 200), record("B", 100), record("C", 300)},
		"keys that differ by one": {record("A", 100), record("B0", 200), record("C", 300)},
	} {
		t.Run(name, func(t *testing.T) {
			got := dirty(t, digestOf(t, h, entries(t, h, 0, base...)), digestOf(t, h, entries(t, h, 0, other...)))
			if len(got) == 0 {
				t.Error("read as equal")
			}
		})
	}
}

// TestRegularEditsOfManyRowsAreSeen changes the time of an even number of rows in the same way: the XOR of CRCs of
// such rows stays the same, which is shown too.
func TestRegularEditsOfManyRowsAreSeen(t *testing.T) {
	h := hasher(1)
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	before, after, xor := []recon.Record{}, []recon.Record{}, uint32(0)
	for i := range 64 {
		r := record(fmt.Sprintf("P%04d", i), 100)
		r.Time = at
		before = append(before, r)
		r.Time = at.Add(10 * time.Minute)
		after = append(after, r)
		for _, r := range []recon.Record{before[i], after[i]} {
			xor ^= crc32.ChecksumIEEE([]byte(r.Key.ID + "," + r.Time.Format(time.DateTime)))
		}
	}
	if xor != 0 {
		t.Fatal("the XOR of CRCs differs: these rows prove nothing")
	}
	a, b := entries(t, h, entry.CompareTime, before...), entries(t, h, entry.CompareTime, after...)
	touched := map[int]bool{}
	for _, e := range a {
		touched[Of(e.Tag)] = true
	}
	if got := dirty(t, digestOf(t, h, a), digestOf(t, h, b)); len(got) != len(touched) {
		t.Errorf("%d of %d buckets seen", len(got), len(touched))
	}
}

func TestMergeIsUnionAndSubtractUndoesIt(t *testing.T) {
	rng, h := random(t), hasher(1)
	all := entries(t, h, 0, draw(rng, 3000)...)
	cut := rng.IntN(len(all))
	left, right := digestOf(t, h, all[:cut]), digestOf(t, h, all[cut:])
	view, err := Open(written(t, right), h)
	if err != nil {
		t.Fatal(err)
	}
	whole, wantLeft := written(t, digestOf(t, h, all)), written(t, left)
	if err := left.Merge(view); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written(t, left), whole) {
		t.Error("the merge is not the digest of both")
	}
	if err := left.Subtract(right); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written(t, left), wantLeft) {
		t.Error("subtract does not undo merge")
	}
	for i := range all[:cut] {
		if err := left.Sub(&all[i]); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(written(t, left), written(t, New(h, 0))) {
		t.Error("something is left when every entry was taken away")
	}
}

func TestShardsMergeIntoTheWhole(t *testing.T) {
	rng, h := random(t), hasher(1)
	all := entries(t, h, 0, draw(rng, 3000)...)
	whole := New(h, 0)
	for first := 0; first < Count; first += Count / 8 {
		shard := NewSpan(h, 0, Span{first, Count / 8})
		for i := range all {
			err := shard.Add(&all[i])
			if inside := shard.Span().Has(Of(all[i].Tag)); inside != (err == nil) || (!inside && !errors.Is(err, ErrSpan)) {
				t.Fatalf("bucket %d in %+v: %v", Of(all[i].Tag), shard.Span(), err)
			}
		}
		if err := whole.Merge(shard); err != nil {
			t.Fatal(err)
		}
		if err := shard.Merge(whole); !errors.Is(err, ErrSpan) {
			t.Fatalf("a whole side went into a shard: %v", err)
		}
	}
	if !bytes.Equal(written(t, whole), written(t, digestOf(t, h, all))) {
		t.Error("the shards are not the whole")
	}
}

func TestTotals(t *testing.T) {
	h := hasher(1)
	refund, dollars := record("A", 30), record("B", 7)
	refund.Key.Kind, dollars.Amount.Currency = recon.KindRefund, "USD"
	table := digestOf(t, h, entries(t, h, 0, refund, record("A", 100), dollars, record("C", 11)))
	for _, d := range []Digest{table, view(t, h, table)} {
		got, err := Totals(d)
		if err != nil {
			t.Fatal(err)
		}
		want := []Total{{Column{recon.KindPayment, "CNY"}, 2, 111}, {Column{recon.KindPayment, "USD"}, 1, 7}, {Column{recon.KindRefund, "CNY"}, 1, 30}}
		if !slices.Equal(got, want) {
			t.Errorf("got %+v", got)
		}
	}
}

func view(t testing.TB, h *entry.Hasher, table *Table) *View {
	t.Helper()
	v, err := Open(written(t, table), h)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMoneyNeverWraps(t *testing.T) {
	h := hasher(1)
	most := entries(t, h, 0, record("A", math.MaxInt64))
	table := digestOf(t, h, most)
	before := written(t, table)
	one := most[0]
	one.Amount = 1
	if err := table.Add(&one); !errors.Is(err, ErrOverflow) {
		t.Errorf("add: %v", err)
	}
	if !bytes.Equal(written(t, table), before) {
		t.Error("a failed add left something behind")
	}
	less := New(h, 0)
	for range 2 {
		if err := errors.Join(less.Sub(&most[0]), less.Sub(&one)); err != nil && !errors.Is(err, ErrOverflow) {
			t.Fatal(err)
		} else if err == nil {
			continue
		}
		t.Log("the lowest number holds one more")
	}
	if err := less.Sub(&most[0]); !errors.Is(err, ErrOverflow) {
		t.Errorf("sub: %v", err)
	}
	if err := table.Merge(digestOf(t, h, most)); !errors.Is(err, ErrOverflow) {
		t.Errorf("merge: %v", err)
	}
	other := most[0]
	other.Tag = ^other.Tag // another bucket: each holds its sum, the total does not
	if _, err := Totals(digestOf(t, h, []entry.Entry{most[0], other})); !errors.Is(err, ErrOverflow) {
		t.Errorf("totals: %v", err)
	}
}

func TestDigestsOfDifferentSchemesAreNotHeldTogether(t *testing.T) {
	mine, foreign, further := New(hasher(1), 0), New(hasher(2), 0), New(hasher(1), entry.CompareFee)
	for name, other := range map[string]*Table{"secret": foreign, "fields": further} {
		_, err := Dirty(mine, other)
		for _, err := range []error{err, mine.Merge(other), mine.Subtract(other)} {
			if !errors.Is(err, ErrScheme) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, err := Open(written(t, foreign), hasher(1)); !errors.Is(err, ErrScheme) {
		t.Errorf("open: %v", err)
	}
	if _, err := Dirty(mine, NewSpan(hasher(1), 0, Span{0, 8})); !errors.Is(err, ErrSpan) {
		t.Errorf("spans: %v", err)
	}
}

func TestDirtyHoldsAnyNumberOfSides(t *testing.T) {
	h := hasher(1)
	all := entries(t, h, 0, record("A", 1), record("B", 2), record("C", 3))
	a, b, c := digestOf(t, h, all), digestOf(t, h, all[:2]), digestOf(t, h, all[1:])
	want := []int{Of(all[0].Tag), Of(all[2].Tag)}
	slices.Sort(want)
	for _, d := range []Digest{a, view(t, h, a)} {
		if got := dirty(t, d, b, view(t, h, c)); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if got := dirty(t, d, view(t, h, a), a); len(got) != 0 {
			t.Errorf("equal sides differ in %v", got)
		}
	}
}

// TestMoneyColumnsAloneShowADifference holds the columns that only one side has against those of the other.
func TestMoneyColumnsAloneShowADifference(t *testing.T) {
	h := hasher(1)
	table, other := New(h, 0), New(h, 0)
	if _, err := table.columnsOf([]Column{{recon.KindRefund, "JPY"}}); err != nil {
		t.Fatal(err)
	}
	if got := dirty(t, table, other); len(got) != 0 {
		t.Errorf("an empty column is a difference: %v", got)
	}
	putCell(table.row(77), 0, cell{0, 1})
	for _, got := range [][]int{dirty(t, table, other), dirty(t, other, table)} {
		if !slices.Equal(got, []int{77}) {
			t.Errorf("got %v", got)
		}
	}
}

func TestDamagedBytesAreRefused(t *testing.T) {
	rng, h := random(t), hasher(1)
	span := NewSpan(h, 0, Span{7, 64})
	for _, e := range entries(t, h, 0, draw(rng, 300)...) {
		e.Tag = e.Tag>>16 | uint64(7+e.Tag%64)<<48
		if err := span.Add(&e); err != nil {
			t.Fatal(err)
		}
	}
	good := written(t, span)
	for range 1000 {
		bad := slices.Clone(good)
		at := rng.IntN(len(bad))
		if rng.IntN(2) == 0 {
			at = rng.IntN(headSize + 3*labelSize)
		}
		bad[at] ^= 1 << rng.IntN(8)
		if _, err := Open(bad, h); err == nil {
			t.Fatalf("byte %d changed, and nobody saw it", at)
		}
	}
	for _, n := range []int{0, 7, headSize - 1, headSize, len(good) / 2, len(good) - 1} {
		if _, err := Open(good[:n], h); err == nil {
			t.Errorf("cut to %d bytes, and nobody saw it", n)
		}
	}
	if _, err := Open(append(slices.Clone(good), 0), h); err == nil {
		t.Error("a byte more, and nobody saw it")
	}
	newer := slices.Clone(good)
	newer[8] = 2
	if _, err := Open(newer, h); !errors.Is(err, ErrVersion) {
		t.Errorf("version 2: %v", err)
	}
}

func TestEntriesWithoutKindAreRefused(t *testing.T) {
	e := entry.Entry{}
	if err := New(hasher(1), 0).Add(&e); err == nil {
		t.Error("an entry of no kind was summed up")
	}
}

func TestResetEmptiesADigest(t *testing.T) {
	rng, h := random(t), hasher(1)
	table := digestOf(t, h, entries(t, h, 0, draw(rng, 100)...))
	table.Reset()
	if !bytes.Equal(written(t, table), written(t, New(h, 0))) {
		t.Error("a digest that was reset is not an empty one")
	}
}

// FuzzOpen makes the checksum right for any bytes, so that what lies behind it is tried as well.
func FuzzOpen(f *testing.F) {
	h := hasher(1)
	span := NewSpan(h, 0, Span{5, 3})
	e := entries(f, h, 0, record("A", 100))[0]
	e.Tag = 6 << 48
	if err := span.Add(&e); err != nil {
		f.Fatal(err)
	}
	f.Add(written(f, span))
	f.Add(written(f, NewSpan(h, 0, Span{0, 1})))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= headSize {
			copy(b[16:32], func() []byte { p := h.Fingerprint(); return p[:] }())
			sum := h.Checksum(b[:sumAt], b[headSize:])
			copy(b[sumAt:], sum[:])
		}
		v, err := Open(b, h)
		if err != nil {
			return
		}
		if _, err := Dirty(v, v); err != nil {
			t.Error(err)
		}
		if _, err := Totals(v); err != nil && !errors.Is(err, ErrOverflow) {
			t.Error(err)
		}
		whole := New(h, v.Scheme().Compared)
		if err := whole.Merge(v); err != nil && !errors.Is(err, ErrOverflow) {
			t.Error(err)
		}
	})
}

func BenchmarkDirty(b *testing.B) {
	h := hasher(1)
	rng := rand.New(rand.NewPCG(1, 0))
	table := digestOf(b, h, entries(b, h, 0, draw(rng, 1000)...))
	v := view(b, h, table)
	for b.Loop() {
		if got, err := Dirty(table, v); err != nil || got.Len() != 0 {
			b.Fatal(got.Len(), err)
		}
	}
}
