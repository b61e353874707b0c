package retention

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon/batch"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

func (w *world) runner() *batch.Runner {
	zone := time.FixedZone("", 8*3600)
	return &batch.Runner{
		DB: w.DB, Archive: w.Archive, Now: today, Worker: "w1", Log: slog.New(slog.DiscardHandler),
		Profiles: []*batch.Profile{{Channel: "bank", Account: "a1", Kind: "statement", Zone: zone, Provisional: -1}, {Channel: "wechat", Account: "m1", Kind: "trade", Zone: zone, Provisional: -1}},
	}
}

func idOf(t *testing.T, line string, age int) batch.ID {
	t.Helper()
	id, err := batch.ParseID(line + dayBack(age))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestRetiredIsNotDoneAgain asks for days to be done again: those that were retired, those before them, and younger ones.
func TestRetiredIsNotDoneAgain(t *testing.T) {
	stores.Each(t, server, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db, t.TempDir(), 1)
		if err := w.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := w.runner()
		for _, c := range []struct {
			line string
			age  int
			want error
		}{
			{bank, 120, batch.ErrRetired}, {bank, lateClose, batch.ErrRetired}, {bank, withCase, batch.ErrRetired}, {bank, 41, batch.ErrRetired}, {bank, 39, nil}, {bank, 10, nil},
			{wechat, lastFrozen, batch.ErrRetired}, {wechat, quarantined, nil}, {wechat, 45, nil},
		} {
			if err := r.Rerun(t.Context(), idOf(t, c.line, c.age), true, "li"); !errors.Is(err, c.want) {
				t.Errorf("rerun %s%s: %v, want %v", c.line, dayBack(c.age), err, c.want)
			}
		}
		if err := r.Expect(t.Context(), dayBack(100)); !errors.Is(err, batch.ErrRetired) {
			t.Errorf("a new day before what was retired: %v", err)
		}
		for _, age := range []int{120, 99, 38, 1} { // known, or younger than all that was retired
			if err := r.Expect(t.Context(), dayBack(age)); err != nil {
				t.Errorf("expect %s: %v", dayBack(age), err)
			}
		}
		lines, err := r.Status(t.Context(), dayBack(120))
		want := "retired on 2026-11-28: touchstone recon retired --day " + dayBack(120)
		if err != nil || len(lines) != 2 || lines[0].Open() || lines[0].Why != want || lines[0].Latest != nil {
			t.Errorf("status of a retired day: %+v, %v", lines, err)
		}
	})
}

// TestAskedForAgainInTime has a day asked for again before anything froze: it stays, and so do those behind it.
func TestAskedForAgainInTime(t *testing.T) {
	db := stores.Open(t, stores.File(t))
	w := newWorld(t, db, t.TempDir(), 1)
	before := w.inStore(movable()...)
	if err := w.runner().Rerun(t.Context(), idOf(t, bank, 120), false, "li"); err != nil {
		t.Fatal(err)
	}
	if err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := w.inStore(Findings, Batches)
	for name, text := range before {
		if table, _ := tableOf(name); (table == Findings || table == Batches) && lineOf(name) == bank && now[name] != text {
			t.Errorf("%s left the store", name)
		}
	}
}

// TestRetiredOperationIsKnown asks for an operation whose payload went: the same one, and another one with its id.
func TestRetiredOperationIsKnown(t *testing.T) {
	db := stores.Open(t, stores.File(t))
	o := batch.Operation{ID: "refund/P1/1", Kind: batch.Refund, Payload: []byte(`{"amount": 1}`)}
	begin := func(o batch.Operation) (handled batch.Handled, err error) {
		err = db.Tx(t.Context(), func(tx *store.Tx) error {
			handled, err = o.Begin(t.Context(), tx, "test", today().AddDate(0, 0, -90))
			return err
		})
		return handled, err
	}
	if handled, err := begin(o); handled != batch.Accepted || err != nil {
		t.Fatal(handled, err)
	}
	if err := db.Tx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE operations SET state = 'SUCCESS', answer = 'ok'")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	k := &Keeper{DB: db, Archive: batch.Archive{Folder: t.TempDir()}, Terms: terms(), Worker: "w1", Now: today, Log: slog.New(slog.DiscardHandler)}
	if err := k.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := Files(t.Context(), db, k.Archive, Filter{Table: Operations})
	if err != nil || len(files) != 1 {
		t.Fatalf("%+v, %v", files, err)
	}
	now, err := batch.ReadOperation(t.Context(), db, o.ID)
	if err != nil || string(now.Payload) != `{"retired":"`+files[0].SHA256+`"}` || len(now.Answer) != 0 || now.State != batch.Success {
		t.Errorf("%+v, %v", now, err)
	}
	if handled, err := begin(o); handled != batch.AlreadyHandled || err != nil {
		t.Errorf("the same again: %v, %v", handled, err)
	}
	o.Payload = []byte(`{"amount": 2}`)
	if _, err := begin(o); !errors.Is(err, batch.ErrConflict) {
		t.Errorf("another one: %v", err)
	}
}
