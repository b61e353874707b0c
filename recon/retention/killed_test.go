package retention

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// keeperFolder is the variable of a process that a test kills.
const keeperFolder = "TOUCHSTONE_RETENTION_KEEPER"

// killedKeeper retires what is in a folder, and says so when it begins.
func killedKeeper(dir string) int {
	db, err := store.Open(context.Background(), "sqlite://"+filepath.Join(dir, "state.db"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer db.Close()
	k := &Keeper{DB: db, Archive: batch.Archive{Folder: filepath.Join(dir, "archive")}, Terms: terms(), Worker: "killed", Rows: 600, Now: today, Log: slog.New(slog.DiscardHandler)}
	fmt.Println("begins")
	if err := k.Run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// TestKilled kills the process at random moments (kill -9) until one comes to its end.
func TestKilled(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	db, err := store.Open(t.Context(), "sqlite://"+filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	w := newWorld(t, db, filepath.Join(dir, "archive"), 2)
	w.many(1500)
	before := w.inStore(movable()...)
	kills := 0
	for range 40 {
		killed := runKilled(t, dir, time.Duration(rng.IntN(120))*time.Millisecond)
		w.kept(before)
		if !killed {
			break
		}
		kills++
	}
	t.Logf("%d kills", kills)
	w.again()
	if err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.left()
	w.whole()
	w.audited()
}

// many adds findings to one batch that goes: several pages, and more than one file.
func (w *world) many(n int) {
	w.tb.Helper()
	id := bank + dayBack(118) + "@2"
	rows := store.Rows{Table: "findings", Key: []string{"batch", "key_id", "key_kind", "occurrence", "since", "break_name"}, Columns: []string{"body"}}
	for i := range n {
		values := []any{id, fmt.Sprint("M", i), "payment", 1, "", "missing-at-channel", []byte(`{}`)}
		rows.Values = append(rows.Values, values)
		w.expect(true, Findings, values[:6]...)
	}
	if err := w.DB.Tx(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Add(context.Background(), rows)
		return err
	}); err != nil {
		w.tb.Fatal(err)
	}
}

// runKilled runs a keeper and kills it, and tells whether it died of that.
func runKilled(t *testing.T, dir string, after time.Duration) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), keeperFolder+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	_ = cmd.Process.Kill() // it may have ended
	err = cmd.Wait()
	if err != nil && cmd.ProcessState.ExitCode() >= 0 {
		t.Fatal(err)
	}
	return err != nil
}
