package plugins

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
)

// anyRecord draws a record that keeps the contract.
func anyRecord(r *rand.Rand, line int) recon.Record {
	text := func() string { return strings.Repeat("ä", r.IntN(5)) + strings.Repeat("\x00\xff", r.IntN(2)) }
	currencies := []recon.Currency{"CNY", "JPY", "KWD"}
	record := recon.Record{
		Account: text(), Key: recon.Key{Kind: []recon.Kind{recon.KindPayment, recon.KindRefund, recon.KindReversal}[r.IntN(3)], ID: "k" + text()},
		Order: "o" + text(), ChannelTxn: text(), Amount: recon.Money{Minor: r.Int64(), Currency: currencies[r.IntN(3)]},
		Status: []recon.Status{recon.StatusSuccess, recon.StatusProcessing, recon.StatusFailed, recon.StatusClosed}[r.IntN(4)],
		Origin: recon.Origin{Line: line},
	}
	if r.IntN(2) == 0 {
		record.Fee = &recon.Money{Minor: r.Int64() - math.MaxInt64/2, Currency: currencies[r.IntN(3)]}
	}
	if r.IntN(2) == 0 {
		record.Time = time.Unix(r.Int64N(4e9), r.Int64N(1e9)).UTC()
	}
	for range r.IntN(3) {
		record.Aliases = append(record.Aliases, recon.Alias{Column: "c" + text(), Value: text()})
	}
	return record
}

func unpack(payload []byte, contract int) ([]recon.Record, error) {
	b, err := (&taker{contract: contract}).open(payload)
	if err != nil {
		return nil, err
	}
	var out []recon.Record
	err = b.each("", recon.Origin{}, func(r *recon.Record) error { out = append(out, *r); return nil })
	return out, err
}

// packers are the two forms of a batch.
func packers() map[int]func() packer {
	return map[int]func() packer{1: func() packer { return newBatchWriter() }, 2: func() packer { return newColumnWriter(MaxBatch) }}
}

// richer adds what only contract 2 carries.
func richer(r *rand.Rand, record recon.Record) recon.Record {
	record.Key.Kind = recon.Kinds()[r.IntN(len(recon.Kinds()))]
	if r.IntN(2) == 0 {
		record.Original, record.Settled = "T"+strings.Repeat("ö", r.IntN(3)), "2026-07-01"
		record.Booked = time.Unix(r.Int64N(4e9), r.Int64N(1e9)).UTC()
	}
	for range r.IntN(3) {
		record.Further = append(record.Further, recon.Text{Column: "c", Value: strings.Repeat("x", r.IntN(4))})
	}
	return record
}

func TestBatchCarriesRecords(t *testing.T) {
	for contract, make := range packers() {
		t.Run(fmt.Sprint("contract ", contract), func(t *testing.T) { carries(t, contract, make()) })
	}
}

func carries(t *testing.T, contract int, w packer) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for round := range 20 { // one writer, so that nothing of a batch stays for the next
		var want []recon.Record
		for line := range 1 + r.IntN(300) {
			record := anyRecord(r, line+1)
			if contract == 2 && round%2 == 0 {
				record = richer(r, record)
			}
			if err := w.add(&record); err != nil {
				t.Fatal(err)
			}
			want = append(want, record)
		}
		payload, err := w.take(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := unpack(payload, contract)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("round %d: %v, records differ", round, err)
		}
	}
}

// TestDamagedBatch changes bytes: a batch may then say something else, which the seal finds, but never panics, never
// carries a record that breaks the contract, and fails with ErrContract when it fails.
func TestDamagedBatch(t *testing.T) {
	for contract, make := range packers() {
		t.Run(fmt.Sprint("contract ", contract), func(t *testing.T) { damaged(t, contract, make()) })
	}
}

