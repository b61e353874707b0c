package match

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

func payment(id string, fen int64) recon.Record {
	return recon.Record{
		Channel: "wechat", Key: recon.Key{Kind: recon.KindPayment, ID: id}, Order: id,
		Amount: recon.Money{Minor: fen, Currency: "CNY"}, Status: recon.StatusSuccess,
	}
}

func side(name string, records ...recon.Record) Side {
	return Side{Name: name, Records: func(yield func(recon.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}}
}

func print(j *Joined) string {
	var b strings.Builder
	for _, g := range j.Groups {
		fmt.Fprintf(&b, "%s#%d", g.Key, g.Occurrence)
		for _, r := range g.Records {
			if r == nil {
				b.WriteString(" -")
				continue
			}
			fmt.Fprintf(&b, " %d@%d", r.Amount.Minor, r.Origin.Line)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestJoin(t *testing.T) {
	for name, c := range map[string]struct {
		a, b, c []int64
		want    string
	}{
		"equal":                          {[]int64{5}, []int64{5}, []int64{5}, "5 5 5\n"},
		"absent":                         {[]int64{5}, nil, []int64{5}, "5 - 5\n"},
		"two against one":                {[]int64{5, 5}, []int64{5}, []int64{5}, "5 5 5\n5 - -\n"},
		"two against two":                {[]int64{5, 5}, []int64{5, 5}, []int64{5, 5}, "5 5 5\n5 5 5\n"},
		"one wrong copy shifts nothing":  {[]int64{5, 6}, []int64{4, 6}, []int64{5, 6}, "6 6 6\n5 4 5\n"},
		"the pair that agrees stays one": {[]int64{9, 5}, []int64{1}, []int64{5, 9}, "5 1 5\n9 - 9\n"},
		"alone on one side":              {nil, []int64{7}, nil, "- 7 -\n"},
	} {
		t.Run(name, func(t *testing.T) {
			sides := []Side{}
			for i, fens := range [][]int64{c.a, c.b, c.c} {
				records := []recon.Record{}
				for _, fen := range fens {
					records = append(records, payment("P1", fen))
				}
				sides = append(sides, side(fmt.Sprint(i), records...))
			}
			j, err := Join(t.Context(), sides...)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, g := range j.Groups {
				cells := []string{}
				for _, r := range g.Records {
					if r == nil {
						cells = append(cells, "-")
					} else {
						cells = append(cells, fmt.Sprint(r.Amount.Minor))
					}
				}
				got += strings.Join(cells, " ") + "\n"
			}
			if got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

func TestAnswerDoesNotDependOnInputOrder(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 50 {
		sides := make([][]recon.Record, 3)
		for i := range sides {
			for line := range rng.IntN(40) {
				r := payment(fmt.Sprintf("P%d", rng.IntN(8)), int64(rng.IntN(3)))
				r.Origin = recon.Origin{File: "f", Line: line + 1}
				sides[i] = append(sides[i], r)
			}
		}
		first := ""
		for range 5 {
			joined := []Side{}
			for i, records := range sides {
				rng.Shuffle(len(records), func(a, b int) { records[a], records[b] = records[b], records[a] })
				joined = append(joined, side(fmt.Sprint(i), records...))
			}
			j, err := Join(t.Context(), joined...)
			if err != nil {
				t.Fatal(err)
			}
			if first == "" {
				first = print(j)
			} else if got := print(j); got != first {
				t.Fatalf("seed %d: two orders of the same input differ:\n%s\n%s", seed, first, got)
			}
		}
	}
}

func TestRejectsAreKeptAndOtherErrorsEndTheJoin(t *testing.T) {
	reject := recon.Reject{Origin: recon.Origin{File: "bill", Line: 3}, Field: "amount", Value: "x", Reason: "not a number"}
	stream := func(errs ...error) iter.Seq2[recon.Record, error] {
		return func(yield func(recon.Record, error) bool) {
			for _, err := range errs {
				if !yield(payment("P1", 1), err) {
					return
				}
			}
		}
	}
	j, err := Join(t.Context(), Side{"channel", stream(nil, reject)})
	if err != nil || len(j.Rejects[0]) != 1 || j.In[0].Count() != 1 {
		t.Fatalf("got %+v, %v", j, err)
	}
	broken := errors.New("connection lost")
	if _, err := Join(t.Context(), Side{"primary", stream(nil, broken)}); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
}

func TestConservationIsAsserted(t *testing.T) {
	j, err := Join(t.Context(), side("a", payment("P1", 5), payment("P2", 6)), side("b", payment("P1", 5)))
	if err != nil {
		t.Fatal(err)
	}
	j.Groups[0].Records[0].Amount.Minor++
	if err := j.conserved(); err == nil {
		t.Fatal("a changed cent went unnoticed")
	}
	j.Groups[0].Records[0].Amount.Minor--
	j.Groups = j.Groups[:1]
	if err := j.conserved(); err == nil {
		t.Fatal("a lost record went unnoticed")
	}
}

func TestSumThatDoesNotFitIsAnError(t *testing.T) {
	if _, err := Join(t.Context(), side("a", payment("P1", 1<<62), payment("P2", 1<<62))); !errors.Is(err, recon.ErrAmountOverflow) {
		t.Fatalf("got %v", err)
	}
}
