package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/rules"
)

const rulesFolder = "testdata/rules/"

// ruled is a file with nothing but rules.
type ruled struct {
	Calendar Path  `yaml:"calendar"`
	Rules    Rules `yaml:"rules" required:"true"`
}

func buildRules(t *testing.T, name string, compared entry.Compared) (*rules.Config, error) {
	t.Helper()
	var file ruled
	c, err := Load(rulesFolder+name, &file)
	if err != nil {
		t.Fatal(err)
	}
	cfg := file.Rules.Build(c, "rules", time.UTC, c.calendar("calendar", file.Calendar), compared)
	if cfg == nil && c.Err() == nil {
		t.Errorf("rules %v, complaints %v", cfg, c.Err())
	}
	return cfg, c.Err()
}

func TestRules(t *testing.T) {
	got, err := buildRules(t, "good.yaml", entry.CompareFee)
	if err != nil {
		t.Fatal(err)
	}
	day := func(text string) rules.Day {
		d, err := rules.ParseDay(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	money := func(minor int64, c recon.Currency) recon.Money { return recon.Money{Minor: minor, Currency: c} }
	if free, err := got.Calendar.Business(day("2026-10-01")); free || err != nil {
		t.Error("the calendar was not read", err)
	}
	end := day("2026-12-31")
	want := &rules.Config{
		Compared: entry.CompareFee, Clock: rules.Clock{Zone: time.UTC, Cut: 23 * time.Hour, Slack: 5 * time.Minute}, Calendar: got.Calendar, Late: 30, Product: "card",
		Terms: []rules.Term{{Days: 1}, {Kind: recon.KindRefund, Days: 3}, {Kind: recon.KindPayment, Product: "credit", Days: 2, Calendar: true}},
		Tolerances: []rules.Tolerance{
			{Name: "rounding", Field: recon.FieldAmount, Kinds: []recon.Kind{recon.KindPayment, recon.KindRefund}, Row: money(2, "CNY"), Cap: money(1000, "CNY"), Until: end},
			{Name: "fees", Field: recon.FieldFee, Row: money(1, "CNY"), Cap: money(500, "CNY"), Until: end},
			{Name: "yen", Field: recon.FieldAmount, Row: money(1, "JPY"), Cap: money(100, "JPY"), Until: end},
		},
		Accounts: rules.Accounts{Suspense: "1221.01", WriteOff: "6711.09"}, Reversals: true, Refunds: true,
		Split:      &rules.Split{By: rules.LinkOriginal, Whole: rules.LinkChannelTxn, Fees: rules.FeeFields},
		Settlement: &rules.Settlement{By: rules.ColumnLink("batch"), Line: rules.LinkKey, Fees: rules.FeeLines},
		Net:        &rules.NetRule{By: rules.LinkSettled, Line: rules.LinkSettled, Fees: rules.FeeFields},
		Fees: &rules.Fees{Schedule: rules.Schedule{Rates: []rules.Rate{
			{Currency: "CNY", From: day("2026-01-01"), Tiers: []rules.Tier{{UpTo: 100_000, Parts: 6000}, {Parts: 5500, Fixed: 10}}, Rounding: rules.HalfUp, Min: 1, Max: 2000, Returned: true},
			{Currency: "CNY", Product: "credit", Tiers: []rules.Tier{{Parts: 6000}}, Marginal: true, Rounding: rules.HalfEven},
		}}},
		MaxLinked: 200_000,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestComplaintsAboutRules(t *testing.T) {
	for _, name := range []string{"bad", "apart"} {
		t.Run(name, func(t *testing.T) {
			_, err := buildRules(t, name+".yaml", 0)
			if err == nil {
				t.Fatal("no complaint")
			}
			compare(t, filepath.Join(rulesFolder, name+".want"), strings.ReplaceAll(err.Error(), rulesFolder, "")+"\n")
		})
	}
}

// TestATolerancesBounds takes out, one after the other, what keeps a tolerance from hiding a loss.
func TestATolerancesBounds(t *testing.T) {
	const whole = "rules:\n  tolerances: [{name: a, row: 0.02, cap: 1.00, until: 2026-12-31}]\n"
	for part, field := range map[string]string{"": "", ", cap: 1.00": "cap", ", until: 2026-12-31": "until", "row: 0.02, ": "row", "name: a, ": "name"} {
		path := filepath.Join(t.TempDir(), "rules.yaml")
		if err := os.WriteFile(path, []byte(strings.Replace(whole, part, "", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		var file ruled
		c, err := Load(path, &file)
		if err != nil {
			t.Fatal(err)
		}
		file.Rules.Build(c, "rules", time.UTC, nil, 0)
		switch err := c.Err(); {
		case field == "" && err != nil:
			t.Error(err)
		case field != "" && (err == nil || !strings.Contains(err.Error(), path+":2:16: rules.tolerances[0]."+field+": is missing")):
			t.Errorf("without %s: %v", field, err)
		}
	}
}
