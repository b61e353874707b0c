package casework_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/casework"
)

// ledger is a merchant's database whose trigger counts every write, as nothing in the program could.
func ledger(tb testing.TB, name string) *sql.DB {
	tb.Helper()
	admin, err := server.Open("")
	if err != nil {
		tb.Fatal(err)
	}
	defer admin.Close()
	if _, err := admin.Exec("CREATE DATABASE " + name); err != nil {
		tb.Fatal(err)
	}
	db, err := server.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	for _, statement := range []string{
		"CREATE TABLE payments (id VARCHAR(64) PRIMARY KEY, amount DECIMAL(12,2) NOT NULL, status VARCHAR(16) NOT NULL, note VARCHAR(64))",
		"CREATE TABLE writes (id VARCHAR(64), what VARCHAR(8))",
		"CREATE TRIGGER counted_update AFTER UPDATE ON payments FOR EACH ROW INSERT INTO writes VALUES (NEW.id, 'update')",
		"CREATE TRIGGER counted_insert AFTER INSERT ON payments FOR EACH ROW INSERT INTO writes VALUES (NEW.id, 'insert')",
		"CREATE TRIGGER counted_delete AFTER DELETE ON payments FOR EACH ROW INSERT INTO writes VALUES (OLD.id, 'delete')",
	} {
		if _, err := db.Exec(statement); err != nil {
			tb.Fatal(err)
		}
	}
	return db
}

func count(tb testing.TB, db *sql.DB, query string, args ...any) (n int) {
	tb.Helper()
	if err := db.QueryRow(query, args...).Scan(&n); err != nil {
		tb.Fatal(err)
	}
	return n
}

// channel answers questions about payments.
type channel struct {
	mu     sync.Mutex
	answer casework.Answer
	asked  int
}

func (c *channel) Query(_ context.Context, q casework.Question) (casework.Answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if q.Channel != "wechat" || q.Key.ID == "" || q.Time.IsZero() {
		return casework.Answer{}, fmt.Errorf("asked %+v", q)
	}
	c.asked++
	return c.answer, nil
}

func (c *channel) says(s recon.Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = casework.Answer{Found: true, Status: s, Amount: money(100), ChannelTxn: "42"}
}

func text(s string) *string { return &s }

func supplement(id string) casework.Proposal {
	return casework.Proposal{
		Kind: casework.RepairSupplement, Request: "1", Reason: "the callback was lost", Table: "payments", Key: map[string]string{"id": id},
		Before: casework.Row{"status": text("processing"), "note": nil}, After: casework.Row{"status": text("success"), "note": text("补单")},
	}
}

// books adds a merchant's database with payments under way, and a channel that has them all.
func (r *rig) books(tb testing.TB, name string, ids ...string) (*sql.DB, *channel) {
	tb.Helper()
	db := ledger(tb, name)
	for _, id := range ids {
		if _, err := db.Exec("INSERT INTO payments VALUES (?, 1.00, 'processing', NULL)", id); err != nil {
			tb.Fatal(err)
		}
		r.open(tb, batch("1"), atChannelOnly(id, 100))
	}
	target, err := casework.NewBooks(context.Background(), db, []string{"payments"})
	if err != nil {
		tb.Fatal(err)
	}
	r.desk.Targets[casework.RepairSupplement] = target
	asked := &channel{}
	asked.says(recon.StatusSuccess)
	r.desk.Channels = asked
	return db, asked
}

func schema(t *testing.T) string {
	return strings.ToLower(strings.ReplaceAll(t.Name(), "/", "_")) + "_m"
}

