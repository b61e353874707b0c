package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func decodeDay(t testing.TB, kind, date string, data []byte) (*collected, plugins.DecodeResult, error) {
	t.Helper()
	got := &collected{}
	res, err := testAdapter(nil, time.Now).Decode(t.Context(), plugins.DecodeRequest{Kind: kind, Account: "802310048993424", Date: date}, bytes.NewReader(data), got)
	return got, res, err
}

func TestBrokenFiles(t *testing.T) {
	zipped := fixture(t, "802310048993424_20160101.zip")
	for _, tt := range []struct {
		name, kind, date, want string
		data                   []byte
		failure                plugins.FailureKind
	}{
		{"zip cut off", kindTrade, "2016-01-01", "damaged or cut off", zipped[:len(zipped)-30], plugins.FailureQuarantine},
		{"another day's file", kindTrade, "2016-01-02", "another day", zipped, plugins.FailureQuarantine},
		{"no day", kindTrade, "", "have no year", zipped, plugins.FailureConfig},
		{"a page", kindTrade, "2016-01-01", "a page instead", []byte("<html>"), plugins.FailureQuarantine},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := decodeDay(t, tt.kind, tt.date, tt.data)
			if plugins.KindOf(err) != tt.failure || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("an empty file is an empty day", func(t *testing.T) {
		if got, res, err := decodeDay(t, kindTrade, "2016-01-01", nil); err != nil || res.Records != 0 || len(got.records) != 0 {
			t.Errorf("got %+v, %v", res, err)
		}
	})
}

// TestYearIsDerived reads lines of the turn of the year, and of 29 February, in files of days around.
func TestYearIsDerived(t *testing.T) {
	line := fixture(t, "INN16010188ZM_802310048993424")[:607]
	for _, tt := range []struct{ stamp, file, want string }{
		{"1231230001", "2016-01-01", "2015-12-31T23:00:01"},
		{"0101000000", "2016-01-01", "2016-01-01T00:00:00"},
		{"0101000000", "2015-12-31", "2016-01-01T00:00:00"},
		{"0229120000", "2016-02-29", "2016-02-29T12:00:00"},
		{"0228230000", "2017-03-01", "2017-02-28T23:00:00"},
	} {
		at := append(append(bytes.Clone(line[:35]), tt.stamp...), line[45:]...)
		got, _, err := decodeDay(t, kindTrade, tt.file, at)
		if err != nil || len(got.records) != 1 {
			t.Fatalf("%s in %s: %d records, rejects %v, %v", tt.stamp, tt.file, len(got.records), got.rejects, err)
		}
		if have := got.records[0].Time.In(time.FixedZone("CST", 8*3600)).Format("2006-01-02T15:04:05"); have != tt.want {
			t.Errorf("%s in the file of %s is %s, not %s", tt.stamp, tt.file, have, tt.want)
		}
	}
	if got, _, err := decodeDay(t, kindTrade, "2017-06-01", append(append(bytes.Clone(line[:35]), "0229120000"...), line[45:]...)); err != nil || len(got.records) != 1 {
		t.Errorf("29 February next to 2017: %v, %v", got.rejects, err)
	}
}

// TestCutLineIsNoRow cuts a line at every byte. One that is whole up to its last amount is a row, whatever blanks are
// missing; a shorter one is a reject; none is lost.
func TestCutLineIsNoRow(t *testing.T) {
	line := fixture(t, "INN16010188ZM_802310048993424")[:607]
	settledEnd := 180 + 13
	for n := 1; n < len(line); n++ {
		got, _, err := decodeDay(t, kindTrade, "2016-01-01", line[:n])
		if strings.TrimSpace(string(line[:n])) == "" {
			continue
		}
		if err != nil || len(got.records)+len(got.rejects) != 1 {
			t.Fatalf("cut at %d: %d records, %d rejects, %v", n, len(got.records), len(got.rejects), err)
		}
		if n < settledEnd && len(got.records) != 0 {
			t.Errorf("cut at %d, inside of the amounts, became a record", n)
		}
	}
}

// TestChineseNamesDoNotShiftFields: widths are bytes, and a name of two bytes a character stands in the middle.
func TestChineseNamesDoNotShiftFields(t *testing.T) {
	got, _, err := decodeDay(t, kindTrade, "2016-01-01", fixture(t, "INN16010188ZM_802310048993424"))
	if err != nil || len(got.records) != 5 {
		t.Fatalf("%d records, %v", len(got.records), err)
	}
	for _, r := range got.records {
		if r.Account != "802310048993424" {
			t.Errorf("line %d: account %q", r.Origin.Line, r.Account)
		}
	}
}

// FuzzDecode: no panic, and every line in exactly one place.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"INN16010188ZM_802310048993424", "INN16010188ZME_802310048993424", "rejects", "802310048993424_20160101.zip"} {
		f.Add(fixture(f, name), true)
		f.Add(fixture(f, name), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, trade bool) {
		kind := kindDisputes
		if trade {
			kind = kindTrade
		}
		got, res, err := decodeDay(t, kind, "2016-01-01", data)
		if res.Records != int64(len(got.records)) || res.Rejects != int64(len(got.rejects)) {
			t.Fatalf("%d records and %d rejects came, the result says %d and %d (%v)", len(got.records), len(got.rejects), res.Records, res.Rejects, err)
		}
		for _, r := range got.records {
			if r.Amount.Minor < 0 || r.Key.ID == "" || r.Origin.Line < 1 {
				t.Fatalf("record outside the contract: %+v", r)
			}
		}
	})
}
