package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/rules"
)

// check holds what is there in the end against what was planted.
func (f *dayFaults) check() {
	f.Helper()
	f.checkAudit()
	f.checkCases()
	before := make([]*batch.Batch, len(planLines()))
	for _, d := range f.days {
		for i := range planLines() {
			before[i] = f.checkDay(f.runner.Profiles[i].ID(d.day), before[i], len(d.statements[i].files))
		}
	}
	f.checkOperations()
}

// checkAudit verifies the log, and wants each step of each batch in it exactly once.
func (f *dayFaults) checkAudit() {
	f.Helper()
	log, key := filepath.Join(f.dir, "log"), filepath.Join(f.dir, "audit.key.pub")
	f.wants(0, "verified: ", "audit", "verify", "--log", log, "--key", key, "--witness", filepath.Join(f.dir, "outside"))
	verifier, err := audit.ReadVerifier(key)
	if err != nil {
		f.Fatal(err)
	}
	for id, state := range f.pairs("SELECT id, state FROM batches") {
		steps := []string{"batch PENDING", "batch PENDING to PREPARING", "batch PREPARING to CONFIRMED", "batch CONFIRMED to SETTLED"}
		if state == string(batch.Aborted) {
			steps = []string{"batch PENDING", "batch PENDING to PREPARING", "batch PREPARING to ABORTED"}
		}
		f.inLog(log, verifier, id, steps...)
	}
	for _, d := range f.days {
		f.inLog(log, verifier, d.day, "day closed")
	}
}

// pairs reads two columns of text.
func (f *dayFaults) pairs(query string) map[string]string {
	f.Helper()
	rows, err := f.db.Query(f.Context(), query)
	if err != nil {
		f.Fatal(err)
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var key, value string
		if err := rows.Scan(&key, &value); err != nil {
			f.Fatal(err)
		}
		out[key] = value
	}
	if err := rows.Err(); err != nil {
		f.Fatal(err)
	}
	return out
}

// inLog wants exactly these entries about a subject.
func (f *dayFaults) inLog(log string, verifier note.Verifier, subject string, want ...string) {
	f.Helper()
	found, err := audit.Find(f.Context(), log, verifier, subject)
	if err != nil {
		f.Fatal(err)
	}
	var got []string
	for _, e := range found {
		got = append(got, e.Entry.Action)
	}
	if strings.Join(got, ", ") != strings.Join(want, ", ") {
		f.Errorf("the audit log has of %s: %q, want %q", subject, got, want)
	}
}

// checkCases wants each planted fault in exactly one case that is open, and no other case open.
func (f *dayFaults) checkCases() {
	f.Helper()
	want := map[string]bool{}
	for n, d := range f.days {
		for i, s := range d.statements {
			last := s.files[len(s.files)-1]
			for fault := range last.found {
				want[f.runner.Profiles[i].ID(d.day).String()+" "+fault] = true
			}
			for fault := range last.ends {
				delete(want, f.runner.Profiles[i].ID(f.days[n-1].day).String()+" "+fault)
			}
		}
	}
	rows, err := f.db.Query(f.Context(), "SELECT id, statement, key_id, occurrence, break_name, state, resolution, detail FROM cases")
	if err != nil {
		f.Fatal(err)
	}
	defer rows.Close()
	open, all := map[string]int{}, 0
	for rows.Next() {
		all++
		var id, statement, key, name, state, resolution string
		var occurrence int
		var body []byte
		var detail casework.Detail
		if err := rows.Scan(&id, &statement, &key, &occurrence, &name, &state, &resolution, &body); err != nil {
			f.Fatal(err)
		}
		if err := json.Unmarshal(body, &detail); err != nil {
			f.Fatal(id, err)
		}
		text := fmt.Sprintf("%s %s #%d %s", statement, key, occurrence, name)
		if detail.Since != "" {
			text += " since " + detail.Since
		}
		switch {
		case state != string(casework.StateClosed):
			open[text]++
		case resolution != string(casework.ResolvedWithdrawn) && resolution != string(casework.ResolvedSettled):
			f.Errorf("case %s of %s was closed as %q, and nobody did", id, text, resolution)
		}
	}
	if err := rows.Err(); err != nil {
		f.Fatal(err)
	}
	for text := range maps.Keys(want) {
		if open[text] != 1 {
			f.Errorf("%d open cases, want one: %s", open[text], text)
		}
	}
	for text := range open {
		if !want[text] {
			f.Errorf("a case that nobody planted: %s", text)
		}
	}
	f.Logf("%d faults planted, %d cases, %d of them open", len(want), all, len(open))
}