func TestARepairIsAppliedOnceByTwoPeople(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		db, _ := r.books(t, schema(t), "P1")
		id, ctx := r.one(t, "P1").ID, t.Context()
		p, err := r.desk.Propose(ctx, operator("li"), id, supplement("P1"))
		if err != nil || p.State != casework.RepairProposed || p.Inverse == nil || *p.Inverse.After["status"] != "processing" || p.Inverse.After["note"] != nil || *p.Inverse.Before["note"] != "补单" {
			t.Fatalf("got %+v, %v", p, err)
		}
		if again, err := r.desk.Propose(ctx, operator("li"), id, supplement("P1")); err != nil || again.ID != p.ID {
			t.Errorf("the same request: %+v, %v", again, err)
		}
		other := supplement("P1")
		other.After["note"] = text("other")
		_, err = r.desk.Propose(ctx, operator("li"), id, other)
		wants(t, err, casework.ErrConflict, "with another content")
		_, err = r.desk.Approve(ctx, reviewer("li"), p.ID, "x")
		wants(t, err, casework.ErrFourEyes, "proposed by li")
		_, err = r.desk.Approve(ctx, reviewer(" Li"), p.ID, "x")
		wants(t, err, casework.ErrFourEyes, "")
		_, err = r.desk.Approve(ctx, operator("chen"), p.ID, "x")
		wants(t, err, casework.ErrForbidden, "reviewer")
		_, err = r.desk.Apply(ctx, reviewer("chen"), p.ID, "")
		wants(t, err, casework.ErrMove, "proposed cannot become applying")
		_, err = r.desk.Close(ctx, operator("li"), id, casework.ResolvedNoBreak, "x")
		wants(t, err, casework.ErrMove, "is proposed")
		if count(t, db, "SELECT COUNT(*) FROM writes WHERE what = 'update'") != 0 {
			t.Fatal("changed before it was approved")
		}
		if _, err = r.desk.Approve(ctx, reviewer("chen"), p.ID, "seen at the channel"); err != nil {
			t.Fatal(err)
		}
		done, err := r.desk.Apply(ctx, reviewer("chen"), p.ID, "")
		if err != nil || done.State != casework.RepairApplied {
			t.Fatalf("got %+v, %v", done, err)
		}
		if again, err := r.desk.Apply(ctx, reviewer("chen"), p.ID, ""); err != nil || again.State != casework.RepairApplied {
			t.Errorf("again: %+v, %v", again, err)
		}
		if count(t, db, "SELECT COUNT(*) FROM writes WHERE what = 'update'") != 1 || count(t, db, "SELECT COUNT(*) FROM payments WHERE status = 'success' AND note = '补单'") != 1 {
			t.Error("not applied exactly once")
		}
		if got := r.history(t, id); got != "recon open, li propose, chen approve, chen apply, chen applied" {
			t.Errorf("history %s", got)
		}
		if got := r.log.actions(); got != "repair propose, repair approve, repair apply" {
			t.Errorf("audited %s", got)
		}
		if e := r.log.entries[2]; e.Also[0] != id || e.Basis["channel"] != "success 1.00 CNY 42" || !strings.Contains(e.Basis["proposal"], `"before":{"note":null,"status":"processing"}`) || e.Basis["approver"] != "chen" || e.Basis["inverse"] == "" {
			t.Errorf("entry %+v", e)
		}
		if c, err := r.desk.Close(ctx, operator("li"), id, casework.ResolvedRepaired, "supplemented"); err != nil || c.State != casework.StateClosed {
			t.Errorf("got %+v, %v", c, err)
		}
		undo := *p.Inverse // as a repair of its own
		if _, err = r.desk.Reopen(ctx, reviewer("chen"), id, "wrong"); err != nil {
			t.Fatal(err)
		}
		back, err := r.desk.Propose(ctx, operator("li"), id, undo)
		if err == nil {
			_, err = r.desk.Approve(ctx, reviewer("chen"), back.ID, "yes")
		}
		if err == nil {
			_, err = r.desk.Apply(ctx, reviewer("chen"), back.ID, "")
		}
		if err != nil || count(t, db, "SELECT COUNT(*) FROM payments WHERE status = 'processing' AND note IS NULL") != 1 {
			t.Errorf("undo: %v", err)
		}
	})
}

