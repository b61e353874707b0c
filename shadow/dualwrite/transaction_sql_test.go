package dualwrite

import (
	"reflect"
	"testing"

	"github.com/go-sql-driver/mysql"
)

const (
	insertA = mark + "INSERT INTO orders (order_no, amount) VALUES ('A', 1)"
	insertB = mark + "INSERT INTO orders (order_no, amount) VALUES ('B', 2)"
	setA    = "committed A : insert/orders/1/"
	setB    = "committed B : insert/orders/1/"
)

// Every case runs on one connection through the port; an error of a statement is expected where it starts with "!".
func TestTransactionsSealWhatCommits(t *testing.T) {
	cases := []struct {
		name string
		run  []string
		want []string
	}{
		{"autocommit", []string{insertA}, []string{setA}},
		{"untagged", []string{"INSERT INTO orders (order_no, amount) VALUES ('A', 1)"}, nil},
		{"commit", []string{"BEGIN", insertA, "COMMIT"}, []string{setA}},
		{"start transaction", []string{"start transaction with consistent snapshot", insertA, "commit work"}, []string{setA}},
		{"rollback", []string{"BEGIN", insertA, "ROLLBACK", insertB}, []string{setB}},
		{"two rows one set", []string{"BEGIN", insertA, mark + "INSERT INTO flows (order_no, amount) VALUES ('A', 1.50)", "COMMIT"}, []string{"committed A : insert/orders/1/ insert/flows/1/"}},
		{"two orders disagree", []string{"BEGIN", insertA, insertB, "COMMIT"}, []string{"committed  unclassified: insert/orders/1/ insert/orders/1/"}},
		{"begin in begin commits", []string{"BEGIN", insertA, "BEGIN", insertB, "ROLLBACK"}, []string{setA}},
		{"commit and chain", []string{"BEGIN", insertA, "COMMIT AND CHAIN", insertB, "ROLLBACK"}, []string{setA}},
		{"chain twice", []string{"BEGIN", insertA, "COMMIT AND CHAIN", insertB, "COMMIT"}, []string{setA, setB}},
		{"rollback and chain", []string{"BEGIN", insertA, "ROLLBACK AND CHAIN", insertB, "COMMIT"}, []string{setB}},
		{"completion type", []string{"SET completion_type=1", "BEGIN", insertA, "COMMIT", insertB, "ROLLBACK", "SET completion_type=0", "ROLLBACK"}, []string{setA}},
		{"ddl commits", []string{"BEGIN", insertA, "CREATE TABLE extra (a INT)", "ROLLBACK"}, []string{setA}},
		{"temporary table does not", []string{"BEGIN", insertA, "CREATE TEMPORARY TABLE extra (a INT)", "ROLLBACK"}, nil},
		{"failed ddl commits or not", []string{"BEGIN", insertA, "!CREATE TABLE orders (a INT)", "ROLLBACK"}, []string{"unknown A unknown-commit: insert/orders/1/"}},
		{"syntax error changes nothing", []string{"BEGIN", insertA, "!CREATE TABL", "ROLLBACK"}, nil},
		{"lock tables commits", []string{"BEGIN", insertA, "LOCK TABLES orders WRITE", "UNLOCK TABLES"}, []string{setA}},
		{"autocommit off", []string{"SET autocommit=0", insertA, "COMMIT", insertB, "ROLLBACK"}, []string{setA}},
		{"autocommit on commits", []string{"SET @@session.autocommit=OFF", insertA, "SET autocommit=ON"}, []string{setA}},
		{"setting autocommit again does not commit", []string{"BEGIN", insertA, "SET autocommit=1", "ROLLBACK"}, nil},
		{"savepoint trims", []string{"BEGIN", insertA, "SAVEPOINT s", insertB, "ROLLBACK TO s", "COMMIT"}, []string{setA}},
		{"savepoint before first write", []string{"BEGIN", "SAVEPOINT `S`", insertA, "ROLLBACK WORK TO SAVEPOINT s", insertB, "COMMIT"}, []string{setB}},
		{"savepoint of the same name moves", []string{"BEGIN", "SAVEPOINT s", insertA, "SAVEPOINT s", insertB, "ROLLBACK TO s", "COMMIT"}, []string{setA}},
		{"released savepoint keeps", []string{"BEGIN", insertA, "SAVEPOINT s", mark + "INSERT INTO flows (order_no) VALUES ('A')", "RELEASE SAVEPOINT s", "!ROLLBACK TO s", "COMMIT"}, []string{"committed A : insert/orders/1/ insert/flows/1/"}},
		{"duplicate key is no write", []string{"BEGIN", insertA, "!" + insertA, "COMMIT"}, []string{setA}},
		{"insert ignore of nothing", []string{insertA, mark + "INSERT IGNORE INTO orders (order_no, amount) VALUES ('A', 9)"}, []string{setA, "no-write A : insert/orders/0/"}},
		{"tagged commit", []string{"BEGIN", insertA, mark + "COMMIT"}, []string{setA}},
		{"commented control", []string{"/* app */ BEGIN", insertA, "-- end\nROLLBACK"}, nil},
		{"executable comment", []string{"/*!40101 BEGIN */", insertA, "/*M! ROLLBACK */"}, nil},
		{"trailing mark", []string{"INSERT INTO orders (order_no, amount) VALUES ('A', 1) /*gray='v2'*/"}, []string{setA}},
		{"xa", []string{"XA START 'x'", insertA, "XA END 'x'", "XA PREPARE 'x'", "XA ROLLBACK 'x'"}, []string{"unknown A unknown-commit: insert/orders/1/"}},
		{"call may do anything", []string{"CREATE PROCEDURE p() ROLLBACK", "BEGIN", insertA, "CALL p()"}, []string{"unknown A unknown-commit: insert/orders/1/"}},
		{"execute may do anything", []string{"PREPARE s FROM 'COMMIT'", "BEGIN", insertA, "EXECUTE s"}, []string{"unknown A unknown-commit: insert/orders/1/"}},
		{"read between", []string{"BEGIN", insertA, "SELECT 1", "DO 1", "COMMIT"}, []string{setA}},
		{"compound block", []string{"BEGIN", insertA, "BEGIN NOT ATOMIC ROLLBACK; END"}, []string{"unknown A unknown-commit: insert/orders/1/"}},
	}
	b := newBench(t, "seals", Apply, nil)
	for _, prepared := range []bool{false, true} {
		for _, c := range cases {
			name := c.name
			if prepared {
				name += " prepared"
			}
			t.Run(name, func(t *testing.T) { b.script(t, c.run, c.want, prepared) })
		}
	}
}

func (b *bench) script(t *testing.T, run, want []string, prepared bool) {
	for _, q := range []string{"DELETE FROM orders", "DELETE FROM flows", "DROP TABLE IF EXISTS extra", "DROP PROCEDURE IF EXISTS p"} {
		must(t, b.direct, q)
	}
	db := b.open(func(c *mysql.Config) {})
	defer db.Close()
	for _, q := range run {
		fails := q[0] == '!'
		if fails {
			q = q[1:]
		}
		if err := b.one(t, db, q, prepared); (err != nil) != fails {
			t.Fatalf("%s: %v", q, err)
		}
	}
	_ = db.Ping() // as settle, on a connection that may be dead
	db.Close()
	if got := brief(b.seen.take()); !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
}
