package ledger

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// twins makes the same table twice, and gives a source for each.
func twins(t *testing.T, name string) (a, b Source) {
	t.Helper()
	db := schema(t, name)
	payments(t, db, "ours", "VARCHAR(32)")
	exec(t, db, "CREATE TABLE theirs LIKE ours", "INSERT INTO theirs SELECT * FROM ours", "ANALYZE TABLE theirs")
	return source(name, "ours", "id", "amount", "state", "paid_at"), source(name, "theirs", "id", "amount", "state", "paid_at")
}

func compare(t *testing.T, a, b Source) *Pushed {
	t.Helper()
	p, err := Compare(t.Context(), a, b)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOfEqualTablesOnlySumsTravel(t *testing.T) {
	a, b := twins(t, "twins")
	p := compare(t, a, b)
	if len(p.Dirty) != 0 || p.Rows != [2]int64{manyRows, manyRows} || p.Buckets != 256 || p.Sums[0] > 256 || p.Sums[0] != p.Sums[1] {
		t.Errorf("got %+v", p)
	}
	t.Logf("%d rows a side compared with %d sums a side", p.Rows[0], p.Sums[0])
	if rows, stats := rowsOf(t, p.Part(a, 0)); len(rows) != 0 || stats.Bytes != 0 {
		t.Errorf("%d rows travelled", len(rows))
	}
}

func TestWhatDiffersIsFetchedAndLittleElse(t *testing.T) {
	for name, c := range map[string]struct {
		change string
		keys   int
	}{
		"one cent":           {"UPDATE theirs SET amount = amount + 0.01 WHERE id = 'P20260000500'", 1},
		"a cent moved":       {"UPDATE theirs SET amount = amount + CASE id WHEN 'P20260000500' THEN 0.01 ELSE -0.01 END WHERE id IN ('P20260000500', 'P20260000600')", 2},
		"missing":            {"DELETE FROM theirs WHERE id = 'P20260000500'", 1},
		"NULL is not empty":  {"UPDATE theirs SET state = NULL WHERE id = 'P20260000500'", 1},
		"ten minutes on two": {"UPDATE theirs SET paid_at = paid_at + INTERVAL 10 MINUTE WHERE id IN ('P20260000500', 'P20260000600')", 2},
	} {
		t.Run(name, func(t *testing.T) {
			name := "pushed_" + strings.ReplaceAll(strings.ToLower(name), " ", "_")
			a, b := twins(t, name)
			db, err := server.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			exec(t, db, c.change)
			p := compare(t, a, b)
			if len(p.Dirty) < 1 || len(p.Dirty) > c.keys {
				t.Fatalf("%d dirty buckets of %d keys", len(p.Dirty), c.keys)
			}
			ours, stats := rowsOf(t, p.Part(a, 0))
			theirs, _ := rowsOf(t, p.Part(b, 1))
			if slices.Equal(ours, theirs) || len(ours) > 120*c.keys || stats.Rows != int64(len(ours)) {
				t.Errorf("%d and %d rows were fetched", len(ours), len(theirs))
			}
		})
	}
}

// TestConcatenationDoesNotCollide has columns whose plain concatenations are equal, and empty against NULL.
func TestConcatenationDoesNotCollide(t *testing.T) {
	schema(t, "collide", "CREATE TABLE ours (a VARCHAR(9), b VARCHAR(9))", "CREATE TABLE theirs LIKE ours",
		"INSERT INTO ours VALUES ('x0', 'y')", "INSERT INTO theirs VALUES ('x', '0y')")
	if p := compare(t, source("collide", "ours", "a", "b"), source("collide", "theirs", "a", "b")); len(p.Dirty) == 0 {
		t.Error("('x0','y') is ('x','0y')")
	}
	schema(t, "collide2", "CREATE TABLE ours (k INT, a VARCHAR(9), b VARCHAR(9))", "CREATE TABLE theirs LIKE ours",
		"INSERT INTO ours VALUES (1, 'x0', 'y')", "INSERT INTO theirs VALUES (1, 'x', '0y')")
	if p := compare(t, source("collide2", "ours", "k", "a", "b"), source("collide2", "theirs", "k", "a", "b")); len(p.Dirty) != 1 {
		t.Error("('x0','y') is ('x','0y')")
	}
}

func TestCopiesAreCounted(t *testing.T) {
	schema(t, "copies", "CREATE TABLE ours (k INT, a INT)", "CREATE TABLE theirs LIKE ours", "INSERT INTO ours VALUES (1, 1)", "INSERT INTO theirs VALUES (1, 1), (1, 1), (1, 1)")
	if p := compare(t, source("copies", "ours", "k", "a"), source("copies", "theirs", "k", "a")); len(p.Dirty) != 1 {
		t.Error("three are one")
	}
}

// TestTypesOfTheSameValuesAgree pairs columns that hold the same in other types, as after a change of the schema.
func TestTypesOfTheSameValuesAgree(t *testing.T) {
	schema(t, "retyped",
		"CREATE TABLE ours (k BIGINT, amount DECIMAL(20,4), at DATETIME, note VARCHAR(9) CHARACTER SET latin1, raw VARBINARY(9))",
		"CREATE TABLE theirs (kk VARCHAR(20), cents DECIMAL(10,2), moment DATETIME(3), remark TEXT, bytes BLOB)",
		"INSERT INTO ours VALUES (17, 19.9900, '2026-11-23 10:00:00', 'é', x'ff00')", "INSERT INTO theirs VALUES ('17', 19.99, '2026-11-23 10:00:00.000', 'é', x'ff00')")
	a, b := source("retyped", "ours", "k", "amount", "at", "note", "raw"), source("retyped", "theirs", "kk", "cents", "moment", "remark", "bytes")
	if p := compare(t, a, b); len(p.Dirty) != 0 {
		t.Error("equal values of other types differ")
	}
	if _, err := Compare(t.Context(), a, source("retyped", "theirs", "kk")); err == nil || !strings.Contains(err.Error(), "try: ") {
		t.Errorf("columns without a partner: %v", err)
	}
}

func TestRecheckDropsWhatAgreesByThen(t *testing.T) {
	a, b := twins(t, "rechecked")
	db, err := server.Open("rechecked")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec(t, db, "DELETE FROM theirs WHERE id IN ('P20260000500', 'P20260000600')", "UPDATE theirs SET amount = 0 WHERE id = 'P20260000700'")
	go func() {
		time.Sleep(100 * time.Millisecond)
		_, _ = db.ExecContext(t.Context(), "INSERT INTO theirs SELECT * FROM ours WHERE id = 'P20260000500'") // what was under way arrives; a failure shows below
	}()
	keys := []string{"P20260000400", "P20260000500", "P20260000600", "P20260000700", "nowhere"}
	still, err := Recheck(t.Context(), time.Second, keys, a, b)
	if err != nil || !slices.Equal(still, []string{"P20260000600", "P20260000700"}) {
		t.Errorf("got %v, %v", still, err)
	}
	var many []string
	for i := range 1200 {
		many = append(many, fmt.Sprintf("P2026%07d", i+1))
	}
	if still, err = Recheck(t.Context(), 0, many, a, b); err != nil || len(still) != 2 {
		t.Errorf("got %v, %v", still, err)
	}
}