func TestARepairWhosePreconditionFell(t *testing.T) {
	r := newRig(t, openFile(t))
	db, asked := r.books(t, schema(t), "P1", "P2", "P3", "P4")
	ctx := t.Context()
	approved := func(id string, p casework.Proposal) string {
		t.Helper()
		made, err := r.desk.Propose(ctx, operator("li"), r.one(t, id).ID, p)
		if err == nil {
			_, err = r.desk.Approve(ctx, reviewer("chen"), made.ID, "ok")
		}
		if err != nil {
			t.Fatal(err)
		}
		return made.ID
	}
	row := approved("P1", supplement("P1"))
	if _, err := db.Exec("UPDATE payments SET status = 'closed' WHERE id = 'P1'"); err != nil {
		t.Fatal(err)
	}
	_, err := r.desk.Apply(ctx, reviewer("chen"), row, "")
	wants(t, err, casework.ErrRefused, `status is "closed", not "processing"`)
	foreign := supplement("P2")
	foreign.Table = "users"
	_, err = r.desk.Apply(ctx, reviewer("chen"), approved("P2", foreign), "")
	wants(t, err, casework.ErrRefused, "not among those")
	trick := supplement("P3")
	trick.After["status`=1, `note"] = text("x")
	trick.Before["status`=1, `note"] = text("x")
	_, err = r.desk.Apply(ctx, reviewer("chen"), approved("P3", trick), "")
	wants(t, err, casework.ErrRefused, "no plain name")
	there := supplement("P4")
	there.Before, there.After = nil, casework.Row{"amount": text("1.00"), "status": text("success")}
	_, err = r.desk.Apply(ctx, reviewer("chen"), approved("P4", there), "")
	wants(t, err, casework.ErrRefused, "1 such rows, not 0")
	if n := count(t, db, "SELECT COUNT(*) FROM touchstone_repairs"); n != 0 {
		t.Errorf("%d repairs are noted as applied", n)
	}
	p := supplement("P4")
	p.Request = "2"
	later := approved("P4", p)
	asked.says(recon.StatusClosed)
	_, err = r.desk.Apply(ctx, reviewer("chen"), later, "")
	wants(t, err, casework.ErrRefused, `as "closed", not as success`)
	p.Request = "3"
	_, err = r.desk.Propose(ctx, operator("li"), r.one(t, "P4").ID, p)
	wants(t, err, casework.ErrRefused, "not as success")
	if got, err := r.desk.Repair(ctx, later); err != nil || got.State != casework.RepairApproved {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := r.desk.Repair(ctx, row); err != nil || got.State != casework.RepairFailed {
		t.Errorf("got %+v, %v", got, err)
	}
	if n := count(t, db, "SELECT COUNT(*) FROM writes WHERE what = 'update'"); n != 1 { // the test's own
		t.Errorf("%d writes", n)
	}
}

func TestInsertedAndTakenAway(t *testing.T) {
	r := newRig(t, openFile(t))
	db, _ := r.books(t, schema(t), "P1")
	p := casework.Proposal{Kind: casework.RepairSupplement, Request: "i", Reason: "lost order", Table: "payments", Key: map[string]string{"id": "P9"}, After: casework.Row{"amount": text("1.00"), "status": text("success")}}
	id := r.one(t, "P1").ID
	for i, proposal := range []casework.Proposal{p, {}} {
		if i == 1 {
			first, err := r.desk.Repairs(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			proposal = *first[0].Inverse
		}
		made, err := r.desk.Propose(t.Context(), operator("li"), id, proposal)
		if err == nil {
			_, err = r.desk.Approve(t.Context(), reviewer("chen"), made.ID, "ok")
		}
		if err == nil {
			_, err = r.desk.Apply(t.Context(), reviewer("chen"), made.ID, "")
		}
		if n := count(t, db, "SELECT COUNT(*) FROM payments WHERE id = 'P9'"); err != nil || n != 1-i {
			t.Fatalf("step %d: %d rows, %v", i, n, err)
		}
	}
}

func TestManyAppliersApplyOnce(t *testing.T) {
	r := newRig(t, openFile(t))
	db, _ := r.books(t, schema(t), "P1")
	p, err := r.desk.Propose(t.Context(), operator("li"), r.one(t, "P1").ID, supplement("P1"))
	if err == nil {
		_, err = r.desk.Approve(t.Context(), reviewer("chen"), p.ID, "ok")
	}
	if err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	for range 16 {
		group.Go(func() error {
			if _, err := r.desk.Apply(context.Background(), reviewer("chen"), p.ID, ""); err != nil && !errors.Is(err, casework.ErrConflict) {
				return err
			}
			return nil
		})
	}
	err = group.Wait()
	if n := count(t, db, "SELECT COUNT(*) FROM writes WHERE what = 'update'"); err != nil || n != 1 {
		t.Errorf("%d writes, %v", n, err)
	}
	if got, err := r.desk.Repair(t.Context(), p.ID); err != nil || got.State != casework.RepairApplied {
		t.Errorf("got %+v, %v", got, err)
	}
	r.accounted(t, r.one(t, "P1").ID)
}

// TestAReversalOfUnknownEnd has the service take a payment back and answer nothing.
func TestAReversalOfUnknownEnd(t *testing.T) {
	r := newRig(t, openFile(t))
	r.open(t, batch("1"), atChannelOnly("P1", 100))
	var puts atomic.Int64
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.Header.Get("Authorization") != "Bearer secret":
			w.WriteHeader(http.StatusUnauthorized)
		case req.Method == http.MethodPut:
			puts.Add(1)
			panic(http.ErrAbortHandler) // it is done; the answer is lost
		case puts.Load() == 0:
			w.WriteHeader(http.StatusNotFound)
		default:
			fmt.Fprint(w, "reversed as V-1")
		}
	}))
	defer service.Close()
	base, err := url.Parse(service.URL + "/repairs")
	if err != nil {
		t.Fatal(err)
	}
	r.desk.Targets[casework.RepairReversal] = &casework.Service{Base: base, Client: service.Client(), Token: "secret"}
	p := casework.Proposal{Kind: casework.RepairReversal, Request: "1", Reason: "paid twice", Call: map[string]string{"order": "P1", "amount": "1.00"}}
	made, err := r.desk.Propose(t.Context(), operator("li"), r.one(t, "P1").ID, p)
	if err == nil {
		_, err = r.desk.Approve(t.Context(), reviewer("chen"), made.ID, "ok")
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.desk.Apply(t.Context(), reviewer("chen"), made.ID, "")
	if err == nil || !strings.Contains(err.Error(), "its end is not known") {
		t.Fatalf("got %v", err)
	}
	if begun, err := r.desk.Begun(t.Context()); err != nil || len(begun) != 1 || begun[0].ID != made.ID {
		t.Errorf("got %+v, %v", begun, err)
	}
	if got := r.withdraw(t, batch("2"), atChannelOnly("P1", 100)); got != (casework.Change{Held: 1}) {
		t.Errorf("withdrawn while a repair is under way: %+v", got)
	}
	done, err := r.desk.Apply(t.Context(), reviewer("wu"), made.ID, "")
	if err != nil || done.State != casework.RepairApplied || done.Outcome != "reversed as V-1" || puts.Load() != 1 {
		t.Errorf("got %+v after %d calls, %v", done, puts.Load(), err)
	}
}

