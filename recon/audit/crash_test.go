package audit_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// writerEnv has the place that a writer in a process of its own writes to, as JSON.
const writerEnv = "TOUCHSTONE_AUDIT_WRITER"

type task struct {
	Dir, Key, Out string
	From          int
	FileLimit     uint64 // bytes a file may have; 0 = as many as there is room for
	Store         string // drain this outbox instead of appending
}

// writer appends entries and prints the id of each that was acknowledged, until it is killed or an append fails.
func writer() int {
	var w task
	if err := json.Unmarshal([]byte(os.Getenv(writerEnv)), &w); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if w.FileLimit > 0 {
		signal.Ignore(syscall.SIGXFSZ) // as on a full disk: the write fails, the process lives
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: w.FileLimit, Max: w.FileLimit}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	cfg, err := place{dir: w.Dir, key: w.Key, out: w.Out}.config()
	cfg.Patience = 2 * time.Second
	var l *audit.Log
	if err == nil {
		l, err = audit.Open(context.Background(), cfg)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if w.Store != "" {
		return drainOf(l, w.Store)
	}
	for n := w.From; ; n++ {
		if _, err := l.Append(context.Background(), entry(n)); err != nil {
			fmt.Printf("refused %d: %v\n", n, err)
			return 0
		}
		fmt.Printf("done %d\n", n)
	}
}

func drainOf(l *audit.Log, url string) int {
	db, err := store.Open(context.Background(), url)
	if err == nil {
		fmt.Println("done 0")
		_, err = l.DrainOnce(context.Background(), db)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (w task) start(t *testing.T) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	spec, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), writerEnv+"="+string(spec))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// TestKilledWriterLosesNothing kills the writer again and again; what it acknowledged is there, once, and the log is whole.
func TestKilledWriterLosesNothing(t *testing.T) {
	random, p := seeded(t), newPlace(t)
	acknowledged, next := map[int]bool{}, 0
	for try := range 6 {
		cmd, lines := task{Dir: p.dir, Key: p.key, Out: p.out, From: next}.start(t)
		kill := func() *time.Timer {
			return time.AfterFunc(time.Duration(250+random.IntN(500))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		}
		killed := time.NewTimer(0)
		if try%2 == 0 {
			killed = kill()
		}
		for first := true; lines.Scan(); first = false {
			if first && try%2 != 0 {
				killed = kill() // also on a machine that takes long to open the log
			}
			var n int
			if _, err := fmt.Sscanf(lines.Text(), "done %d", &n); err != nil {
				t.Errorf("writer: %s", lines.Text())
			}
			acknowledged[n] = true
			next = max(next, n+1)
		}
		next += 100 // what was under way may be there too
		_ = cmd.Wait()
		killed.Stop()
	}
	closed(t, p.open(t)) // signs what was sequenced and not signed
	r := p.verify(t, true)
	if !r.Whole() {
		t.Fatalf("%q", r.Problems)
	}
	if len(acknowledged) == 0 {
		t.Fatal("no writer lived long enough to acknowledge an entry")
	}
	for n := range acknowledged {
		if found, err := audit.Find(t.Context(), p.dir, verifier(t, p), entry(n).Subject); err != nil || len(found) != 1 {
			t.Errorf("acknowledged entry %d is there %d times, %v", n, len(found), err)
		}
	}
	t.Logf("%d acknowledged, %d in the log", len(acknowledged), r.Size)
}

// TestFullDiskRefuses has files end at 6 KB: an entry is refused, and the log is what it was before it.
func TestFullDiskRefuses(t *testing.T) {
	p := newPlace(t)
	cmd, lines := task{Dir: p.dir, Key: p.key, Out: p.out, FileLimit: 6 << 10}.start(t)
	done, refused := 0, ""
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "done") {
			done++
		} else {
			refused = lines.Text()
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if done == 0 || !strings.Contains(refused, "file too large") {
		t.Fatalf("%d entries, then %q", done, refused)
	}
	if r := p.verify(t, true); !r.Whole() || r.Size != uint64(done) {
		t.Errorf("%d acknowledged, %d in the log, %q", done, r.Size, r.Problems)
	}
	l := p.open(t) // there is room again
	defer closed(t, l)
	if at, err := l.Append(t.Context(), entry(done)); err != nil || at != uint64(done) {
		t.Errorf("got place %d, %v", at, err)
	}
}

// TestKilledDrainTellsNothingTwice kills a process that moves an outbox into the log, until one finishes.
func TestKilledDrainTellsNothingTwice(t *testing.T) {
	random, p, url := seeded(t), newPlace(t), stores.File(t)
	db := stores.Open(t, url)
	const rows = 5000
	err := db.Tx(t.Context(), func(tx *store.Tx) error {
		for i := range rows {
			e := store.Entry{ID: fmt.Sprint("o", i), Time: time.Unix(int64(i+1), 0), Actor: "batch", Action: "batch confirm", Subject: "B-7", Basis: "totals agree"}
			if err := tx.Audit(t.Context(), e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	kills := 0
	for try := range 50 {
		cmd, lines := task{Dir: p.dir, Key: p.key, Out: p.out, Store: url}.start(t)
		lines.Scan()                       // the store is open
		longest := 400 * (1 + try*try/100) // a slow machine gets somewhere, too
		killed := time.AfterFunc(time.Duration(random.IntN(longest))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		killed.Stop()
		if err == nil {
			break
		}
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.Exited() {
			t.Fatal(err)
		}
		kills++
	}
	if n, err := db.Waiting(t.Context()); err != nil || n != 0 {
		t.Fatalf("%d rows wait, %v", n, err)
	}
	closed(t, p.open(t))
	found, err := audit.Find(t.Context(), p.dir, verifier(t, p), "B-7")
	if err != nil {
		t.Fatal(err)
	}
	if r := p.verify(t, true); len(found) != rows || !r.Whole() {
		t.Errorf("%d rows, %d entries after %d kills, %q", rows, len(found), kills, r.Problems)
	}
	for i, f := range found {
		if f.Entry.ID != fmt.Sprint("o", i) {
			t.Fatalf("entry %d is %s", i, f.Entry.ID)
		}
	}
	t.Logf("%d kills", kills)
}
