package scan

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/entry"
)

// plainSpec is a CSV file with header, kinds and states.
func plainSpec() *recon.FormatSpec {
	row := recon.RowRule{
		Key: []string{"refund", "order"}, Order: []string{"order"}, Amount: recon.Amount{Columns: []string{"amount"}, Unit: recon.UnitMajor},
		CurrencyIn: "currency", Time: []string{"time"}, Compare: []string{"note"},
		Fee:    &recon.Amount{Columns: []string{"fee"}, Unit: recon.UnitMajor},
		Status: recon.StatusMap{Column: "state", Values: map[string]recon.Status{"ok": recon.StatusSuccess, "bad": recon.StatusFailed}},
	}
	pay, refund := row, row
	pay.Match, pay.Kind = []string{"pay"}, recon.KindPayment
	refund.Match, refund.Kind, refund.Amount.Sign = []string{"refund"}, recon.KindRefund, recon.SignFlip
	names := []string{"order", "refund", "type", "amount", "currency", "state", "time", "fee", "note"}
	spec := &recon.FormatSpec{
		Name: "plain", KindIn: "type", Lines: recon.LineRule{Separator: ",", Quote: true, Trim: " \t", Comment: "#"},
		Rows: []recon.RowRule{pay, refund, {Match: []string{"remark"}, Ignore: "a remark"}}, Empty: []string{"0"},
	}
	for _, name := range names {
		spec.Columns = append(spec.Columns, recon.Column{Name: name, Optional: slices.Contains([]string{"fee", "note", "time", "refund"}, name)})
	}
	return spec
}

// summedSpec is plainSpec with a line that ends the rows.
func summedSpec() *recon.FormatSpec {
	spec := plainSpec()
	spec.Lines.Summary = []string{"total"}
	return spec
}

const plainHeader = "order,refund,type,amount,currency,state,time,fee,note\n"

// gather is a sink that keeps everything.
type gather struct {
	mu      sync.Mutex
	entries []entry.Entry
}

func (g *gather) Take(_ int, batch []entry.Entry) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.entries = append(g.entries, batch...)
	return nil
}

func options(spec *recon.FormatSpec) Options {
	return Options{Name: "bill.csv", Format: spec, Hasher: entry.NewHasher(entry.Secret{1}), Workers: 2, Full: true}
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bill.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// scanText scans a text as a file and gives what came out.
func scanText(t *testing.T, text string, o Options) (*Side, *Result, []entry.Entry, error) {
	t.Helper()
	side, err := OpenFile(file(t, text), o)
	if err != nil {
		return nil, nil, nil, err
	}
	t.Cleanup(func() {
		if err := side.Close(); err != nil {
			t.Error(err)
		}
	})
	sink := &gather{}
	result, err := side.Scan(t.Context(), sink)
	slices.SortFunc(sink.entries, func(a, b entry.Entry) int { return int(int64(a.At.Place()) - int64(b.At.Place())) })
	return side, result, sink.entries, err
}

// records gives all records and rejects of a side in order.
func records(t *testing.T, side *Side) (good []recon.Record, rejects []recon.Reject) {
	t.Helper()
	for r, err := range side.Records(t.Context(), nil) {
		var reject recon.Reject
		switch {
		case errors.As(err, &reject):
			rejects = append(rejects, reject)
		case err != nil:
			t.Fatal(err)
		default:
			good = append(good, r)
		}
	}
	return good, rejects
}

// cancelled is a context that has ended.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
