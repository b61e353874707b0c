package lines

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
	"github.com/seed-3356bd69/touchstone/recon/scan"
)

func full() recon.Record {
	return recon.Record{
		Channel: "nowhere", Key: recon.Key{Kind: recon.KindRefund, ID: `R,"1`}, Order: "O|1", Account: "a1", ChannelTxn: "T 1", Original: "T0", Settled: "2026-11-27",
		Status: recon.StatusSuccess, Amount: recon.Money{Minor: 1999, Currency: "CNY"}, Fee: &recon.Money{Minor: -3, Currency: "CNY"},
		Time: time.Date(2026, 11, 26, 23, 59, 59, 123456000, time.FixedZone("", 8*3600)),
	}
}

// TestLinesReadAsTheirRecords scans what was written, with and without a header, of no record, of one with all values and of
// one with none that may be missing.
func TestLinesReadAsTheirRecords(t *testing.T) {
	bare := recon.Record{Channel: "nowhere", Key: recon.Key{Kind: recon.KindPayment, ID: "P1"}, Order: "P1", Status: recon.StatusProcessing, Amount: recon.Money{Currency: "JPY"}}
	for _, header := range []bool{true, false} {
		for _, records := range [][]recon.Record{{}, {full(), bare}} {
			if len(records) == 0 && !header {
				continue // a text without anything is no file
			}
			var text []byte
			if header {
				text = Header()
			}
			for i := range records {
				l := Of(&records[i])
				if err := l.Check(); err != nil {
					t.Fatal(err)
				}
				text = l.Append(text)
			}
			path := filepath.Join(t.TempDir(), "text")
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			side, err := scan.OpenFile(path, scan.Options{Name: "text", Format: Format("lines", "nowhere", header), Hasher: entry.NewHasher(entry.Secret{1})})
			if err != nil {
				t.Fatal(err)
			}
			i := 0
			for got, err := range side.Records(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				w := records[i]
				i++
				if got.Key != w.Key || got.Order != w.Order || got.Account != w.Account || got.ChannelTxn != w.ChannelTxn || got.Original != w.Original || got.Settled != w.Settled ||
					got.Status != w.Status || got.Amount != w.Amount || !got.Time.Equal(w.Time) || (got.Fee == nil) != (w.Fee == nil) || got.Fee != nil && *got.Fee != *w.Fee {
					t.Errorf("header %v:\n%+v\n%+v", header, got, w)
				}
			}
			if i != len(records) {
				t.Errorf("header %v: %d of %d records", header, i, len(records))
			}
			if err := side.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestWhatALineCannotSay(t *testing.T) {
	for want, spoil := range map[string]func(*recon.Record){
		`a tab or a line end: "P\t1"`: func(r *recon.Record) { r.Key.ID = "P\t1" },
		`a tab or a line end: "T\n0"`: func(r *recon.Record) { r.Original = "T\n0" },
		"the fee is in USD,":          func(r *recon.Record) { r.Fee.Currency = "USD" },
	} {
		r := full()
		spoil(&r)
		l := Of(&r)
		if err := l.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %s, got %v", want, err)
		}
	}
}
