package recon

import (
	"errors"
	"fmt"
	"math"
	"testing"
)

func TestEveryAmountToAThousandRoundTrips(t *testing.T) {
	for fen := range int64(100_001) {
		text := fmt.Sprintf("%d.%02d", fen/100, fen%100)
		m, err := ParseMajor(text, "CNY")
		if err != nil || m.Minor != fen || m.Major() != text {
			t.Fatalf("%s: got %v %q, %v", text, m.Minor, m.Major(), err)
		}
	}
}

func TestParseMajor(t *testing.T) {
	for _, c := range []struct {
		text     string
		currency Currency
		want     int64
		err      error
	}{
		{"19.99", "CNY", 1999, nil},
		{"0.32000", "CNY", 32, nil},
		{"-0.27000", "CNY", -27, nil},
		{"+1", "CNY", 100, nil},
		{"49.9", "CNY", 4990, nil},
		{"1500", "JPY", 1500, nil},
		{"92233720368547758.07", "CNY", math.MaxInt64, nil},
		{"92233720368547758.08", "CNY", 0, ErrAmountOverflow},
		{"0.001", "CNY", 0, ErrAmountPrecision},
		{"1.5", "JPY", 0, ErrAmountPrecision},
		{"", "CNY", 0, ErrAmountSyntax},
		{"-", "CNY", 0, ErrAmountSyntax},
		{".5", "CNY", 0, ErrAmountSyntax},
		{"5.", "CNY", 0, ErrAmountSyntax},
		{"1e2", "CNY", 0, ErrAmountSyntax},
		{"NaN", "CNY", 0, ErrAmountSyntax},
		{"1,100.00", "CNY", 0, ErrAmountSyntax},
		{"1.0x", "CNY", 0, ErrAmountSyntax},
		{"1.000x", "CNY", 0, ErrAmountSyntax},
		{"１.00", "CNY", 0, ErrAmountSyntax},
		{"1.00", "XXX", 0, ErrCurrencyUnknown},
	} {
		m, err := ParseMajor(c.text, c.currency)
		if !errors.Is(err, c.err) || (err == nil && m.Minor != c.want) {
			t.Errorf("ParseMajor(%q): got %d, %v; want %d, %v", c.text, m.Minor, err, c.want, c.err)
		}
	}
}

func TestMoneyPrintsExactly(t *testing.T) {
	for want, m := range map[string]Money{
		"-92233720368547758.08 CNY": {math.MinInt64, "CNY"},
		"-0.05 CNY":                 {-5, "CNY"},
		"7 JPY":                     {7, "JPY"},
		"0.007 KWD":                 {7, "KWD"},
	} {
		if got := m.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAddRefusesOverflowAndOtherCurrencies(t *testing.T) {
	if _, err := (Money{math.MaxInt64, "CNY"}).Add(Money{1, "CNY"}); !errors.Is(err, ErrAmountOverflow) {
		t.Errorf("overflow: %v", err)
	}
	if _, err := (Money{math.MinInt64, "CNY"}).Add(Money{-1, "CNY"}); !errors.Is(err, ErrAmountOverflow) {
		t.Errorf("underflow: %v", err)
	}
	if _, err := (Money{1, "CNY"}).Add(Money{1, "USD"}); !errors.Is(err, ErrCurrencyDiffers) {
		t.Errorf("currencies: %v", err)
	}
}

func TestUnknownWordsAreNeverSuccess(t *testing.T) {
	if _, err := ParseStatus("SUCCESSFUL"); err == nil {
		t.Error("status SUCCESSFUL was accepted")
	}
	if _, err := ParseKind("chargeback-ish"); err == nil {
		t.Error("kind was accepted")
	}
}

func TestNamesOfTheYuan(t *testing.T) {
	for _, name := range []string{"CNY", "cny", "RMB", "人民币", "001", "156"} {
		if c, err := ParseCurrency(name); err != nil || c != "CNY" {
			t.Errorf("%s: got %q, %v", name, c, err)
		}
	}
	for _, name := range []string{"", "元", "CN", "1560", "XXX"} {
		if c, err := ParseCurrency(name); err == nil {
			t.Errorf("%q: got %q", name, c)
		}
	}
}