func damaged(t *testing.T, contract int, w packer) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for line := range 40 {
		record := anyRecord(r, line+1)
		if err := w.add(&record); err != nil {
			t.Fatal(err)
		}
	}
	payload, err := w.take(nil)
	if err != nil {
		t.Fatal(err)
	}
	failed := 0
	for range 20_000 {
		damaged := append([]byte{}, payload...)
		for range 1 + r.IntN(3) {
			damaged[r.IntN(len(damaged))] ^= byte(1 + r.IntN(255))
		}
		damaged = damaged[:len(damaged)-r.IntN(2)*r.IntN(len(damaged))]
		records, err := unpack(damaged, contract)
		if err != nil {
			failed++
			if !errors.Is(err, ErrContract) {
				t.Fatalf("got %v", err)
			}
			continue
		}
		for i := range records {
			if err := checkRecord(&records[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if failed == 0 {
		t.Error("no damage was found")
	}
}

func TestRecordsOutsideTheContract(t *testing.T) {
	tests := []struct {
		name   string
		change func(*recon.Record)
	}{
		{"no line", func(r *recon.Record) { r.Origin.Line = 0 }},
		{"no key", func(r *recon.Record) { r.Key.ID = "" }},
		{"no order", func(r *recon.Record) { r.Order = "" }},
		{"unknown kind", func(r *recon.Record) { r.Key.Kind = "gift" }},
		{"unknown status", func(r *recon.Record) { r.Status = "" }},
		{"no currency", func(r *recon.Record) { r.Amount.Currency = "" }},
		{"unknown fee currency", func(r *recon.Record) { r.Fee = &recon.Money{Currency: "XXX"} }},
		{"negative amount", func(r *recon.Record) { r.Amount.Minor = -1 }},
		{"year 1", func(r *recon.Record) { r.Time = time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC) }},
		{"giant text", func(r *recon.Record) { r.ChannelTxn = strings.Repeat("x", MaxText+1) }},
		{"giant alias", func(r *recon.Record) { r.Aliases = []recon.Alias{{Value: strings.Repeat("x", MaxText+1)}} }},
		{"too many further columns", func(r *recon.Record) { r.Further = make([]recon.Text, maxAliases+1) }},
		{"giant settlement date", func(r *recon.Record) { r.Settled = strings.Repeat("x", MaxText+1) }},
		{"booked in the year 1", func(r *recon.Record) { r.Booked = time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC) }},
		{"too many aliases", func(r *recon.Record) { r.Aliases = make([]recon.Alias, maxAliases+1) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			good := recon.Record{
				Key: recon.Key{Kind: recon.KindPayment, ID: "A"}, Order: "A", Status: recon.StatusSuccess,
				Amount: recon.Money{Minor: 1, Currency: "CNY"}, Origin: recon.Origin{Line: 1},
			}
			w := newColumnWriter(MaxBatch)
			bad := good
			tt.change(&bad)
			if err := w.add(&bad); !errors.Is(err, ErrContract) {
				t.Fatalf("got %v", err)
			}
			if err := w.add(&good); err != nil { // nothing of the refused record stays behind
				t.Fatal(err)
			}
			payload, err := w.take(nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := unpack(payload, 2); err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], good) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// TestOldHostGetsNoNewKinds: contract 1 has no word for a split, and must not book it as something else.
func TestOldHostGetsNoNewKinds(t *testing.T) {
	r := anyRecord(rand.New(rand.NewPCG(1, 1)), 1)
	r.Key.Kind = recon.KindSplit
	if err := newBatchWriter().add(&r); err == nil || !strings.Contains(err.Error(), "contract 1") {
		t.Errorf("got %v", err)
	}
}

func TestStderrLogBoundsItsLines(t *testing.T) {
	var out strings.Builder
	l := newStderrLog(textLogger(&out), "x")
	for _, part := range []string{"one\ntw", "o\n", "\n", strings.Repeat("y", 3*maxLogLine), "\nlast\n"} {
		if n, err := l.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 || !strings.Contains(lines[0], "line=one") || !strings.Contains(lines[1], "line=two") || !strings.Contains(lines[3], "line=last") {
		t.Fatalf("got %q", lines)
	}
	if n := strings.Count(lines[2], "y"); n != maxLogLine {
		t.Errorf("a long line gave %d bytes", n)
	}
}
