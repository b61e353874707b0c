package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/cmd/internal/bus"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/loopback"
)

// shardRig is a day of one large statement, with workers that do its parts.
type shardRig struct {
	*dayRig
	name  string // of its folder
	day   string
	ports []string
	alive []*workerProcess
}

// shards has two workers do one large batch in parts, and kills one of them in the middle. The batch is the one that a
// process makes of it that knows no parts.
func (r *dayRig) shards(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for name, holder := range map[string]bool{"the worker that has the statement": true, "the other one": false} {
		t.Run(name, func(t *testing.T) {
			s := &shardRig{dayRig: &dayRig{t, r.dir, r.binary}, name: fmt.Sprintf("shards-%v", holder), day: time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)}
			s.rows(rand.New(rand.NewPCG(seed, 0)), 300_000)
			want := s.alone("plain", "")
			if one := s.alone("parts", "shards: {above: 1MiB, folder: ./one, part: 1MiB}\n"); one != want {
				t.Fatalf("in parts, by one process:\n%s\nas a whole:\n%s", one, want)
			}
			if len(want) < 200 || !strings.Contains(want, "amount-mismatch") {
				t.Fatalf("the result is %s", want)
			}
			s.start()
			s.killOne(holder, 4+rand.New(rand.NewPCG(seed, 1)).IntN(60))
			if got := s.result("workers"); got != want {
				t.Errorf("by workers:\n%s\nas a whole:\n%s", got, want)
			}
			for _, folder := range []string{"one", "shards"} {
				if left, err := os.ReadDir(filepath.Join(r.dir, s.name, folder)); err != nil || len(left) > 0 {
					t.Errorf("%s: %v stay, %v", folder, left, err)
				}
			}
		})
	}
}

// rows writes books and a bill with some of every break.
func (s *shardRig) rows(rng *rand.Rand, n int) {
	s.Helper()
	var books, bill strings.Builder
	books.WriteString("id,amount,state\n")
	bill.WriteString("id,amount,state\n")
	for _, i := range rng.Perm(n) {
		id, amount := fmt.Sprintf("P2026112300000000000000000000%09d", i), rng.IntN(100_000)
		ours, theirs := 1, 1
		switch rng.IntN(1000) {
		case 0:
			ours = 0
		case 1:
			theirs = 0
		case 2:
			ours = 2
		case 3:
			theirs = 3
		}
		for range ours {
			fmt.Fprintf(&books, "%s,%d.%02d,ok\n", id, amount/100, amount%100)
		}
		if rng.IntN(1000) == 0 {
			amount++
		}
		for range theirs {
			fmt.Fprintf(&bill, "%s,%d.%02d,ok\n", id, amount/100, amount%100)
		}
	}
	books.WriteString("# end\n")
	bill.WriteString("# end\n")
	s.write(s.name+"/books/"+s.day+".csv", books.String())
	s.write(s.name+"/bills/a1-"+s.day+".csv", bill.String())
}

func (s *shardRig) config(name, more string) string {
	s.Helper()
	file := s.name + "/" + name + ".yaml"
	s.write(file, fmt.Sprintf(`role: recon
store: sqlite:%s/%s/%s.db
archive: ./archive
%schannels:
  - name: bank
    account: a1
    zone: UTC
    from: 0s
    due: 23h
    every: 1s
    folder: {path: bills, file: "{account}-{day}.csv", format: ../lines.json, settle: 0s}
    books: {path: books, file: "{day}.csv", format: ../lines.json}
`, s.dir, s.name, strings.SplitN(name, "-", 2)[0], more))
	return filepath.Join(s.dir, file)
}

// alone does the day in one process, without a queue.
func (s *shardRig) alone(name, more string) string {
	s.Helper()
	s.wants(0, "SETTLED", "recon", "run", "--date", s.day, s.config(name, more))
	return s.result(name)
}

