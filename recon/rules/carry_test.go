package rules

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

func TestCarriesOverTheDayCutInBothDirections(t *testing.T) {
	b := &books{t: t, cfg: Config{Terms: everyDay(1)}}
	expect(t, b.run(monday, ours(payment("P1", 100)), theirs(payment("P2", 200))),
		"carried carry missing-at-channel payment P1 ours since 2026-11-23 due 2026-11-24",
		"carried carry missing-internally payment P2 theirs since 2026-11-23 due 2026-11-24")
	expect(t, b.run(monday+1, theirs(payment("P1", 100)), ours(payment("P2", 200)), theirs(payment("P3", 300))),
		"settled carry payment P1 ours since 2026-11-23 theirs since 2026-11-24",
		"settled carry payment P2 ours since 2026-11-24 theirs since 2026-11-23",
		"carried carry missing-internally payment P3 theirs since 2026-11-24 due 2026-11-25")
	if h := b.out.History; len(h) != 1 || h[0] != (DaySettled{Since: monday, Records: 2}) {
		t.Errorf("history %v", h)
	}
	expect(t, b.run(monday+2), "break carry missing-internally payment P3 theirs since 2026-11-24 due 2026-11-25 (expected by 2026-11-25)")
	expect(t, b.run(monday+3))
}

func TestWithoutTermsNothingIsCarried(t *testing.T) {
	b := &books{t: t}
	expect(t, b.run(monday, ours(payment("P1", 100))), "break carry missing-at-channel payment P1 ours since 2026-11-23 due 2026-11-23 (expected by 2026-11-23)")
}

func TestWhatIsCarriedInAndDiffersIsOneBooking(t *testing.T) {
	b := &books{t: t, cfg: Config{Terms: everyDay(2)}}
	b.run(monday, ours(payment("P1", 100)), ours(payment("P2", 100)))
	expect(t, b.run(monday+1, theirs(payment("P1", 150)), theirs(payment("P2", 100, status(recon.StatusFailed)))),
		"break amount-mismatch payment P1 ours since 2026-11-23 theirs since 2026-11-24",
		"break status-mismatch payment P2 ours since 2026-11-23 theirs since 2026-11-24")
}

func TestCopiesSettleOneByOne(t *testing.T) {
	b := &books{t: t, cfg: Config{Terms: everyDay(3)}}
	two := ours(payment("P1", 100))
	two.Occurrence = 2
	b.run(monday, ours(payment("P1", 100)), two)
	expect(t, b.run(monday+1, theirs(payment("P1", 100))),
		"settled carry payment P1 ours since 2026-11-23 theirs since 2026-11-24",
		"carried carry missing-at-channel payment P1 ours since 2026-11-23 due 2026-11-26")
	expect(t, b.run(monday+2, ours(payment("P1", 100))),
		"carried carry missing-at-channel payment P1 ours since 2026-11-23 due 2026-11-26",
		"carried carry missing-at-channel payment P1 ours since 2026-11-25 due 2026-11-28")
	expect(t, b.run(monday+3, theirs(payment("P1", 100)), copyOf(2, theirs(payment("P1", 100)))),
		"settled carry payment P1 ours since 2026-11-23 theirs since 2026-11-26",
		"settled carry payment P1 ours since 2026-11-25 theirs since 2026-11-26")
}

