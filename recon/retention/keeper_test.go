package retention

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

func unzip(tb testing.TB, path string) []byte {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	zip, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// TestColumns holds the columns that are written against those that the store has: a column more would be lost.
func TestColumns(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		for _, table := range movable() {
			rows, err := db.Query(t.Context(), "SELECT * FROM "+string(table)+" WHERE 1 = 0")
			if err != nil {
				t.Fatal(err)
			}
			have, err := rows.Columns()
			if err := errors.Join(err, rows.Close()); err != nil {
				t.Fatal(err)
			}
			have = slices.DeleteFunc(have, func(name string) bool { return name == "retired" })
			want := names(shapeOf(table).columns())
			slices.Sort(have)
			slices.Sort(want)
			if !slices.Equal(have, want) {
				t.Errorf("%s has %v, files have %v", table, have, want)
			}
		}
	})
}

// cut is a keeper's clock that ends its context at one of its looks, each of which comes before a transaction.
func (w *world) cut(ctx context.Context, after int) (context.Context, func() int) {
	ctx, stop := context.WithCancel(ctx)
	looks := 0
	w.Now = func() time.Time {
		if looks++; looks > after {
			stop()
		}
		return today()
	}
	return ctx, func() int { return looks }
}

// again has the claim of the run that was cut be over.
func (w *world) again() {
	w.tb.Helper()
	w.Now = func() time.Time { return today().Add(lease) }
}

// audited asserts that a log takes the entries, verifies, and has one of each file.
func (w *world) audited() {
	w.tb.Helper()
	base := w.tb.TempDir()
	key := filepath.Join(base, "audit.key")
	if err := audit.NewKey(key, "test/audit"); err != nil {
		w.tb.Fatal(err)
	}
	secret, err := os.ReadFile(key)
	if err != nil {
		w.tb.Fatal(err)
	}
	signer, err := audit.ReadKey(secret)
	if err != nil {
		w.tb.Fatal(err)
	}
	log, err := audit.Open(context.Background(), audit.Config{Dir: filepath.Join(base, "log"), Key: signer, Who: "test", Now: time.Now})
	if err != nil {
		w.tb.Fatal(err)
	}
	if _, err := log.DrainOnce(context.Background(), w.DB); err != nil {
		w.tb.Fatal(err)
	}
	if err := log.Close(context.Background()); err != nil {
		w.tb.Fatal(err)
	}
	verifier, err := audit.ReadVerifier(key + ".pub")
	if err != nil {
		w.tb.Fatal(err)
	}
	if _, err := audit.Verify(context.Background(), filepath.Join(base, "log"), verifier, nil); err != nil {
		w.tb.Fatal(err)
	}
	cited := Citations{}
	if err := audit.Cited(context.Background(), filepath.Join(base, "log"), verifier, func(sha256, id string) { cited.Add(sha256, id) }); err != nil {
		w.tb.Fatal(err)
	}
	files, err := Files(context.Background(), w.DB, w.Archive, Filter{})
	if err != nil || len(files) == 0 {
		w.tb.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		if cited[f.SHA256] == "" || f.Removed.IsZero() {
			w.tb.Errorf("%+v has no audit entry, or did not end", f)
		}
	}
}

// TestWhatGoesAndWhatStays runs once, on both databases.
func TestWhatGoesAndWhatStays(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db, t.TempDir(), 3)
		before := w.inStore(movable()...)
		did, err := w.Look(t.Context())
		if err != nil || !did {
			t.Fatalf("did %v, %v", did, err)
		}
		w.kept(before)
		w.left()
		w.whole()
		w.audited()
		if did, err := w.Look(t.Context()); did || err != nil {
			t.Errorf("at once again: %v, %v", did, err)
		}
		w.Now = func() time.Time { return today().Add(day) }
		if did, err := w.Look(t.Context()); !did || err != nil {
			t.Errorf("a day later: %v, %v", did, err)
		}
	})
}

// cutStep is how many transactions lie between two cuts; another seed cuts before others.
const cutStep = 13

