package scan

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// What is read the short way comes out as it would the long way: entries, sums, rejects and their reasons.
func TestEasyLinesReadAsAnyOther(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %s build", seed, Build)
	rng := rand.New(rand.NewPCG(seed, 0))
	one := func(of ...string) string { return of[rng.IntN(len(of))] }
	joined := plainSpec()
	for i := range joined.Rows {
		joined.Rows[i].KeyAll, joined.Rows[i].Key = true, []string{"order", "refund"}
	}
	marked := plainSpec()
	marked.Lines.Separator, marked.Lines.Trim, marked.Lines.Quote = ",`", "`", false
	for name, spec := range map[string]*recon.FormatSpec{"first key": plainSpec(), "joined key": joined, "marked": marked} {
		spec.Rows[1].Amount.Sign = recon.SignAny
		easyLines := 0
		for range 2000 {
			var text strings.Builder
			for range 1 + rng.IntN(30) {
				cells := []string{"A1", "", "pay", one("1.00", "99999.99"), "CNY", "ok", "", "", ""}
				if rng.IntN(2) == 0 {
					cells = []string{
						one("A1", "ORDER20261127000001", "a/b", `a\b`, "", "0", " B2", "C3\t", "1.5E+10", "\xff1", "a\x01b", "long"+strings.Repeat("x", 130)),
						one("", "", "", "R1", "0", " "), one("pay", "pay", "pay", "refund", "remark", "other", " pay", ""),
						one("1.00", "99999.99", "123456.78", "0.00", "-1.00", "1.0", "1", "x.yz", "", " 2.50", "3.50 ", "+4.00"),
						one("CNY", "CNY", "CNY", "JPY", "USD", "XXX", "cny", ""), one("ok", "ok", "bad", "ok ", "none", ""), "", "", "note",
					}
				}
				if rng.IntN(20) == 0 {
					cells = append(cells, "more")
				}
				if spec.Lines.Separator == ",`" {
					cells[0] = "`" + cells[0]
				}
				text.WriteString(strings.Join(cells, spec.Lines.Separator) + one("\n", "\r\n"))
			}
			easyLines += bothWays(t, spec, text.String())
		}
		if easyLines < 1000 {
			t.Errorf("%s: %d lines were easy: the short way is hardly tested", name, easyLines)
		}
	}
}

// behind is what follows a segment in memory.
const behind = "99999999"

// bothWays reads a text the short way and the long way, and gives the number of easy lines.
func bothWays(t *testing.T, spec *recon.FormatSpec, text string) (easyLines int) {
	t.Helper()
	o := Options{Name: "bill.csv", Format: spec, Hasher: entry.NewHasher(entry.Secret{1}), Workers: 1}.withDefaults()
	l, _, err := bind(&o, strings.Split(strings.TrimSpace(plainHeader), ","), 1, recon.CharsetUTF8)
	if err != nil {
		t.Fatal(err)
	}
	var sinks [2]gather
	var workers [2]*worker
	var stats [2]segmentStat
	for i := range workers {
		workers[i] = newWorker(0, l, &o, &sinks[i])
		if i == 1 {
			clear(workers[i].easy)
		}
		if stats[i], err = workers[i].run(t.Context(), segment{text: []byte(text + behind), to: len(text)}); err != nil {
			t.Fatal(err)
		}
	}
	short, long := workers[0], workers[1]
	sameRejects := slices.EqualFunc(short.rejects, long.rejects, func(a, b keptReject) bool {
		return a.place == b.place && a.fault.column == b.fault.column && a.fault.reason == b.fault.reason && string(a.fault.value) == string(b.fault.value)
	})
	if !slices.Equal(sinks[0].entries, sinks[1].entries) || !slices.Equal(short.sums, long.sums) || !sameRejects ||
		stats[0].records != stats[1].records || stats[0].rejects != stats[1].rejects || stats[0].ends != stats[1].ends {
		t.Fatalf("%q:\nshort %v %v %+v\nlong  %v %v %+v", text, sinks[0].entries, short.sums, stats[0], sinks[1].entries, long.sums, stats[1])
	}
	counter := newWorker(0, l, &o, &gather{})
	counter.sums = long.sums
	for line := range strings.Lines(text) {
		if _, taken := counter.take([]byte(line+behind), len(line)); taken && len(counter.line) > 0 && !counter.odd && counter.readEasy(0) {
			easyLines++
		}
	}
	return easyLines
}