// checkDay wants one version of a statement that counts, and its control totals to add up with what the day before carried
// out: carried in and found is what has a fate.
func (f *dayFaults) checkDay(id batch.ID, before *batch.Batch, files int) *batch.Batch {
	f.Helper()
	var counts int
	if err := f.db.QueryRow(f.Context(), "SELECT COUNT(*) FROM batches WHERE statement = ? AND state = 'SETTLED' AND superseded = ''", id.String()).Scan(&counts); err != nil || counts != 1 {
		f.Errorf("%s: %d versions count, %v", id, counts, err)
	}
	lines, err := f.runner.Status(f.Context(), id.Day)
	if err != nil {
		f.Fatal(err)
	}
	for i := range lines {
		if lines[i].ID == id {
			if n := lines[i].Latest.Number; n < files {
				f.Errorf("%s: %d versions of %d files", id, n, files)
			}
			f.conserved(id, before, lines[i].Latest)
			return lines[i].Latest
		}
	}
	f.Fatalf("%s is not known", id)
	return nil
}

func (f *dayFaults) conserved(id batch.ID, before, b *batch.Batch) {
	f.Helper()
	if b == nil || b.State != batch.Settled || b.Result == nil {
		f.Fatalf("%s: the latest batch is not settled: %+v", id, b)
	}
	for side, in := range [][]match.Total{b.Result.Books.In, b.Result.Channel.In} {
		broken := sumOf(b.Result.Breaks, func(t batch.BreakTotals) []match.Total { return [][]match.Total{t.Books, t.Channel}[side] })
		if got := totalOf(b.Result.Matched).plus(broken); got != totalOf(in) {
			f.Errorf("%s: side %d has %v, matched and broken are %v", id, side, totalOf(in), got)
		}
		if b.Result.Rules == nil {
			continue
		}
		fates := sumOf(b.Result.Rules.Fates, func(t batch.FateTotals) []match.Total { return [][]match.Total{t.Books, t.Channel}[side] })
		if got := broken.plus(carriedBy(before, side)); got != fates {
			f.Errorf("%s: side %d found and carried in %v, fates are of %v", id, side, got, fates)
		}
	}
	if b.Result.Rules == nil {
		return
	}
	digest, from := "", ""
	if before != nil {
		digest, from = before.Result.Rules.Carried.Digest, before.ID
	}
	if r := b.Result.Rules; r.CarriedIn != digest || r.From != from {
		f.Errorf("%s carried in %q of %q, the day before (%q) carried out %q", id, r.CarriedIn, r.From, from, digest)
	}
	if _, err := os.Stat(f.runner.Archive.Path(b.Result.Rules.Carried.Digest)); err != nil {
		f.Errorf("%s: what it carried out is gone: %v", id, err)
	}
}

// amounts are records in number and in minor units.
type amounts struct{ n, minor int64 }

func (a amounts) plus(b amounts) amounts { return amounts{a.n + b.n, a.minor + b.minor} }

func totalOf(all []match.Total) (a amounts) {
	for _, t := range all {
		a = a.plus(amounts{t.Count, t.Minor})
	}
	return a
}

func sumOf[T any](all []T, of func(T) []match.Total) (a amounts) {
	for _, t := range all {
		a = a.plus(totalOf(of(t)))
	}
	return a
}

func carriedBy(b *batch.Batch, side int) (a amounts) {
	if b == nil {
		return a
	}
	if late := b.Result.Rules.Late; late != nil {
		a = totalOf([][]match.Total{late.Books, late.Channel}[side])
	}
	for _, t := range b.Result.Rules.Fates {
		if t.Fate == rules.Carried {
			a = a.plus(totalOf([][]match.Total{t.Books, t.Channel}[side]))
		}
	}
	return a
}

// checkOperations wants each operation sent once, after a question, and each payment booked once.
func (f *dayFaults) checkOperations() {
	f.Helper()
	f.pay.mu.Lock()
	defer f.pay.mu.Unlock()
	if len(f.pay.unasked) > 0 || len(f.pay.again) > 0 {
		f.Errorf("sent without a question: %q; sent although done: %q", f.pay.unasked, f.pay.again)
	}
	if len(f.pay.done) != f.ordered {
		f.Errorf("%d operations of %d happened", len(f.pay.done), f.ordered)
	}
	books, err := f.server.Open("")
	if err != nil {
		f.Fatal(err)
	}
	defer books.Close()
	f.checkPayments(f.db, books, f.ordered)
	f.Logf("%d operations, %d payments", f.ordered, f.ordered)
}