// result is what the store has of the batch, but for how long it took.
func (s *shardRig) result(name string) string {
	s.Helper()
	db, err := store.Open(s.Context(), "sqlite:"+filepath.Join(s.dir, s.name, name+".db"))
	if err != nil {
		s.Fatal(err)
	}
	defer db.Close()
	lines, err := (&batch.Runner{DB: db, Now: time.Now}).Status(s.Context(), s.day)
	if err != nil || len(lines) != 1 || lines[0].Latest == nil || lines[0].Latest.Result == nil {
		s.Fatalf("%+v, %v", lines, err)
	}
	out := *lines[0].Latest.Result
	out.Took = 0
	text, err := json.Marshal(out)
	if err != nil {
		s.Fatal(err)
	}
	var sum string
	if err := db.QueryRow(s.Context(), "SELECT GROUP_CONCAT(key_id || occurrence || break_name, ' ') FROM (SELECT * FROM findings ORDER BY key_id, occurrence, break_name)").Scan(&sum); err != nil {
		s.Fatal(err)
	}
	return fmt.Sprintf("%d %s %s", lines[0].Versions, text, sum)
}

// start starts two workers.
func (s *shardRig) start() {
	s.Helper()
	queue, err := bus.Embedded(s.Context(), bus.EmbeddedConfig{
		Listen: "127.0.0.1:0", StoreDir: s.TempDir(), Logger: slog.New(slog.DiscardHandler), Users: []bus.User{{Name: "worker", Password: "secret", Role: bus.RoleWorker}},
	})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(queue.Close)
	s.write(s.name+"/queue.pass", "secret")
	if s.ports, err = loopback.FreeAddrs(2); err != nil {
		s.Fatal(err)
	}
	for i, port := range s.ports {
		name := fmt.Sprintf("workers-%d", i)
		more := fmt.Sprintf("listen: %s\nqueue: {url: %q, password_file: queue.pass, lease: 1s}\nshards: {above: 1MiB, folder: ./shards, part: 64KiB}\n", port, queue.URL())
		s.config(name, more)
		s.alive = append(s.alive, s.work(s.name+"/"+name))
	}
}

var partsMetric = regexp.MustCompile(`touchstone_recon_parts_total\{outcome="(\w+)",stage="(\w+)"\} (\d+)`)

// did counts parts of a worker by their outcome.
func (s *shardRig) did(i int) map[string]int {
	s.Helper()
	out := map[string]int{}
	for _, m := range partsMetric.FindAllStringSubmatch(get(s.T, "http://"+s.ports[i]+"/metrics"), -1) {
		n, err := strconv.Atoi(m[3])
		if err != nil {
			s.Fatal(err)
		}
		out[m[1]] += n
	}
	return out
}

// killOne kills a worker once both did some parts, and so many together, and waits for the end of the batch.
func (s *shardRig) killOne(holder bool, together int) {
	s.Helper()
	db, err := store.Open(s.Context(), "sqlite:"+filepath.Join(s.dir, s.name, "workers.db"))
	if err != nil {
		s.Fatal(err)
	}
	defer db.Close()
	var has string
	within := time.Now().Add(60 * time.Second)
	for has == "" {
		if err := db.QueryRow(s.Context(), "SELECT COALESCE(MAX(worker), '') FROM statements WHERE batch <> ''").Scan(&has); err != nil && !strings.Contains(err.Error(), "no such table") {
			s.Fatal(err)
		}
		if time.Now().After(within) {
			s.Fatalf("nobody took the statement: %s", s.alive[0].text(s.T))
		}
		time.Sleep(time.Millisecond)
	}
	victim := 0
	for i, w := range s.alive {
		if strings.HasSuffix(has, "/"+strconv.Itoa(w.process.Process.Pid)) == holder {
			victim = i
		}
	}
	left := 1 - victim
	for a, b := 0, 0; a == 0 || b == 0 || a+b < together; a, b = s.did(victim)["done"], s.did(left)["done"] {
		if time.Now().After(within) {
			s.Fatalf("parts: %v and %v\n%s", s.did(0), s.did(1), s.alive[left].text(s.T))
		}
		time.Sleep(time.Millisecond)
	}
	before := s.did(victim)
	s.alive[victim].signal(s.T, syscall.SIGKILL)
	line := awaitClosed(s.T, db, s.day, s.alive[left])
	after := s.did(left)
	s.Logf("the one that was killed: %v; the other: %v", before, after)
	if line.Versions != 1 || after["done"] < 2 || after["failed"] > 0 || after["refused"] > 0 {
		s.Errorf("version %d, parts %v\n%s", line.Versions, after, s.alive[left].text(s.T))
	}
	if holder && after["there"] == 0 {
		s.Errorf("nothing that the other one had done was there: %v", after)
	}
}