func TestTicketsAndEndedRepairs(t *testing.T) {
	onFile(t, func(t *testing.T, r *rig) {
		r.open(t, batch("1"), atChannelOnly("P1", 100), atChannelOnly("P2", 100))
		ctx := t.Context()
		p := casework.Proposal{Kind: casework.RepairTicket, Request: "1", Reason: "bank transfer by hand"}
		made, err := r.desk.Propose(ctx, operator("li"), r.one(t, "P1").ID, p)
		if err == nil {
			_, err = r.desk.Approve(ctx, reviewer("chen"), made.ID, "ok")
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.desk.Apply(ctx, reviewer("chen"), made.ID, "")
		wants(t, err, casework.ErrInput, "reference")
		if done, err := r.desk.Apply(ctx, reviewer("chen"), made.ID, "OA-2026-17"); err != nil || done.Outcome != "ticket OA-2026-17" {
			t.Errorf("got %+v, %v", done, err)
		}
		_, err = r.desk.Propose(ctx, operator("li"), r.one(t, "P2").ID, supplement("P2"))
		wants(t, err, casework.ErrInput, "no channel can be asked")
		other, err := r.desk.Propose(ctx, operator("li"), r.one(t, "P2").ID, p)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.withdraw(t, batch("2"), atChannelOnly("P2", 100)); got != (casework.Change{Closed: 1}) {
			t.Errorf("got %+v", got)
		}
		if got, err := r.desk.Repair(ctx, other.ID); err != nil || got.State != casework.RepairRejected {
			t.Errorf("a repair of a break that is gone: %+v, %v", got, err)
		}
		_, err = r.desk.Approve(ctx, reviewer("chen"), other.ID, "ok")
		wants(t, err, casework.ErrMove, "rejected cannot become approved")
	})
}
