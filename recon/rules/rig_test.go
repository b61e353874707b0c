package rules

import (
	"bytes"
	"io"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

// monday is the first day of the tests.
var monday = DayOf(2026, time.November, 23)

func batch() Batch { return Batch{Channel: "wechat", Account: "1900000001", Kind: "trade"} }

func cny(minor int64) recon.Money { return recon.Money{Minor: minor, Currency: "CNY"} }

// booking makes a record of order "O"+id; with changes it.
func booking(kind recon.Kind, id string, fen int64, with ...func(*recon.Record)) *recon.Record {
	r := &recon.Record{Channel: "wechat", Key: recon.Key{Kind: kind, ID: id}, Order: "O" + id, Amount: cny(fen), Status: recon.StatusSuccess}
	for _, change := range with {
		change(r)
	}
	return r
}

func payment(id string, fen int64, with ...func(*recon.Record)) *recon.Record {
	return booking(recon.KindPayment, id, fen, with...)
}

func order(o string) func(*recon.Record)   { return func(r *recon.Record) { r.Order = o } }
func txn(id string) func(*recon.Record)    { return func(r *recon.Record) { r.ChannelTxn = id } }
func origin(id string) func(*recon.Record) { return func(r *recon.Record) { r.Original = id } }
func fee(fen int64) func(*recon.Record) {
	return func(r *recon.Record) { f := cny(fen); r.Fee = &f }
}
func status(s recon.Status) func(*recon.Record) { return func(r *recon.Record) { r.Status = s } }
func further(column, value string) func(*recon.Record) {
	return func(r *recon.Record) { r.Further = append(r.Further, recon.Text{Column: column, Value: value}) }
}
func at(text string) func(*recon.Record) {
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err) // a mistyped test would compare the zero time
	}
	return func(r *recon.Record) { r.Time = when }
}

// differ is the difference of two records as match names it; nil = one side lacks it.
func differ(compared entry.Compared, ours, theirs *recon.Record) *match.Difference {
	g := match.Group{Occurrence: 1, Records: []*recon.Record{ours, theirs}}
	if g.Key = keyOf(ours); ours == nil {
		g.Key = keyOf(theirs)
	}
	return match.Differ(compared, g)
}

func keyOf(r *recon.Record) recon.Key {
	if r == nil {
		return recon.Key{}
	}
	return r.Key
}

func ours(r *recon.Record) *match.Difference   { return differ(0, r, nil) }
func theirs(r *recon.Record) *match.Difference { return differ(0, nil, r) }

// copyOf makes a difference one about a further copy.
func copyOf(n int, d *match.Difference) *match.Difference {
	d.Occurrence, d.Break = n, recon.Duplicate
	return d
}

// books is what runs day by day: it keeps what is carried.
type books struct {
	t       *testing.T
	cfg     Config
	carried CarriedIn
	bytes   []byte
	sheet   *Sheet
	out     *Out
}

func stream(all []*match.Difference) iter.Seq2[*match.Difference, error] {
	return func(yield func(*match.Difference, error) bool) {
		for _, d := range all {
			if !yield(d, nil) {
				return
			}
		}
	}
}

func sorted(all []*match.Difference) []*match.Difference {
	slices.SortFunc(all, func(a, b *match.Difference) int {
		if c := a.Key.Compare(b.Key); c != 0 {
			return c
		}
		return a.Occurrence - b.Occurrence
	})
	return all
}

func opener(data []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
}

// run does one day, twice, and holds the two against each other: outcomes, totals and bytes are a function of the input.
func (b *books) run(day Day, all ...*match.Difference) []Outcome {
	b.t.Helper()
	first, out, carry, err := b.apply(day, all)
	if err != nil {
		b.t.Fatal(err)
	}
	again, _, same, err := b.apply(day, all)
	if err != nil || !bytes.Equal(carry, same) || len(first) != len(again) {
		b.t.Fatalf("the day done again is another: %d and %d outcomes, %v", len(first), len(again), err)
	}
	for i := range first {
		if a, b2 := tell(&first[i]), tell(&again[i]); a != b2 {
			b.t.Fatalf("the day done again is another: %s and %s", a, b2)
		}
	}
	b.carried, b.bytes, b.out = CarriedIn{Open: opener(carry), Digest: out.Carried.Digest}, carry, out
	return first
}

func (b *books) apply(day Day, all []*match.Difference) ([]Outcome, *Out, []byte, error) {
	var outcomes []Outcome
	var carry bytes.Buffer
	out, err := Apply(day, &b.cfg, In{
		Batch: batch(), Differences: stream(sorted(all)), Carried: b.carried, Sheet: b.sheet, Carry: &carry,
		Each: func(o *Outcome) error {
			outcomes = append(outcomes, *o)
			return nil
		},
	})
	return outcomes, out, carry.Bytes(), err
}

// tell prints an outcome in a line.
func tell(o *Outcome) string {
	words := []string{string(o.Fate), string(o.Rule), string(o.Break), o.Key.String()}
	for side := range sides {
		if o.Records[side] != nil {
			words = append(words, []string{"ours", "theirs"}[side]+" since "+o.Since[side].String())
		}
	}
	if o.Due != NoDay {
		words = append(words, "due "+o.Due.String())
	}
	if o.Link != "" {
		words = append(words, "link "+o.Link)
	}
	if o.Why != "" {
		words = append(words, "("+o.Why+")")
	}
	return strings.Join(words, " ")
}

// expect holds outcomes against lines, each the words that tell must print in this order.
func expect(t *testing.T, got []Outcome, want ...string) {
	t.Helper()
	var lines []string
	for i := range got {
		lines = append(lines, tell(&got[i]))
	}
	if len(lines) != len(want) {
		t.Fatalf("%d outcomes, want %d:\n%s", len(lines), len(want), strings.Join(lines, "\n"))
	}
	for i, line := range lines {
		if strings.Join(strings.Fields(line), " ") != strings.Join(strings.Fields(want[i]), " ") {
			t.Errorf("got  %s\nwant %s", line, want[i])
		}
	}
}

func everyDay(n int) []Term { return []Term{{Days: n, Calendar: true}} }
