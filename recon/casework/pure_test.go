package casework

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/match"
)

func TestCaseIDs(t *testing.T) {
	key := recon.Key{Kind: recon.KindRefund, ID: "R1"}
	id := caseID("s", key, 1, recon.Duplicate, "")
	if id != "C15-3emb57s8r83kgiq7" && len(id) != 20 {
		t.Errorf("got %s", id)
	}
	if part, err := partIn(id); err != nil || part != partOf("R1") {
		t.Errorf("partition %d of %s, want %d, %v", part, id, partOf("R1"), err)
	}
	others := map[string]bool{
		id: true, caseID("s2", key, 1, recon.Duplicate, ""): true, caseID("s", recon.Key{Kind: recon.KindPayment, ID: "R1"}, 1, recon.Duplicate, ""): true,
		caseID("s", key, 2, recon.Duplicate, ""): true, caseID("s", key, 1, recon.AmountMismatch, ""): true, caseID("sr", recon.Key{Kind: "efund", ID: "R1"}, 1, recon.Duplicate, ""): true,
		caseID("s", key, 1, recon.Duplicate, "2026-11-22"): true,
	}
	if len(others) != 7 {
		t.Errorf("ids collide: %v", others)
	}
	for _, bad := range []string{"", "C1-3emb57s8r83kgiq7", "C64-0000000000000000", "C00-000000000000000z", "C00-0000000000000000'"} {
		if _, err := partIn(bad); !errors.Is(err, ErrID) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestGapAndLabel(t *testing.T) {
	side := func(kind recon.Kind, minor int64, c recon.Currency, s recon.Status) *recon.Record {
		return &recon.Record{Key: recon.Key{Kind: kind, ID: "x"}, Amount: recon.Money{Minor: minor, Currency: c}, Status: s}
	}
	pay := func(minor int64) *recon.Record { return side(recon.KindPayment, minor, "CNY", recon.StatusSuccess) }
	back := func(minor int64) *recon.Record { return side(recon.KindRefund, minor, "CNY", recon.StatusSuccess) }
	for name, c := range map[string]struct {
		books, channel *recon.Record
		want           string
		label          Label
	}{
		"payment only at the channel": {nil, pay(100), "1.00 CNY", LabelOver},
		"payment only in the books":   {pay(100), nil, "-1.00 CNY", LabelShort},
		"refund only at the channel":  {nil, back(100), "-1.00 CNY", LabelShort},
		"refund only in the books":    {back(100), nil, "1.00 CNY", LabelOver},
		"channel has more":            {pay(100), pay(101), "0.01 CNY", LabelOver},
		"channel refunded more":       {back(100), back(101), "-0.01 CNY", LabelShort},
		"failed at the channel":       {pay(100), side(recon.KindPayment, 100, "CNY", recon.StatusFailed), "-1.00 CNY", LabelShort},
		"both failed":                 {side(recon.KindPayment, 1, "CNY", recon.StatusFailed), side(recon.KindPayment, 2, "CNY", recon.StatusClosed), "0.00 CNY", LabelEven},
		"currencies":                  {pay(100), side(recon.KindPayment, 100, "USD", recon.StatusSuccess), "unknown", LabelMixed},
	} {
		t.Run(name, func(t *testing.T) {
			f := Finding{Difference: match.Difference{Group: match.Group{Records: []*recon.Record{c.books, c.channel}}}}
			gap, err := f.gap()
			if err != nil || gapText(gap) != c.want || LabelOf(gap) != c.label {
				t.Errorf("got %s %s, %v", gapText(gap), LabelOf(gap), err)
			}
			if !strings.HasPrefix(LabelOf(gap).Definition(), string(c.label)) {
				t.Errorf("defined as %q", LabelOf(gap).Definition())
			}
		})
	}
}

func TestMoves(t *testing.T) {
	for _, from := range States() {
		for _, to := range append(States(), "gone") {
			want := from != to && to != "gone" && (from != StateClosed || to == StateOpen)
			err := from.Move(to)
			if (err == nil) != want {
				t.Errorf("%s to %s: %v", from, to, err)
			}
			if err != nil && (!errors.Is(err, ErrMove) || !strings.Contains(err.Error(), string(from)+" ") || !strings.Contains(err.Error(), " "+string(to))) {
				t.Errorf("%v does not name both states", err)
			}
		}
	}
	all := []RepairState{RepairProposed, RepairApproved, RepairRejected, RepairApplying, RepairApplied, RepairFailed}
	moves := 0
	for _, from := range all {
		for _, to := range all {
			if from.Move(to) == nil {
				moves++
				if from.ended() {
					t.Errorf("%s ends and goes on to %s", from, to)
				}
			}
		}
	}
	if moves != 6 {
		t.Errorf("%d moves of repairs, want 6", moves)
	}
}

func TestRoles(t *testing.T) {
	for do, want := range map[Action]int{ActRead: 4, ActTake: 3, ActClose: 3, ActPropose: 3, ActExport: 3, ActApprove: 2, ActApply: 2, ActReopen: 2, ActAssign: 1, "unknown": 1} {
		got := 0
		for _, r := range append(Roles(), "", "root") {
			if r.May(do) {
				got++
			}
		}
		if got != want {
			t.Errorf("%s: %d roles may, want %d", do, got, want)
		}
	}
	if err := (Actor{Role: RoleAdmin}).check(ActRead); !errors.Is(err, ErrForbidden) {
		t.Errorf("nobody may read: %v", err)
	}
}

func TestSLA(t *testing.T) {
	opened := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	over := recon.Money{Minor: 100_000_00, Currency: "CNY"}
	s := SLA{Within: 4 * time.Hour, Share: 9999, Rules: []SLARule{{Over: &over, Within: 30 * time.Minute}, {Age: time.Hour, Within: 90 * time.Minute}}}
	big, small, foreign := recon.Money{Minor: -100_000_00, Currency: "CNY"}, recon.Money{Minor: 1, Currency: "CNY"}, recon.Money{Minor: 100_000_00, Currency: "USD"}
	for name, c := range map[string]struct {
		expected time.Time
		gap      *recon.Money
		want     time.Duration
	}{
		"small": {opened.Add(-time.Hour), &small, 150 * time.Minute}, "big, either way": {opened, &big, 30 * time.Minute}, "another currency": {opened, &foreign, 150 * time.Minute},
		"unknown gap": {opened, nil, 150 * time.Minute}, "expected later": {opened.Add(24 * time.Hour), &big, 24*time.Hour + 30*time.Minute},
	} {
		if got := s.Due(opened, c.expected, c.gap).Sub(opened); got != c.want {
			t.Errorf("%s: due after %s, want %s", name, got, c.want)
		}
	}
	for k, want := range map[Kept]int64{{}: 10000, {Closed: 9999, Late: 1}: 9999, {Closed: 99_989, Overdue: 11}: 9998, {Open: 5}: 10000} {
		if k.share(); k.Share != want || s.Met(k) != (want >= 9999) {
			t.Errorf("%+v: share %d, want %d", k, k.Share, want)
		}
	}
	if Age(opened, opened.Add(-time.Hour)) != 0 || Age(opened, opened.Add(time.Hour)) != time.Hour {
		t.Error("age")
	}
}
