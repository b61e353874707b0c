package rules

import (
	"testing"

	"github.com/seed-3356bd69/touchstone/recon"
)

func late(n int) *Config { return &Config{Terms: everyDay(1), Late: n} }

// late gives how many bookings of a side are carried out beyond their break, and their money.
func (b *books) late(side int) (n, minor int64) {
	for _, t := range b.out.Late[side].Rows() {
		n, minor = n+t.Count, minor+t.Minor
	}
	return n, minor
}

func TestTheOtherSideComesAfterTheBreak(t *testing.T) {
	b := &books{t: t, cfg: *late(3)}
	b.run(monday, ours(payment("P1", 100)), theirs(payment("P2", 200)))
	expect(t, b.run(monday+1),
		"break carry missing-at-channel payment P1 ours since 2026-11-23 due 2026-11-24 (expected by 2026-11-24)",
		"break carry missing-internally payment P2 theirs since 2026-11-23 due 2026-11-24 (expected by 2026-11-24)")
	if n, minor := b.late(internal); n != 1 || minor != 100 || b.out.Carried.Items != 2 {
		t.Errorf("%d of ours, %d, of %d carried", n, minor, b.out.Carried.Items)
	}
	expect(t, b.run(monday+2),
		"overdue carry missing-at-channel payment P1 ours since 2026-11-23 due 2026-11-24",
		"overdue carry missing-internally payment P2 theirs since 2026-11-23 due 2026-11-24")
	got := b.run(monday+3, theirs(payment("P1", 100)), ours(payment("P2", 200)))
	expect(t, got,
		"settled carry payment P1 ours since 2026-11-23 theirs since 2026-11-26",
		"settled carry payment P2 ours since 2026-11-26 theirs since 2026-11-23")
	if got[0].Told != [2]Day{monday + 1, NoDay} || got[1].Told != [2]Day{NoDay, monday + 1} {
		t.Errorf("told %v and %v", got[0].Told, got[1].Told)
	}
	expect(t, b.run(monday+4))
}

func TestTheOtherSideIsLookedForSoManyDays(t *testing.T) {
	for name, c := range map[string]struct {
		after Day // the break
		want  string
	}{
		"on the last day": {3, "settled carry payment P1 ours since 2026-11-23 theirs since 2026-11-27"},
		"a day later":     {4, "carried carry missing-internally payment P1 theirs since 2026-11-28 due 2026-11-29"},
	} {
		t.Run(name, func(t *testing.T) {
			b := &books{t: t, cfg: *late(3)}
			b.run(monday, ours(payment("P1", 100)))
			for after := range c.after {
				b.run(monday + 1 + after)
			}
			expect(t, b.run(monday+1+c.after, theirs(payment("P1", 100))), c.want)
		})
	}
}

func TestALateSideThatDiffersIsOneBreak(t *testing.T) {
	b := &books{t: t, cfg: *late(9)}
	b.run(monday, ours(payment("P1", 100)))
	b.run(monday + 1)
	got := b.run(monday+2, theirs(payment("P1", 150)))
	expect(t, got, "break amount-mismatch payment P1 ours since 2026-11-23 theirs since 2026-11-25")
	if got[0].Told != [2]Day{monday + 1, NoDay} {
		t.Errorf("told %v", got[0].Told)
	}
	expect(t, b.run(monday+3)) // both sides have it: nobody waits
}

func TestABreakWithoutTermIsLookedForToo(t *testing.T) {
	b := &books{t: t, cfg: Config{Late: 2}}
	expect(t, b.run(monday, ours(payment("P1", 100))), "break carry missing-at-channel payment P1 ours since 2026-11-23 due 2026-11-23 (expected by 2026-11-23)")
	expect(t, b.run(monday+2, theirs(payment("P1", 100))), "settled carry payment P1 ours since 2026-11-23 theirs since 2026-11-25")
}

func TestNobodyWaitsForACopyTooMany(t *testing.T) {
	b := &books{t: t, cfg: *late(9)}
	expect(t, b.run(monday, copyOf(2, theirs(payment("P1", 100)))), "break duplicate payment P1 theirs since 2026-11-23")
	if b.out.Carried.Items != 0 {
		t.Errorf("%d carried", b.out.Carried.Items)
	}
}

func TestALateReversalNetsAnOverduePayment(t *testing.T) {
	cfg := *late(9)
	cfg.Reversals = true
	b := &books{t: t, cfg: cfg}
	b.run(monday, theirs(payment("P1", 100)))
	b.run(monday + 1)
	expect(t, b.run(monday+2, theirs(booking(recon.KindReversal, "V1", 100, order("OP1")))),
		"netted reversal missing-internally payment P1 theirs since 2026-11-23 link OP1",
		"netted reversal missing-internally reversal V1 theirs since 2026-11-25 link OP1")
}

// TestBytesOfBeforeAreCarriedOn has a day carry out nothing that is overdue: the bytes are those of a release that knew of
// no such thing.
func TestBytesOfBeforeAreCarriedOn(t *testing.T) {
	with, without := &books{t: t, cfg: *late(3)}, &books{t: t, cfg: *late(0)}
	for _, b := range []*books{with, without} {
		b.run(monday, ours(payment("P1", 100)))
	}
	if with.carried.Digest != without.carried.Digest {
		t.Error("the bytes differ though nothing is overdue")
	}
}

// TestNothingIsLookedForOnceTheRuleIsGone takes late_days out while something is overdue.
func TestNothingIsLookedForOnceTheRuleIsGone(t *testing.T) {
	b := &books{t: t, cfg: *late(9)}
	b.run(monday, ours(payment("P1", 100)))
	b.run(monday + 1)
	b.cfg.Late = 0
	expect(t, b.run(monday+2), "overdue carry missing-at-channel payment P1 ours since 2026-11-23 due 2026-11-24")
	expect(t, b.run(monday+3, theirs(payment("P1", 100))), "carried carry missing-internally payment P1 theirs since 2026-11-26 due 2026-11-27")
}
