package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/casework/export"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// journal exports the suspense journal of the rig's store.
func (r *dayRig) journal() string {
	r.Helper()
	table, err := export.Open(export.Suspense, export.CSV)
	if err != nil {
		r.Fatal(err)
	}
	var out strings.Builder
	if err := table.Write(r.Context(), &casework.Desk{DB: stores.Open(r, "sqlite:"+r.dir+"/state.db")}, casework.Filter{}, &out); err != nil {
		r.Fatal(err)
	}
	return out.String()
}

// rules drives three days with the built binary: a payment that comes a day late, one that never comes, a cent that is
// tolerated, and a correction of the first day after all were closed.
func (r *dayRig) rules(t *testing.T) {
	r = &dayRig{t, filepath.Join(r.dir, "rules"), r.binary}
	r.write("lines.json", `{"name": "lines", "columns": [{"name": "id"}, {"name": "amount"}], "lines": {"separator": ",", "comment": "#", "end": "end"},
		"rows": [{"kind": "payment", "key": ["id"], "currency": "CNY", "amount": {"columns": ["amount"], "unit": "major"}}]}`)
	r.write("holidays.txt", "covers 2026-11-01 2026-12-31\n2026-11-24 holiday\n")
	config := filepath.Join(r.dir, "recon.yaml")
	text := `role: recon
store: sqlite:` + r.dir + `/state.db
archive: ./archive
channels:
  - name: bank
    account: a1
    kind: statement
    calendar: holidays.txt
    off: [holidays]
    folder: {path: bills, file: "{day}.csv", format: lines.json, settle: 0s}
    books: {path: books, file: "{day}.csv", format: lines.json}
    rules:
      terms: [{days: 1}]
      tolerances: [{name: rounding, row: 0.02, cap: 1.00, until: 2026-12-31}]
`
	r.write("recon.yaml", text)
	files := func(day, ours, theirs string) {
		r.write("books/"+day+".csv", "id,amount\n"+ours+"# end\n")
		r.write("bills/"+day+".csv", "id,amount\n"+theirs+"# end\n")
	}
	files("2026-11-23", "P1,1.00\nlate,19.99\nnever,5.00\ncent,3.00\n", "P1,1.00\ncent,3.02\n")
	files("2026-11-25", "P2,1.00\n", "P2,1.00\nlate,19.99\n") // the 24th is a holiday of the calendar
	r.wants(1, "no statement of 2026-11-24 is known", "recon", "run", "--date", "2026-11-24", config)
	r.wants(0, "findings 0, tolerated 1, carried 2", "recon", "run", "--date", "2026-11-23", config)
	r.wants(0, "findings 1, settled 1", "recon", "run", "--date", "2026-11-25", config)
	r.wants(0, `"carried_in": "`, "recon", "status", "--json", "--date", "2026-11-25", config)

	out := r.journal()
	for _, want := range []string{",suspense,debit,0.02,2,CNY,,payment,cent,tolerance rounding", ",write-off,credit,0.02,2,CNY,,payment,cent,tolerance rounding"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in the journal: %s", want, out)
		}
	}
	files("2026-11-23", "P1,1.00\nlate,19.99\nnever,5.00\ncent,3.00\n", "P1,1.00\ncent,3.00\nnever,5.00\n")
	r.wants(0, "version 2 SETTLED", "recon", "rerun", "--date", "2026-11-23", config)
	r.wants(0, "version 2 SETTLED, books 1, channel 2, matched 1, findings 0, settled 1 (0 opened, 1 gone, 0 unchanged", "recon", "status", "--date", "2026-11-25", config)

	r.write("recon.yaml", strings.Replace(text, "days: 1", "days: x", 1))
	r.wants(1, `recon.yaml:13:22: channels[0].rules.terms[0].days: is not a`, "check", config)
	r.write("recon.yaml", strings.Replace(text, "    calendar: holidays.txt\n", "", 1))
	r.wants(1, "channels[0].calendar: is missing, and off names holidays", "check", config)
}
