package batch_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/rules"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

var (
	killDays = flag.Int("days", 60, "days that TestKilledWorker simulates")
	killSeed = flag.Uint64("seed", 0, "of TestKilledWorker; 0 = by the clock")
)

// Variables of a simulated worker.
const (
	workerFolder = "TOUCHSTONE_BATCH_WORKER"
	workerDays   = "TOUCHSTONE_BATCH_DAYS"
)

func dayOf(i int) string { return time.Date(2026, 1, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly) }

// planted is what is wrong with one version of a day, by case.
type planted map[string]bool

// left is what a version of a day leaves to the next one.
type left struct {
	late  []string // lines that the channel brings a day later
	never planted  // what nobody brings: cases of the next day
}

// version is one file of a day, and what it must find.
type version struct {
	file  string
	found planted // at once
	left  left
}

// simulateVersion makes a file for the books of a day, with what is late from the day before.
func simulateVersion(rng *rand.Rand, day string, ours, late []string) version {
	v := version{found: planted{}, left: left{never: planted{}}}
	theirs := slices.Clone(late)
	for _, row := range ours {
		key, _, _ := strings.Cut(row, " ")
		switch rng.IntN(40) {
		case 0:
			v.left.never["payment "+key+" #1 missing-at-channel since "+day] = true
		case 1:
			theirs = append(theirs, row, "X"+row)
			v.left.never["payment X"+key+" #1 missing-internally since "+day] = true
		case 2:
			theirs = append(theirs, key+" 1000.00")
			v.found["payment "+key+" #1 amount-mismatch"] = true
		case 3:
			theirs = append(theirs, row, row)
			v.found["payment "+key+" #2 duplicate"] = true
		case 4:
			v.left.late = append(v.left.late, row)
		default:
			theirs = append(theirs, row)
		}
	}
	rng.Shuffle(len(theirs), func(a, b int) { theirs[a], theirs[b] = theirs[b], theirs[a] })
	v.file = file(theirs...)
	return v
}

// simulateDay makes the books and the versions of a statement of one day. What the day before leaves comes with each of them.
func simulateDay(rng *rand.Rand, i int, before left) (books string, versions []version) {
	var ours []string
	for k := range 20 + rng.IntN(1500) {
		ours = append(ours, fmt.Sprintf("D%dP%d %d.%02d", i, k, 1+rng.IntN(900), rng.IntN(100)))
	}
	for range 1 + rng.IntN(2) {
		versions = append(versions, simulateVersion(rng, dayOf(i), ours, before.late))
	}
	return file(ours...), versions
}

// versionSource gives the first version of a day's statement until that is settled, and the next one then.
type versionSource struct {
	channel
	folder string
	db     *store.DB
}

func (s *versionSource) Fetch(ctx context.Context, id batch.ID, w io.Writer) (batch.Fetched, error) {
	name, err := nextFile(ctx, s.db, id)
	if err != nil {
		return batch.Fetched{}, err
	}
	text, err := os.ReadFile(filepath.Join(s.folder, name))
	if err != nil {
		return batch.Fetched{}, err
	}
	_, err = w.Write(text)
	return batch.Fetched{Readiness: batch.Ready, Name: name}, err
}

// nextFile names the file that has not come yet. A day that was done again had none.
func nextFile(ctx context.Context, db *store.DB, id batch.ID) (string, error) {
	var came int
	err := db.QueryRow(ctx, "SELECT COUNT(*) FROM batches WHERE statement = ? AND id NOT LIKE '%~%'", id.String()).Scan(&came)
	return fmt.Sprintf("bill-%s-%d.csv", id.Day, came+1), err
}