// TestCutAnywhere cuts a run before one of its transactions, from its beginning to its end, each time on a copy of the same store.
func TestCutAnywhere(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	dir := t.TempDir()
	db, err := store.Open(t.Context(), "sqlite://"+filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	first := newWorld(t, db, filepath.Join(dir, "archive"), 2)
	before := first.inStore(movable()...)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	cuts := rand.New(rand.NewPCG(seed, 0)).IntN(cutStep)
	for ended := false; !ended; cuts += cutStep {
		copied := filepath.Join(dir, fmt.Sprint("cut", cuts))
		for _, name := range []string{"archive", "state.db"} {
			duplicate(t, filepath.Join(dir, name), filepath.Join(copied, name))
		}
		w := *first
		w.Keeper = &Keeper{Archive: batch.Archive{Folder: filepath.Join(copied, "archive")}, Terms: terms(), Worker: "w1", Rows: 600, Log: first.Log}
		if w.DB, err = store.Open(t.Context(), "sqlite://"+filepath.Join(copied, "state.db")); err != nil {
			t.Fatal(err)
		}
		ctx, looks := w.cut(t.Context(), cuts)
		_, err := w.Look(ctx)
		if ended = looks() <= cuts; ended != (err == nil) {
			t.Fatalf("cut %d: %v", cuts, err)
		}
		w.kept(before)
		w.again()
		if did, err := w.Look(t.Context()); err != nil || did == ended {
			t.Fatalf("cut %d: after it %v, %v", cuts, did, err)
		}
		w.kept(before)
		w.left()
		w.whole()
		if err := w.DB.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if cuts < 30 {
		t.Errorf("a run has %d steps only", cuts)
	}
}

// duplicate copies a file, or a folder of them.
func duplicate(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestCutAgainAndAgain cuts runs at random on one store until one comes to its end.
func TestCutAgainAndAgain(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		rng := rand.New(rand.NewPCG(seed, 0))
		w := newWorld(t, db, t.TempDir(), 3)
		before := w.inStore(movable()...)
		for cuts := 0; ; cuts++ {
			ctx, _ := w.cut(t.Context(), 2+rng.IntN(12))
			err := w.Run(ctx)
			w.kept(before)
			if err == nil {
				break
			}
			if cuts > 100 {
				t.Fatal(err)
			}
		}
		w.left()
		w.whole()
		w.audited()
	})
}

// TestLateFilesMayStillChangeIt keeps what belongs to a frozen statement while a later one, whose file may settle its breaks
// and take that back, can be done again.
func TestLateFilesMayStillChangeIt(t *testing.T) {
	w := newWorld(t, stores.Open(t, stores.File(t)), t.TempDir(), 3)
	count := func(query string, id string) (n int) {
		t.Helper()
		if err := w.DB.QueryRow(t.Context(), query, id).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const findings, closed = "SELECT COUNT(*) FROM findings WHERE batch = ?", "SELECT COUNT(*) FROM cases WHERE statement = ?"
	early, edge, far := bank+dayBack(120), bank+dayBack(41), bank+dayBack(118)
	cases := count(closed, early)
	w.Late = 30
	if err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if count(findings, early+"@1") == 0 || count(findings, edge+"@1") == 0 || count(closed, early) != cases {
		t.Error("what belongs to statements that later files may still change is gone")
	}
	if count(findings, far+"@1") != 0 {
		t.Error("what nothing can change any more is still there")
	}
	w.Late = 0
	if err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.left()
}

// TestTwoKeepers has one take over in the middle of the other's run.
func TestTwoKeepers(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db, t.TempDir(), 3)
		before := w.inStore(movable()...)
		other := *w.Keeper
		other.Worker = "w2"
		looks := 0
		w.Now = func() time.Time {
			if looks++; looks == 9 {
				if did, err := other.Look(t.Context()); did || err != nil {
					t.Errorf("beside the other one: %v, %v", did, err)
				}
				if err := other.Run(t.Context()); err != nil {
					t.Error(err)
				}
			}
			return today()
		}
		if _, err := w.Look(t.Context()); !errors.Is(err, errFenced) {
			t.Errorf("the one that was replaced: %v", err)
		}
		w.kept(before)
		w.left()
		w.whole()
	})
}

// untilNoted runs until the first file of a table is noted, and not yet removed.
func (w *world) untilNoted(t *testing.T, table Table) File {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var files []File
	w.Now = func() time.Time {
		var err error
		if files, err = w.files(t.Context(), "WHERE removed_us = 0 AND name = ?", string(table)); err != nil {
			t.Error(err)
		}
		if len(files) > 0 {
			stop()
		}
		return today()
	}
	if err := w.Run(ctx); !errors.Is(err, context.Canceled) || len(files) != 1 {
		t.Fatalf("%d files of %s, %v", len(files), table, err)
	}
	return files[0]
}

// TestDamagedFileDeletesNothing damages a file between its line and its deletes.
func TestDamagedFileDeletesNothing(t *testing.T) {
	w := newWorld(t, stores.Open(t, stores.File(t)), t.TempDir(), 3)
	f := w.untilNoted(t, Findings)
	before := w.inStore(movable()...)
	text, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(f.Path, 0o644); err != nil {
		t.Fatal(err)
	}
	damaged := slices.Clone(text)
	damaged[len(damaged)/2] ^= 1
	for name, bad := range map[string][]byte{"a bit": damaged, "cut off": text[:len(text)-1], "empty": nil} {
		if err := os.WriteFile(f.Path, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		w.again()
		if err := w.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "nothing of it was deleted") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Remove(f.Path); err != nil {
		t.Fatal(err)
	}
	if err := w.Run(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: %v", err)
	}
	for name, text := range before {
		if now := w.inStore(movable()...); now[name] != text {
			t.Fatalf("%s is %s", name, now[name])
		}
	}
	if err := os.WriteFile(f.Path, text, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := w.Run(t.Context()); err != nil {
		t.Error(err)
	}
	w.left()
}

// TestChangedCaseStays has a person reopen a case between its file and its delete.
func TestChangedCaseStays(t *testing.T) {
	db := stores.Open(t, stores.File(t))
	w := newWorld(t, db, t.TempDir(), 1)
	f := w.untilNoted(t, Cases)
	var page []record
	if err := each(w.Archive, &f, 1, func(some []record) error {
		page = append(page, some...)
		return nil
	}); err != nil || len(page) == 0 {
		t.Fatalf("%d cases, %v", len(page), err)
	}
	id, part := page[0].Row.text("id"), page[0].Row["part"]
	w.insert(false, events, "part case_id seq", "at_us actor action from_state to_state note sha256 audit trace gap_minor gap_currency resolution", part, id, 3, 1, "li", "reopen", "closed", "open", "", "", "a", "", 0, "", "")
	w.flush()
	if err := db.Tx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE cases SET version = 3, state = 'open', closed_us = 0 WHERE id = ?", id)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	w.again()
	if err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := w.inStore(Cases, events)
	for _, name := range []string{fmt.Sprintf("cases: [%v %s]", part, id), fmt.Sprintf("case_events: [%v %s 1]", part, id), fmt.Sprintf("case_events: [%v %s 3]", part, id)} {
		if now[name] == "" {
			t.Errorf("%s left the store", name)
		}
	}
}
