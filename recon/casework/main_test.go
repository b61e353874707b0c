package casework_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/audit"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/match"
	"github.com/seed-3356bd69/touchstone/recon/store"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
	"github.com/seed-3356bd69/touchstone/test/stores"
)

// server is the one MariaDB of this package's tests.
var server *mariadb.Server

// TestMain runs the tests or, in a process of its own, the desk that a test kills.
func TestMain(m *testing.M) {
	audit.LogTo(slog.New(slog.DiscardHandler))
	if os.Getenv(deskEnv) != "" {
		os.Exit(killedDesk())
	}
	os.Exit(mariadb.Main(m, &server, "--innodb-file-per-table=0")) // the tables have 64 partitions: a file for each costs seconds a test
}

func noon() time.Time { return time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC) }

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Microsecond)
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// book is an audit log in memory. It can be full, and look at what is true when an entry comes.
type book struct {
	mu      sync.Mutex
	entries []audit.Entry
	full    error
	look    func(audit.Entry)
}

func (b *book) Append(_ context.Context, e audit.Entry) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full != nil {
		return 0, b.full
	}
	if _, err := e.Encode(); err != nil {
		return 0, err
	}
	if b.look != nil {
		b.look(e)
	}
	b.entries = append(b.entries, e)
	return uint64(len(b.entries) - 1), nil
}

func (b *book) actions() string {
	var all []string
	for _, e := range b.entries {
		all = append(all, e.Action)
	}
	return strings.Join(all, ", ")
}

// rig is a desk over an empty store.
type rig struct {
	db     *store.DB
	desk   *casework.Desk
	intake *casework.Intake
	log    *book
	clock  *clock
}

func each(t *testing.T, do func(*testing.T, *rig)) {
	t.Helper()
	stores.Each(t, server, func(t *testing.T, db *store.DB) { do(t, newRig(t, db)) })
}

// onFile is for what is the same in every database.
func onFile(t *testing.T, do func(*testing.T, *rig)) {
	t.Helper()
	do(t, newRig(t, openFile(t)))
}

func newRig(tb testing.TB, db *store.DB) *rig {
	tb.Helper()
	r := &rig{db: db, log: &book{}, clock: &clock{now: noon()}}
	files, err := casework.NewAttachments(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	r.desk = &casework.Desk{DB: db, Log: r.log, SLA: casework.DefaultSLA(), Now: r.clock.Now, Attachments: files, Targets: map[casework.RepairKind]casework.Target{}}
	r.intake = &casework.Intake{SLA: casework.DefaultSLA(), Now: r.clock.Now}
	return r
}

func batch(version string) casework.Batch {
	return casework.Batch{
		ID: "wechat/1900000109/bill/2026-11-26@" + version, Statement: "wechat/1900000109/bill/2026-11-26", Channel: "wechat", Account: "1900000109", Kind: "bill",
		Day: "2026-11-26", SHA256: strings.Repeat("ab", 32), Archive: "sha256/ab/ab",
	}
}

func money(minor int64) recon.Money { return recon.Money{Minor: minor, Currency: "CNY"} }

func record(id string, minor int64) *recon.Record {
	key := recon.Key{Kind: recon.KindPayment, ID: id}
	return &recon.Record{
		Channel: "wechat", Key: key, Order: id, Amount: money(minor), Status: recon.StatusSuccess, Time: noon().Add(-20 * time.Hour),
		Origin: recon.Origin{File: "bill.csv", Line: 7, SHA256: strings.Repeat("ab", 32)},
	}
}

// atChannelOnly is a break: the channel has a payment that the books lack.
func atChannelOnly(id string, minor int64) casework.Finding {
	r := record(id, minor)
	return casework.Finding{
		Difference: match.Difference{Break: recon.MissingInternally, Group: match.Group{Key: r.Key, Occurrence: 1, Records: []*recon.Record{nil, r}}},
		Expected:   noon().Add(-2 * time.Hour),
	}
}

// otherAmount is a break: the two sides differ in the amount.
func otherAmount(id string, internal, channel int64) casework.Finding {
	a, b := record(id, internal), record(id, channel)
	return casework.Finding{Difference: match.Difference{
		Break: recon.AmountMismatch, Group: match.Group{Key: a.Key, Occurrence: 1, Records: []*recon.Record{a, b}},
		Fields: []match.FieldValues{{Field: recon.FieldAmount, Values: []string{a.Amount.Major(), b.Amount.Major()}}},
	}}
}

func (r *rig) open(tb testing.TB, b casework.Batch, found ...casework.Finding) casework.Change {
	tb.Helper()
	var change casework.Change
	if err := r.db.Tx(context.Background(), func(tx *store.Tx) (err error) {
		change, err = r.intake.Open(context.Background(), tx, b, found)
		return err
	}); err != nil {
		tb.Fatal(err)
	}
	return change
}

func (r *rig) withdraw(tb testing.TB, b casework.Batch, gone ...casework.Finding) casework.Change {
	tb.Helper()
	var change casework.Change
	if err := r.db.Tx(context.Background(), func(tx *store.Tx) (err error) {
		change, err = r.intake.Withdraw(context.Background(), tx, b, gone)
		return err
	}); err != nil {
		tb.Fatal(err)
	}
	return change
}

// one gives the only case of a business id.
func (r *rig) one(tb testing.TB, business string) casework.Case {
	tb.Helper()
	all, err := r.desk.Of(context.Background(), business)
	if err != nil || len(all) != 1 {
		tb.Fatalf("%d cases of %s, %v", len(all), business, err)
	}
	return all[0]
}

func (r *rig) history(tb testing.TB, id string) string {
	tb.Helper()
	all, err := r.desk.Events(context.Background(), id)
	if err != nil {
		tb.Fatal(err)
	}
	var out []string
	for i, e := range all {
		if e.Seq != int64(i+1) || e.Audit == "" {
			tb.Errorf("line %d of the history: %+v", i, e)
		}
		out = append(out, fmt.Sprintf("%s %s", e.Actor, e.Action))
	}
	return strings.Join(out, ", ")
}

func operator(name string) casework.Actor {
	return casework.Actor{Name: name, Role: casework.RoleOperator, Trace: "t"}
}
func reviewer(name string) casework.Actor {
	return casework.Actor{Name: name, Role: casework.RoleReviewer, Trace: "t"}
}

func wants(t *testing.T, err error, kind error, text string) {
	t.Helper()
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want %v with %q", err, kind, text)
	}
}

func openFile(tb testing.TB) *store.DB { return stores.Open(tb, stores.File(tb)) }
