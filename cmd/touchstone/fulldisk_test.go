package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

const (
	fullDay  = "2020-03-02"
	fullRows = 6000
)

// TestFullDisk bounds every file that a worker writes, as a full disk does: a statement that does not fit, and one whose
// findings do not, say so, are not half settled, and go through by themselves once there is room.
func TestFullDisk(t *testing.T) {
	r := newDayRig(t)
	r.write("queue.pass", "secret")
	r.write("recon.yaml", `role: recon
store: sqlite:`+r.dir+`/state.db
archive: ./archive
temp: ./temp
memory: 16MiB
listen: 127.0.0.1:0
queue: {listen: 127.0.0.1:0, data: ./queue, password_file: queue.pass}
channels:
  - {name: long, account: a1, kind: statement, zone: UTC, provisional: 23h, from: 23h, due: 23h, every: 1s, folder: {path: long, file: "{day}.csv", format: lines.json, settle: 0s}, books: {path: books, file: "{day}.csv", format: lines.json}}
  - {name: many, account: a1, kind: statement, zone: UTC, provisional: 23h, from: 23h, due: 23h, every: 1s, folder: {path: many, file: "{day}.csv", format: lines.json, settle: 0s}, books: {path: books, file: "{day}.csv", format: lines.json}}
`)
	for _, folder := range []string{"temp", "long", "many"} {
		if err := os.Mkdir(filepath.Join(r.dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r.write("books/"+fullDay+".csv", linesOf(fullRows, 0))
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(r.dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	r.wants(1, "no file", "recon", "run", "--date", fullDay, filepath.Join(r.dir, "recon.yaml"))
	p := (&dayFaults{dayRig: r}).role("worker", "worker listens", "worker", "recon.yaml")
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = p.kill() })
	w := &workerProcess{p.cmd, p.log}
	w.awaitLog(t, "worker listens")
	r.bound(p, 1<<20)                                                                                          // more than the state of a day takes, less than what follows
	r.write("long/"+fullDay+".csv", linesOf(fullRows, 0)+strings.Repeat("# a remark of the channel\n", 1<<16)) // all agree
	r.write("many/"+fullDay+".csv", linesOf(fullRows, 1))                                                      // nothing agrees
	says := r.says(db, w, func(l batch.Line) bool { return strings.Contains(l.Why, "failed, tried again: ") })
	for _, line := range says {
		if !strings.Contains(line.Why, "file too large") && !strings.Contains(line.Why, "disk") {
			t.Errorf("it does not say that there is no room: %s", line.String())
		}
	}
	r.nothingHalf(db)
	r.wants(1, "failed, tried again: ", "recon", "status", "--date", fullDay, filepath.Join(r.dir, "recon.yaml"))
	r.bound(p, unix.RLIM_INFINITY)
	for id, line := range r.says(db, w, func(l batch.Line) bool { return l.Phase == batch.Closed && l.Next.IsZero() }) {
		want := map[string]int64{"long": 0, "many": fullRows}[strings.Split(id, "/")[0]]
		var stored int64
		if err := db.QueryRow(t.Context(), "SELECT COUNT(*) FROM findings WHERE batch = ?", line.Latest.ID).Scan(&stored); err != nil {
			t.Fatal(err)
		}
		if line.Versions != 1 || line.Latest.State != batch.Settled || line.Latest.Result.Findings != want || stored != want {
			t.Errorf("%d findings stored, want %d: %s", stored, want, line.String())
		}
	}
	if n := r.number(db, "SELECT COUNT(*) FROM cases WHERE state <> 'closed'"); n != fullRows {
		t.Errorf("%d cases, want %d", n, fullRows)
	}
	if n := r.number(db, "SELECT COUNT(*) FROM batches"); n != 2 {
		t.Errorf("%d batches of two files", n)
	}
}

// linesOf is a whole file whose amounts are off by some cents.
func linesOf(n, off int) string {
	var out strings.Builder
	out.WriteString("id,amount,state\n")
	for i := range n {
		fmt.Fprintf(&out, "P%06d,%d.%02d,ok\n", i, i, 10+off)
	}
	return out.String() + "# end\n"
}

// bound limits the size of every file that a process writes.
func (r *dayRig) bound(p *roleProcess, bytes uint64) {
	r.Helper()
	var now unix.Rlimit
	if err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, nil, &now); err != nil {
		r.Fatal(err)
	}
	now.Cur = min(bytes, now.Max)
	if err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, &now, nil); err != nil {
		r.Fatal(err)
	}
}

// says waits until both statements were seen as they should be, not necessarily at once, and gives them as they were then.
func (r *dayRig) says(db *store.DB, w *workerProcess, as func(batch.Line) bool) map[string]batch.Line {
	r.Helper()
	runner, seen := &batch.Runner{DB: db, Now: time.Now}, map[string]batch.Line{}
	for deadline := time.Now().Add(40 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		lines, err := runner.Status(r.Context(), fullDay)
		if err != nil {
			r.Fatal(err)
		}
		for _, l := range lines {
			if as(l) {
				seen[l.ID.String()] = l
			}
		}
		if len(seen) == 2 {
			return seen
		}
		if time.Now().After(deadline) {
			r.Fatalf("%v: %s", texts(lines), w.text(r.T))
		}
	}
}

// nothingHalf wants no batch to be through, and no case.
func (r *dayRig) nothingHalf(db *store.DB) {
	r.Helper()
	if n := r.number(db, "SELECT COUNT(*) FROM batches WHERE state IN ('CONFIRMED', 'SETTLED')"); n != 0 {
		r.Errorf("%d batches are through, with no room for them", n)
	}
	if n := r.number(db, "SELECT COUNT(*) FROM cases"); n != 0 {
		r.Errorf("%d cases of batches that are not through", n)
	}
}

func (r *dayRig) number(db *store.DB, query string) (n int64) {
	r.Helper()
	if err := db.QueryRow(r.Context(), query).Scan(&n); err != nil {
		r.Fatal(query, err)
	}
	return n
}