func TestACopyKeepsTheNumberOfTheLaterDay(t *testing.T) {
	for name, make := range map[string][2]func(*recon.Record) *match.Difference{"ours came first": {ours, theirs}, "ours came last": {theirs, ours}} {
		t.Run(name, func(t *testing.T) {
			first, later := make[0](payment("P1", 100)), copyOf(2, make[1](payment("P1", 100)))
			b := &books{t: t, cfg: Config{Terms: everyDay(1)}}
			b.run(monday, first)
			if got := b.run(monday+1, later); len(got) != 1 || got[0].Fate != Settled || got[0].Occurrence != 2 {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestAgreeingCopiesFindEachOtherFirst(t *testing.T) {
	b := &books{t: t, cfg: Config{Terms: everyDay(3)}}
	two := ours(payment("P1", 200))
	two.Occurrence = 2
	b.run(monday, ours(payment("P1", 100)), two)
	expect(t, b.run(monday+1, theirs(payment("P1", 200))),
		"settled carry payment P1 ours since 2026-11-23 theirs since 2026-11-24",
		"carried carry missing-at-channel payment P1 ours since 2026-11-23 due 2026-11-26")
}

func TestACopyTooManyIsABreakAtOnce(t *testing.T) {
	b := &books{t: t, cfg: Config{Terms: everyDay(3)}}
	expect(t, b.run(monday, copyOf(2, theirs(payment("P1", 100)))), "break duplicate payment P1 theirs since 2026-11-23")
}

func TestDueDays(t *testing.T) {
	holidays, err := ParseCalendar("cn.txt", []byte("covers 2026-01-01 2026-12-31\n2026-11-25 holiday\n2026-11-28 workday Saturday\n"))
	if err != nil {
		t.Fatal(err)
	}
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Calendar: holidays, Product: "product", Clock: Clock{Zone: shanghai, Cut: 23 * time.Hour, Slack: 5 * time.Minute},
		Terms: []Term{{Days: 1}, {Kind: recon.KindRefund, Days: 3}, {Kind: recon.KindSettlement}, {Kind: recon.KindFee, Days: 2, Calendar: true}, {Product: "credit", Days: 2}, {Kind: recon.KindRefund, Product: "credit", Days: 4}},
	}
	for name, c := range map[string]struct {
		record *recon.Record
		seen   Day
		want   string
	}{
		"next day":                       {payment("P", 1), monday, "2026-11-24"},
		"over a holiday":                 {payment("P", 1), monday + 1, "2026-11-26"},
		"over a Saturday that is worked": {payment("P", 1), monday + 4, "2026-11-28"},
		"over a Sunday":                  {payment("P", 1), monday + 5, "2026-11-30"},
		"by kind":                        {booking(recon.KindRefund, "R", 1), monday, "2026-11-27"},
		"by product":                     {payment("P", 1, further("product", "credit")), monday, "2026-11-26"},
		"by kind and product":            {booking(recon.KindRefund, "R", 1, further("product", "credit")), monday, "2026-11-28"},
		"the day itself":                 {booking(recon.KindSettlement, "S", 1), monday, "2026-11-23"},
		"the next business day":          {booking(recon.KindSettlement, "S", 1), monday + 2, "2026-11-26"},
		"every day":                      {booking(recon.KindFee, "F", 1), monday + 1, "2026-11-26"},
		"long before the cut-off":        {payment("P", 1, at("2026-11-23T22:54:59+08:00")), monday, "2026-11-24"},
		"shortly before the cut-off":     {payment("P", 1, at("2026-11-23T22:55:00+08:00")), monday, "2026-11-26"},
		"behind the cut-off":             {payment("P", 1, at("2026-11-23T15:00:00Z")), monday, "2026-11-26"},
		"booked counts before time":      {payment("P", 1, at("2026-11-23T23:30:00+08:00"), func(r *recon.Record) { r.Booked = r.Time.Add(-2 * time.Hour) }), monday, "2026-11-24"},
		"a time of long ago":             {booking(recon.KindRefund, "R", 1, at("2026-10-01T12:00:00+08:00")), monday, "2026-11-27"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := cfg.due(c.record, c.seen); err != nil || got.String() != c.want {
				t.Errorf("due %s, want %s, %v", got, c.want, err)
			}
		})
	}
	if _, err := cfg.due(payment("P", 1), DayOf(2026, 12, 31)); err == nil || !strings.Contains(err.Error(), "calendar cn.txt covers 2026-01-01 to 2026-12-31, not 2027-01-01") {
		t.Errorf("beyond the calendar: %v", err)
	}
}

func TestClock(t *testing.T) {
	shanghai, _ := time.LoadLocation("Asia/Shanghai")
	berlin, _ := time.LoadLocation("Europe/Berlin")
	for _, c := range []struct {
		zone *time.Location
		cut  time.Duration
		time string
		want string
	}{
		{nil, 0, "2026-11-23T23:59:59Z", "2026-11-23"},
		{nil, 0, "2026-11-24T00:00:00Z", "2026-11-24"},
		{shanghai, 0, "2026-11-23T15:59:59Z", "2026-11-23"},
		{shanghai, 0, "2026-11-23T16:00:00Z", "2026-11-24"},
		{shanghai, 23 * time.Hour, "2026-11-23T22:59:59+08:00", "2026-11-23"},
		{shanghai, 23 * time.Hour, "2026-11-23T23:00:00+08:00", "2026-11-24"},
		{shanghai, 23 * time.Hour, "2026-12-31T23:00:00+08:00", "2027-01-01"},
		{shanghai, 2 * time.Hour, "2026-11-24T01:59:59+08:00", "2026-11-23"},
		{shanghai, 2 * time.Hour, "2026-11-24T02:00:00+08:00", "2026-11-24"},
		{berlin, 0, "2026-10-25T22:59:59Z", "2026-10-25"}, // a day of 25 hours
		{berlin, 0, "2026-10-25T23:00:00Z", "2026-10-26"},
		{berlin, 23 * time.Hour, "2026-03-29T20:59:59Z", "2026-03-29"}, // a day of 23 hours
		{berlin, 23 * time.Hour, "2026-03-29T21:00:00Z", "2026-03-30"},
	} {
		moment, err := time.Parse(time.RFC3339, c.time)
		if err != nil {
			t.Fatal(err)
		}
		if got := (Clock{Zone: c.zone, Cut: c.cut}).Day(moment); got.String() != c.want {
			t.Errorf("%s with a cut-off of %s in %v is on %s, want %s", c.time, c.cut, c.zone, got, c.want)
		}
	}
}

func TestCarriedBytesAreGuarded(t *testing.T) {
	b := &books{t: t, cfg: Config{Terms: everyDay(5)}}
	b.run(monday, ours(payment("P1", 100, fee(1), at("2026-11-23T10:00:00+08:00"), further("product", "x"))), theirs(booking(recon.KindRefund, "R1", 50, txn("T1"))))
	whole := b.bytes
	for i := range whole {
		bad := bytes.Clone(whole)
		bad[i] ^= 1 << (i % 8)
		b.carried.Open = opener(bad)
		if _, _, _, err := b.apply(monday+1, nil); err == nil {
			t.Fatalf("byte %d of %d was changed and nobody saw it", i, len(whole))
		}
	}
	for cut := range whole {
		b.carried.Open = opener(whole[:cut])
		if _, _, _, err := b.apply(monday+1, nil); err == nil {
			t.Fatalf("%d of %d bytes were enough", cut, len(whole))
		}
	}
	b.carried.Open = opener(append(bytes.Clone(whole), 0))
	if _, _, _, err := b.apply(monday+1, nil); err == nil {
		t.Error("a byte too many was not seen")
	}
	b.carried.Open = opener(whole)
	for name, c := range map[string]struct {
		day  Day
		want string
	}{
		"the same day": {monday, "it was carried out on 2026-11-23, which is not before 2026-11-23"},
		"a day before": {monday - 1, "which is not before 2026-11-22"},
	} {
		if _, _, _, err := b.apply(c.day, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := Apply(monday+1, &b.cfg, In{Batch: Batch{Channel: "alipay"}, Carried: b.carried, Carry: &bytes.Buffer{}})
	if err == nil || !strings.Contains(err.Error(), `it is of batch wechat/1900000001/trade, not alipay//`) {
		t.Errorf("another batch: %v", err)
	}
	if _, _, _, err := b.apply(monday+1, nil); err != nil {
		t.Errorf("the bytes as they are: %v", err)
	}
}

func TestCarriedOutAgainIsTheSameBytes(t *testing.T) {
	b := &books{t: t, cfg: Config{Terms: everyDay(9)}}
	var all []*match.Difference
	for i := range 300 {
		all = append(all, ours(payment(fmt.Sprintf("P%03d", i), int64(i), fee(-1), at("2026-11-23T10:00:00.000001+08:00"), further("a", fmt.Sprint(i)))))
	}
	b.run(monday, all...)
	one := b.bytes
	b.run(monday + 1)
	if len(one) != len(b.bytes) || b.out.Carried.Items != 300 || bytes.Equal(one, b.bytes) { // only the day in the head is another
		t.Errorf("%d bytes, %d the day after", len(one), len(b.bytes))
	}
	if same := bytes.Replace(one, encoded(monday), encoded(monday+1), 1); !bytes.Equal(same, b.bytes) {
		t.Error("what nothing happened to is carried as other bytes")
	}
}

func encoded(day Day) []byte {
	var e Encoder
	e.Number(int64(day))
	return e.Bytes()
}
