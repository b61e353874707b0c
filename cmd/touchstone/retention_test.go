package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// retention has three days reconciled, lets them grow old, and asks for what was retired as a person does.
func (r *dayRig) retention(t *testing.T) {
	r = &dayRig{t, r.dir, r.binary}
	config, state := filepath.Join(r.dir, "keep/recon.yaml"), filepath.Join(r.dir, "keep/state.db")
	plain := `role: recon
store: sqlite:` + state + `
archive: ./archive
channels:
  - {name: bank, account: a1, kind: statement, folder: {path: bills, file: "{day}.csv", format: ../lines.json, settle: 0s}, books: {path: books, file: "{day}.csv", format: ../lines.json},
     rules: {terms: [{days: 1, every_day: true}]}}
`
	r.write("keep/recon.yaml", plain)
	now := time.Now().UTC()
	days := []string{now.AddDate(0, 0, -62).Format(time.DateOnly), now.AddDate(0, 0, -61).Format(time.DateOnly), now.AddDate(0, 0, -60).Format(time.DateOnly)}
	for i, day := range days {
		r.write("keep/books/"+day+".csv", "id,amount,state\nP"+day+",10.00,ok\n# end\n")
		r.write("keep/bills/"+day+".csv", "id,amount,state\nP"+day+",10.0"+string(rune('0'+i))+",ok\n# end\n")
		r.wants(0, "SETTLED", "recon", "run", "--date", day, config)
	}
	r.wants(1, "has no terms", "recon", "retire", config)
	r.write("keep/recon.yaml", plain+"retention: {findings: 60d, batches: 61d, cases: 60d}\n")
	r.age(t, state, days[1])
	r.wants(0, days[0]+"  batches, 1 rows, retired", "recon", "retire", config)
	r.wants(0, "findings, 1 rows", "recon", "retired", "--day", days[1], config)
	r.wants(0, `"batch":"bank/a1/statement/`+days[1], "recon", "retired", "--id", "P"+days[1], config)
	r.wants(1, "hold nothing about nobody", "recon", "retired", "--id", "nobody", config)
	r.wants(0, "closed since", "recon", "status", "--date", days[0], config)
	r.wants(0, "retired on "+now.Format(time.DateOnly)+": touchstone recon retired --day "+days[0], "recon", "status", "--date", days[0], config)
	r.wants(1, "is retired and cannot be done again", "recon", "rerun", "--date", days[0], config)
	r.wants(1, "is retired and cannot be done again", "recon", "rerun", "--date", days[1], config)
	r.wants(0, "version 2 SETTLED", "recon", "rerun", "--again", "--date", days[2], config) // carries in from the last retired day
	r.archive(t, config, state)
}

// age lets statements be closed long ago, and the case of one day at work.
func (r *dayRig) age(t *testing.T, state, closed string) {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite://"+state)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	old := store.Moment(time.Now().AddDate(0, 0, -75))
	if err := db.Tx(t.Context(), func(tx *store.Tx) error {
		if _, err := tx.Exec(t.Context(), "UPDATE statements SET closed_us = ?", old); err != nil {
			return err
		}
		n, err := tx.Exec(t.Context(), "UPDATE cases SET state = 'closed', closed_us = ? WHERE day = ?", old, closed)
		if err == nil && n != 1 {
			t.Errorf("%d cases of %s", n, closed)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// archive checks and sweeps, with an audit log that has the outbox.
func (r *dayRig) archive(t *testing.T, config, state string) {
	t.Helper()
	log, key := filepath.Join(r.dir, "keep/audit"), filepath.Join(r.dir, "keep/audit.key")
	r.wants(0, "wrote", "audit", "key", "new", key, "--name", "test/audit")
	drained(t, state, log, key)
	r.wants(0, "0 damaged, 0 missing, 0 uncited", "recon", "archive", "check", "--log", log, "--key", key+".pub", config)
	r.wants(0, "0 of ", "recon", "archive", "sweep", "--log", log, "--key", key+".pub", config)
	lost := filepath.Join(r.dir, "keep/archive/e3/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	r.write("keep/archive/e3/"+filepath.Base(lost), "")
	before := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(lost, before, before); err != nil {
		t.Fatal(err)
	}
	r.wants(0, "uncited  "+lost, "recon", "archive", "check", config)
	r.wants(0, "1 of ", "recon", "archive", "sweep", "--log", log, "--key", key+".pub", config)
	r.wants(0, "went to incoming", "recon", "archive", "sweep", "--yes", "--log", log, "--key", key+".pub", config)
	r.wants(0, "0 uncited", "recon", "archive", "check", config)
	out, _ := r.touchstone("recon", "retired", "--table", "batches", config)
	_, path, _ := strings.Cut(strings.TrimSpace(out), ": ")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r.wants(2, "missing  "+path, "recon", "archive", "check", config)
}

// drained moves the outbox of a store into a new log.
func drained(t *testing.T, state, folder, key string) {
	t.Helper()
	secret, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := audit.ReadKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), "sqlite://"+state)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	log, err := audit.Open(t.Context(), audit.Config{Dir: folder, Key: signer, Who: "test", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.DrainOnce(t.Context(), db); err != nil {
		t.Error(err)
	}
	if err := log.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}
