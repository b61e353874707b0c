package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// TestDayOfAdapterThatDecodes has statements that no format describes: an adapter's process fetches and decodes them.
func TestDayOfAdapterThatDecodes(t *testing.T) {
	r := newDayRig(t)
	binary := filepath.Join(r.dir, "adapters", "touchstone-adapter-bad")
	if out, err := exec.Command("go", "build", "-o", binary, "../../plugins/internal/badadapter").CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	pin, err := plugins.FileSHA256(binary)
	if err != nil {
		t.Fatal(err)
	}
	const n = 2 * plugins.MaxBatch
	var bill, books strings.Builder
	books.WriteString("id,amount,state\n")
	for i := range n {
		amount := i
		if i == 77 {
			amount++ // planted
		}
		fmt.Fprintf(&bill, "P%06d %d\n", i, amount)
		fmt.Fprintf(&books, "P%06d,%d.%02d,ok\n", i, i/100, i%100)
	}
	books.WriteString("# end\n")
	bill.WriteString("P999999 broken\n")
	r.write("bill.txt", bill.String())
	r.write("books/2026-11-23.csv", books.String())
	config := filepath.Join(r.dir, "recon.yaml")
	r.write("mappings.yaml", "mappings:\n- {adapter: bad, settings: {statement: "+filepath.Join(r.dir, "bill.txt")+", tamed_by: "+filepath.Join(r.dir, "tamed")+"}}\n")
	channel := func(kind string) string {
		return "  - {name: " + kind + ", account: a1, kind: " + kind + `, max_rejected: 1, adapter: {name: bad}, books: {path: books, file: "{day}.csv", format: lines.json}}` + "\n"
	}
	r.write("recon.yaml", "role: recon\nstore: sqlite:"+r.dir+"/state.db\narchive: ./archive\nadapters: {folder: adapters, mappings: mappings.yaml, run: [{name: bad, sha256: "+pin+"}]}\nchannels:\n"+
		channel("good")+channel("kill")+channel("quarantine"))
	r.wants(0, "recon.yaml: ok", "check", config)
	day := func(name string) []string {
		return []string{"recon", "run", "--date", "2026-11-23", "--channel", name, config}
	}
	matched := fmt.Sprintf("version 1 SETTLED, books %d, channel %d, matched %d, findings 1", n, n, n-1)
	t.Run("whole", func(t *testing.T) { (&dayRig{t, r.dir, r.binary}).wants(0, matched, day("good")...) })
	t.Run("killed in the middle", func(t *testing.T) {
		r := &dayRig{t, r.dir, r.binary}
		r.wants(2, "failed, tried again: decode statement: adapter bad: decode: ", day("kill")...)
		r.wantsNothing("kill")
		r.write("tamed", "")
		r.wants(0, matched, day("kill")...)
	})
	t.Run("contradicts itself", func(t *testing.T) {
		r := &dayRig{t, r.dir, r.binary}
		if err := os.Remove(filepath.Join(r.dir, "tamed")); err != nil {
			t.Fatal(err)
		}
		r.wants(1, "quarantined since", day("quarantine")...)
		r.wantsNothing("quarantine")
	})
}

// wantsNothing holds that nothing of a channel's statement was reconciled.
func (r *dayRig) wantsNothing(channel string) {
	r.Helper()
	db, err := store.Open(r.Context(), "sqlite:"+r.dir+"/state.db")
	if err != nil {
		r.Fatal(err)
	}
	defer db.Close()
	var findings, results int
	if err := db.QueryRow(r.Context(), "SELECT COUNT(*) FROM findings WHERE batch LIKE ?", channel+"/%").Scan(&findings); err != nil {
		r.Fatal(err)
	}
	if err := db.QueryRow(r.Context(), "SELECT COUNT(*) FROM batches WHERE statement LIKE ? AND state IN ('CONFIRMED', 'SETTLED')", channel+"/%").Scan(&results); err != nil {
		r.Fatal(err)
	}
	if findings+results != 0 {
		r.Errorf("%d findings and %d results of a statement that is not whole", findings, results)
	}
}