// simulatedWorker does all days of a folder, from wherever the one before it was killed.
func simulatedWorker(dir string) int {
	var days int
	if _, err := fmt.Sscan(os.Getenv(workerDays), &days); err != nil {
		return 2
	}
	ctx := context.Background()
	db, err := store.Open(ctx, "sqlite://"+filepath.Join(dir, "state.db"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer db.Close()
	r := simulatedRunner(dir, db)
	done := 0 // the days are done in their order
	if err := db.QueryRow(ctx, "SELECT COUNT(*) FROM days").Scan(&done); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for i := done; i < days; i++ {
		if err := simulateWork(ctx, r, dir, i, i+1 == days); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return 0
}

func simulatedRunner(dir string, db *store.DB) *batch.Runner {
	p := &batch.Profile{
		Channel: "wechat", Account: "m1", Kind: "trade", Zone: time.UTC, Provisional: 2 * time.Hour, From: 9 * time.Hour, Due: 10 * time.Hour, Every: time.Millisecond,
		Source: &versionSource{folder: dir, db: db}, Books: books{dir}, Rules: &rules.Config{Terms: []rules.Term{{Days: 1, Calendar: true}}},
	}
	return &batch.Runner{
		DB: db, Archive: batch.Archive{Folder: filepath.Join(dir, "archive")}, Profiles: []*batch.Profile{p}, Cases: caseList{}, Memory: 16 << 20, Threads: 1, Temp: dir,
		Worker: fmt.Sprint("pid ", os.Getpid()), Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
}

// simulateWork brings one day to its close. Every third day its corrected file comes only after the next day was closed,
// which is done again then.
func simulateWork(ctx context.Context, r *batch.Runner, dir string, i int, last bool) error {
	if err := (caseList{}).create(ctx, r.DB); err != nil {
		return err
	}
	if err := r.Expect(ctx, dayOf(i)); err != nil {
		return err
	}
	steps := []int{i}
	if i%3 == 2 {
		steps = []int{i, i - 1, i}
	}
	for _, of := range steps {
		if err := simulateFiles(ctx, r, dir, of, of%3 == 1 && of == i && !last); err != nil {
			return err
		}
	}
	_, err := r.Close(ctx, dayOf(i), "simulation")
	return err
}

// simulateFiles takes in the files of a day: the first of them only, or all.
func simulateFiles(ctx context.Context, r *batch.Runner, dir string, i int, first bool) error {
	id := r.Profiles[0].ID(dayOf(i))
	for {
		s, err := r.Advance(ctx, id)
		if err != nil {
			return err
		}
		if s.Phase != batch.Closed || !s.Next.IsZero() {
			continue
		}
		name, err := nextFile(ctx, r.DB, id)
		if err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil || first {
			return r.Follow(ctx, id)
		}
		if err := r.Rerun(ctx, id, false, "simulation"); err != nil {
			return err
		}
	}
}

// TestKilledWorker kills a worker, a real process, at random moments of many days, and wants each batch settled once, each
// planted fault in exactly one case, and every day conserved.
func TestKilledWorker(t *testing.T) {
	seed := *killSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d, %d days; again with: go test ./recon/batch -run TestKilledWorker -seed %d -days %d", seed, *killDays, seed, *killDays)
	rng := rand.New(rand.NewPCG(seed, 1))
	dir := t.TempDir()
	want, batches, before := map[string]planted{}, 0, left{}
	for i := range *killDays {
		ours, versions := simulateDay(rng, i, before)
		(books{dir}).write(t, dayOf(i), ours)
		for v := range versions {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("bill-%s-%d.csv", dayOf(i), v+1)), []byte(versions[v].file), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		last := versions[len(versions)-1]
		maps.Copy(last.found, before.never)
		want[dayOf(i)], batches, before = last.found, batches+len(versions), last.left
	}
	kills := 0
	for ; ; kills++ { // each gets a little longer: a slow machine comes to its end, too
		if done := runAndKill(t, dir, time.Duration(15+rng.IntN(120+kills*kills/50))*time.Millisecond); done {
			break
		}
	}
	t.Logf("%d kills over %d batches", kills, batches)
	if kills < *killDays/5 {
		t.Errorf("only %d kills: the test proves little", kills)
	}
	examine(t, dir, want, batches)
}

// runAndKill starts a worker and kills it after a while; done tells that it came to its end.
func runAndKill(t *testing.T, dir string, after time.Duration) (done bool) {
	t.Helper()
	var log strings.Builder
	worker := exec.CommandContext(t.Context(), os.Args[0])
	worker.Env = append(os.Environ(), workerFolder+"="+dir, fmt.Sprint(workerDays, "=", *killDays))
	worker.Stderr = &log
	worker.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = worker.Process.Signal(syscall.SIGKILL) }) // it may be over already
	defer timer.Stop()
	err := worker.Wait()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.Sys().(syscall.WaitStatus).Signaled() {
		return false
	}
	if err != nil {
		t.Fatalf("worker: %v: %s", err, log.String())
	}
	return true
}

func examine(t *testing.T, dir string, want map[string]planted, batches int) {
	t.Helper()
	db := stores.Open(t, "sqlite://"+filepath.Join(dir, "state.db"))
	r := &rig{Runner: simulatedRunner(dir, db)}
	for action, each := range map[string]int{"batch PENDING": 1, "batch PENDING to PREPARING": 1, "batch PREPARING to CONFIRMED": 1, "batch CONFIRMED to SETTLED": 1} {
		got := audited(t, db, action)
		if again := count(t, db, "SELECT COUNT(*) FROM batches WHERE id LIKE '%~%'"); len(got) != batches+again {
			t.Errorf("%s: %d batches, want %d of files and %d that were done again", action, len(got), batches, again)
		}
		for id, n := range got {
			if n != each {
				t.Errorf("%s: %s %d times", action, id, n)
			}
		}
	}
	if got := audited(t, db, "day closed"); len(got) != len(want) {
		t.Errorf("%d days closed, want %d", len(got), len(want))
	}
	for day, found := range want {
		r.id = r.Profiles[0].ID(day)
		got := 0
		for _, id := range r.cases(t) {
			if !strings.HasPrefix(id, "wechat/") { // those of other days keep their prefix
				got++
				if !found[id] {
					t.Errorf("%s: a case that nobody planted: %s", day, id)
				}
			}
		}
		if got != len(found) {
			t.Errorf("%s: %d cases, %d faults planted", day, got, len(found))
		}
		conserved(t, r, day, len(found))
	}
	days := slices.Sorted(maps.Keys(want))
	chained(t, r.Runner, days...)
	if again := count(t, db, "SELECT COUNT(*) FROM batches WHERE id LIKE '%~%'"); again == 0 && len(days) > 20 {
		t.Error("no day was done again: the test proves little")
	}
}

func count(t *testing.T, db *store.DB, query string) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// conserved holds a day's control totals against each other: what is in the books is matched or in a finding.
func conserved(t *testing.T, r *rig, day string, found int) {
	t.Helper()
	lines, err := r.Status(t.Context(), day)
	if err != nil || len(lines) != 1 || lines[0].Latest.Result == nil {
		t.Fatalf("%s: %d lines, %v", day, len(lines), err)
	}
	result := lines[0].Latest.Result
	for side, in := range map[string][]match.Total{"books": result.Books.In, "channel": result.Channel.In} {
		number, money := total(in)
		n, m := total(result.Matched)
		for _, b := range result.Breaks {
			of := b.Books
			if side == "channel" {
				of = b.Channel
			}
			bn, bm := total(of)
			n, m = n+bn, m+bm
		}
		if n != number || m != money {
			t.Errorf("%s: %s has %d records of %d in minor units, matched and broken are %d of %d", day, side, number, money, n, m)
		}
	}
	stored := 0
	if err := r.DB.QueryRow(t.Context(), "SELECT COUNT(*) FROM findings WHERE batch = ?", lines[0].Latest.ID).Scan(&stored); err != nil || stored != found {
		t.Errorf("%s: %d findings are stored, %d faults planted; %v", day, stored, found, err)
	}
}

func total(all []match.Total) (n, minor int64) {
	for _, t := range all {
		n, minor = n+t.Count, minor+t.Minor
	}
	return n, minor
}
