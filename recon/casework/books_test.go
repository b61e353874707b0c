package casework_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/seed-3356bd69/touchstone/recon/casework"
)

func repairOf(id string) *casework.Repair {
	return &casework.Repair{ID: "R01-" + id, Proposal: supplement(id)}
}

// waiting waits until a statement of the database waits for a table.
func waiting(t *testing.T, db *sql.DB) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if count(t, db, "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND state LIKE 'Waiting for table%'") > 0 {
			return
		}
	}
	t.Fatal("nothing waits for the locked table")
}

// TestAnAppliedRepairIsNeverRefused has another apply a repair between the two questions of Look, and the table taken out of
// the configuration after a repair was applied.
func TestAnAppliedRepairIsNeverRefused(t *testing.T) {
	r := newRig(t, openFile(t))
	db, _ := r.books(t, schema(t), "P1")
	books := &casework.Books{DB: db, Tables: []string{"payments"}}
	other, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, statement := range []string{"LOCK TABLES payments WRITE", "UPDATE payments SET status = 'success', note = '补单'"} {
		if _, err := other.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	seen := make(chan casework.Standing, 1)
	go func() {
		standing, _, err := books.Look(context.Background(), repairOf("P1"))
		if err != nil {
			t.Error(err)
		}
		seen <- standing
	}()
	waiting(t, db)
	if _, err := db.Exec("INSERT INTO touchstone_repairs (id) VALUES ('R01-P1')"); err != nil {
		t.Fatal(err)
	}
	if _, err := other.ExecContext(t.Context(), "UNLOCK TABLES"); err != nil {
		t.Fatal(err)
	}
	if got := <-seen; got != casework.StandingApplied {
		t.Errorf("applied by another meanwhile: %q", got)
	}
	books.Tables = []string{"refunds"}
	if got, _, err := books.Look(t.Context(), repairOf("P1")); err != nil || got != casework.StandingApplied {
		t.Errorf("applied before the table was taken out: %q, %v", got, err)
	}
	if err := books.Apply(t.Context(), repairOf("P1")); err != nil {
		t.Errorf("applied before the table was taken out: %v", err)
	}
	wants(t, books.Apply(t.Context(), repairOf("P2")), casework.ErrRefused, "not among those")
	if n := count(t, db, "SELECT COUNT(*) FROM touchstone_repairs"); n != 1 {
		t.Errorf("%d repairs are noted as applied", n)
	}
}

// TestBooksOfAUserWithFewRights has a user who may change what is declared and note what was applied, and make no table.
func TestBooksOfAUserWithFewRights(t *testing.T) {
	r := newRig(t, openFile(t))
	name := schema(t)
	db, _ := r.books(t, name, "P1")
	for _, statement := range []string{
		"CREATE USER few@'127.0.0.1'", "GRANT SELECT, UPDATE ON " + name + ".payments TO few@'127.0.0.1'",
		"GRANT SELECT, INSERT, UPDATE ON " + name + ".touchstone_repairs TO few@'127.0.0.1'",
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	c := server.Config(name)
	c.User = "few"
	connector, err := mysql.NewConnector(c)
	if err != nil {
		t.Fatal(err)
	}
	few := sql.OpenDB(connector)
	defer few.Close()
	books, err := casework.NewBooks(t.Context(), few, []string{"payments"})
	if err != nil {
		t.Fatal(err)
	}
	if err := books.Apply(t.Context(), repairOf("P1")); err != nil {
		t.Error(err)
	}
	if _, err := db.Exec("DROP TABLE touchstone_repairs"); err != nil {
		t.Fatal(err)
	}
	if _, err := casework.NewBooks(t.Context(), few, nil); err == nil {
		t.Error("made a table without the right to")
	}
}
