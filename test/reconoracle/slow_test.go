package reconoracle

import (
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/test/recongen"
)

const header = "order_id,refund_id,kind,amount,fee,currency,status,created_at,merchant_id,payer_id,subject\n"

// line writes a row of order P with the given amount; the status follows a slash: "9.00/failed".
func line(cell string) string {
	amount, status, ok := strings.Cut(cell, "/")
	if !ok {
		status = "paid"
	}
	return "P,,payment," + amount + ",0.00,CNY," + status + ",2026-11-23 10:00:00,,,\n"
}

func slow(t *testing.T, q Question, ours, theirs string) Answer {
	t.Helper()
	a, err := Slow(q, [][]byte{[]byte(ours), []byte(theirs)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestCopiesFindEachOther(t *testing.T) {
	for name, c := range map[string]struct {
		ours, theirs []string
		want         string
	}{
		"equal":                         {[]string{"5.00"}, []string{"5.00"}, ""},
		"two against two":               {[]string{"5.00", "5.00"}, []string{"5.00", "5.00"}, ""},
		"two against one":               {[]string{"5.00", "5.00"}, []string{"5.00"}, "duplicate payment P [] 3:500CNY -"},
		"one against two":               {[]string{"5.00"}, []string{"5.00", "5.00"}, "duplicate payment P [] - 3:500CNY"},
		"alone":                         {[]string{"5.00", "5.00"}, nil, "missing-at-channel payment P [] 2:500CNY -\nmissing-at-channel payment P [] 3:500CNY -"},
		"alone there":                   {nil, []string{"5.00"}, "missing-internally payment P [] - 2:500CNY"},
		"a wrong copy shifts nothing":   {[]string{"5.00", "6.00"}, []string{"6.00", "4.00"}, "amount-mismatch payment P [amount] 2:500CNY 3:400CNY"},
		"the one that agrees is paired": {[]string{"5.00", "6.00"}, []string{"6.00"}, "duplicate payment P [] 2:500CNY -"},
		"ten is more than nine":         {[]string{"10.00", "9.00"}, []string{"10.01", "9.01"}, "amount-mismatch payment P [amount] 2:1000CNY 2:1001CNY\namount-mismatch payment P [amount] 3:900CNY 3:901CNY"},
		"amount is worse than status":   {[]string{"5.00"}, []string{"6.00/failed"}, "amount-mismatch payment P [amount status] 2:500CNY 2:600CNY"},
		"status":                        {[]string{"5.00"}, []string{"5.00/failed"}, "status-mismatch payment P [status] 2:500CNY 2:500CNY"},
	} {
		t.Run(name, func(t *testing.T) {
			sides := [2]string{header, header}
			for i, cells := range [][]string{c.ours, c.theirs} {
				for _, cell := range cells {
					sides[i] += line(cell)
				}
			}
			a := slow(t, Everything(), sides[0], sides[1])
			_, got, _ := strings.Cut(a.Text(), "side 2")
			_, got, _ = strings.Cut(got, "\n")
			if strings.TrimSpace(got) != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

func TestCopiesOnBothSidesAreBreaksWhereKeysAreUnique(t *testing.T) {
	q := Everything()
	q.Unique = true
	both := header + line("5.00") + line("4.00") + line("5.00")
	got := slow(t, q, both, both).Text()
	for _, want := range []string{"duplicate payment P [] 2:500CNY 2:500CNY\n", "duplicate payment P [] 4:500CNY 4:500CNY\n"} {
		if !strings.Contains(got, want) || strings.Count(got, "duplicate") != 2 {
			t.Errorf("got\n%swant %s", got, want)
		}
	}
}

func TestKeysAreNotJoinedByTheirLetters(t *testing.T) {
	row := ",payment,1.00,0.00,CNY,paid,2026-11-23 10:00:00,,,\n"
	a := slow(t, Everything(), header+"x0,y"+row, header+"x,0y"+row)
	if len(a.Breaks) != 2 {
		t.Errorf("got %s", a.Text())
	}
}

func TestPlantedFaultsAreFoundToTheRowAndTheCent(t *testing.T) {
	for seed := range uint64(12) {
		for name, q := range map[string]Question{"everything": Everything(), "money": Money()} {
			g, err := recongen.New(recongen.Config{
				Seed: seed, Records: 600 + int64(seed)*200, Sides: 2, Rates: recongen.EveryClass(0.01), Quoted: seed%2 == 1,
			})
			if err != nil {
				t.Fatal(err)
			}
			sides, err := g.Sides(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want, err := Planted(q, g.Truth())
			if err != nil {
				t.Fatal(err)
			}
			got := Answer{Breaks: slow(t, q, string(sides[0]), string(sides[1])).Breaks}
			if d := Differ("found", got, "planted", want); d != "" || len(want.Breaks) < 10 {
				t.Fatalf("seed %d, %s: %d planted\n%s", seed, name, len(want.Breaks), d)
			}
		}
	}
}

func TestDifferNamesBothSides(t *testing.T) {
	a := Answer{Breaks: []Break{{Break: "x"}, {Break: "x"}}}
	b := Answer{Breaks: []Break{{Break: "x"}, {Break: "y"}}}
	got := Differ("left", a, "right", b)
	if !strings.Contains(got, "only left (1 times): x") || !strings.Contains(got, "only right (1 times): y") {
		t.Errorf("got %q", got)
	}
	if got := Differ("left", a, "right", a); got != "" {
		t.Errorf("equal answers differ: %s", got)
	}
}
