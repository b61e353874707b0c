package dualwrite

import (
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Where the row log tells of the writes, the wire tells of those alone whose tag it does not show.
func TestFollowTellsWhatTheRowLogCannotShow(t *testing.T) {
	b := newBench(t, "follow", Follow, nil)
	must(t, b.direct, "CREATE PROCEDURE book(no VARCHAR(64)) INSERT INTO orders (order_no, amount) VALUES (no, 1)")
	for name, c := range map[string]struct {
		run  []string
		told int
	}{
		"insert":                  {[]string{mark + "INSERT INTO orders (order_no, amount) VALUES ('A', 1)"}, 0},
		"transaction":             {[]string{"BEGIN", mark + "INSERT INTO orders (order_no, amount) VALUES ('B', 1)", "UPDATE orders SET amount=2 WHERE order_no='B'", "COMMIT"}, 0},
		"procedure":               {[]string{mark + "CALL book('C')"}, 1},
		"second of one text":      {[]string{mark + "INSERT INTO orders (order_no, amount) VALUES ('D', 1); INSERT INTO orders (order_no, amount) VALUES ('E', 1)"}, 1},
		"both of one text marked": {[]string{mark + "INSERT INTO orders (order_no, amount) VALUES ('F', 1); " + mark + "INSERT INTO orders (order_no, amount) VALUES ('G', 1)"}, 0},
		"untagged":                {[]string{"INSERT INTO orders (order_no, amount) VALUES ('H', 1)"}, 0},
		"rolled back":             {[]string{"BEGIN", mark + "CALL book('I')", "ROLLBACK"}, 1}, // a procedure may have committed
	} {
		client := b.open(func(c *mysql.Config) { c.MultiStatements = true })
		conn, err := client.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range c.run {
			if _, err := conn.ExecContext(t.Context(), text); err != nil {
				t.Fatalf("%s: %s: %v", name, text, err)
			}
		}
		_ = conn.Close()
		_ = client.Close()
		sets := b.seen.take()
		if len(sets) != c.told {
			t.Errorf("%s: %d write sets told, want %d: %+v", name, len(sets), c.told, sets)
		}
		for _, ws := range sets {
			if ws.Outcome != shadow.CommitUnknown || ws.Cause == "" {
				t.Errorf("%s: %+v", name, ws)
			}
		}
	}
}
