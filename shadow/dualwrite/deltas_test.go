package dualwrite

import (
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/seed-3356bd69/touchstone/shadow"
)

func TestSharedRowsAreToldByWhatIsAdded(t *testing.T) {
	b := newBench(t, "shared", Observe, nil)
	must(t, b.direct, "INSERT INTO orders (order_no, amount) VALUES ('S', 1)")
	must(t, b.direct, "CREATE TABLE balances (id INT PRIMARY KEY, amount DECIMAL(12,2) NOT NULL, state INT)")
	must(t, b.direct, "INSERT INTO balances VALUES (1, 10, 0), (2, 10, 0)")
	db := b.open(func(c *mysql.Config) { c.InterpolateParams = false })
	for _, c := range []struct {
		run  string
		args []any
		want string
	}{
		{"UPDATE balances SET amount = amount - 2.50 WHERE id = 1", nil, "[{id=1 amount -2.50}] "},
		{"UPDATE balances SET amount = amount + ? WHERE id = ?", []any{"0.01", 2}, "[{id=2 amount 0.01}] "},
		{"UPDATE balances SET state = 1, amount = (? + amount) WHERE id = 2 AND amount > 0", []any{3}, "[{id=2 amount 3}] "},
		{"UPDATE balances SET amount = amount - -1 WHERE id IN (1)", nil, "[{id=1 amount 1}] "},
		{"UPDATE balances SET amount = amount - 100 WHERE id = 1 AND amount >= 100", nil, "[] "},
		{"UPDATE balances SET state = 5 WHERE id = 1", nil, "[] "},
		{"UPDATE balances SET amount = 7 WHERE id = 1", nil, "[] unclassified"},
		{"UPDATE balances SET amount = amount * 2 WHERE id = 1", nil, "[] unclassified"},
		{"UPDATE balances SET amount = state + 1 WHERE id = 2", nil, "[] unclassified"},
		{"UPDATE balances SET amount = amount + 1 WHERE state = 5", nil, "[] unclassified"},
		{"UPDATE balances SET amount = amount + 1", nil, "[] unclassified"},
		{"INSERT INTO balances VALUES (3, 1, 0)", nil, "[] unclassified"},
		{"DELETE FROM balances WHERE id = 3", nil, "[] unclassified"},
	} {
		if _, err := db.Exec(mark+c.run, c.args...); err != nil {
			t.Fatal(c.run, err)
		}
		settle(t, db)
		sets := b.seen.take()
		if len(sets) != 1 || len(sets[0].Statements) != 1 {
			if c.want != "[] " {
				t.Errorf("%s: %+v", c.run, sets)
			}
			continue
		}
		st := sets[0].Statements[0]
		if got := fmt.Sprint(append([]shadow.Delta{}, st.Deltas...), " ", st.Cause); got != c.want {
			t.Errorf("%s: got %q, want %q", c.run, got, c.want)
		}
	}
}
