package stmt

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestClasses(t *testing.T) {
	c := New()
	for sql, want := range map[string]Class{
		"SELECT COUNT(*), SUM(a), COALESCE(b, 1), NOW() FROM t":               Read,
		"SELECT 1 UNION SELECT 2":                                             Read,
		"SELECT CHAR(65), DATE '2026-11-24', TIMESTAMP '2026-11-24 00:00:00'": Read,
		"WITH c AS (SELECT 1) SELECT * FROM c":                                Read,
		"SELECT * FROM t FOR UPDATE":                                          LockingRead,
		"SELECT * FROM t LOCK IN SHARE MODE":                                  LockingRead,
		"SELECT * FROM t FOR SHARE SKIP LOCKED":                               LockingRead,
		"SELECT a FROM (SELECT 1 AS a FOR UPDATE) x":                          LockingRead,
		"SELECT GET_LOCK('a', 1)":                                             CallingRead,
		"SELECT 1 FROM t WHERE f(a)":                                          CallingRead,
		"SELECT other.now()":                                                  CallingRead,
		"INSERT INTO t (a) VALUES (1)":                                        Insert,
		"REPLACE INTO t (a) VALUES (1)":                                       Replace,
		"UPDATE t SET a=1":                                                    Update,
		"DELETE FROM t":                                                       Delete,
		"BEGIN":                                                               TransactionEnd,
		"ROLLBACK TO x":                                                       TransactionEnd,
		"SET @@session.sql_mode=''":                                           Set,
		"USE x":                                                               Use,
		"SHOW TABLES":                                                         Show,
		"EXPLAIN SELECT 1":                                                    Show,
		"EXPLAIN DELETE FROM t":                                               Admin,
		"TRUNCATE t":                                                          DDL,
		"ALTER TABLE t ADD a INT":                                             DDL,
		"CALL p()":                                                            Admin,
		"KILL 1":                                                              Admin,
		"DO f()":                                                              Admin,
		"LOAD DATA LOCAL INFILE 'x' INTO TABLE t":                             Admin,
	} {
		all, err := c.Classify(sql, 0)
		if err != nil || len(all) != 1 || all[0].Class != want {
			t.Errorf("%s: got %+v, %v; want class %d", sql, all, err, want)
		}
	}
	for _, sql := range []string{"", "XA START 'x'", "SELECT FROM", "SELECT 1 /*! , 2 */", "SELECT 1 /*M!, 2 */", "SELECT 1 /*T!, 2 */", strings.Repeat("(", 5000)} {
		if all, err := c.Classify(sql, 0); !errors.Is(err, ErrUnclassified) {
			t.Errorf("%.40s: got %+v, %v", sql, all, err)
		}
	}
}

func TestValuesOfAnInsert(t *testing.T) {
	all, err := New().Classify("INSERT IGNORE INTO s.t (a, `B c`) VALUES (1, 'x''\\n'), (-2.50, NULL), (?, DEFAULT), (x'ff', NOW()), (18446744073709551615, ?), (_binary'\xff', _latin1'\xe9'), (1+1, TRUE)", 0)
	if err != nil {
		t.Fatal(err)
	}
	want := [][]Value{
		{{Kind: Literal, Text: "1"}, {Kind: Literal, Text: "x'\n"}},
		{{Kind: Literal, Text: "-2.50"}, {Kind: Null}},
		{{Kind: Param, Index: 0}, {Kind: ByDefault}},
		{{Kind: Literal, Text: "\xff", Binary: true, Hex: true}, {Kind: Computed}},
		{{Kind: Literal, Text: "18446744073709551615"}, {Kind: Param, Index: 1}},
		{{Kind: Literal, Text: "\xff", Binary: true}, {Kind: Computed}},
		{{Kind: Computed}, {Kind: Literal, Text: "1"}},
	}
	s := all[0]
	if s.Target != (Table{"s", "t"}) || !slices.Equal(s.Insert.Columns, []string{"a", "B c"}) || !s.Insert.Ignore || s.Params != 2 || s.Verb != "insert" {
		t.Errorf("%+v", s)
	}
	if !reflect.DeepEqual(s.Insert.Rows, want) {
		t.Errorf("got  %+v\nwant %+v", s.Insert.Rows, want)
	}
	if strings.Contains(s.Masked, "2.50") {
		t.Errorf("masked: %s", s.Masked)
	}
}

func TestConditionsThatMustHold(t *testing.T) {
	all, err := New().Classify("UPDATE t SET a=? WHERE (b='x' AND ?=c) AND d IN (5) AND e > 1 AND (f=1 OR g=2) AND h=NOW()", 0)
	if err != nil {
		t.Fatal(err)
	}
	want := []Equal{{"b", Value{Kind: Literal, Text: "x"}}, {"c", Value{Kind: Param, Index: 1}}, {"d", Value{Kind: Literal, Text: "5"}}}
	if !reflect.DeepEqual(all[0].Where, want) {
		t.Fatalf("got %+v", all[0].Where)
	}
}

func TestManyTargetsAreNoTarget(t *testing.T) {
	for _, sql := range []string{"UPDATE a, b SET a.x=1", "DELETE a FROM a JOIN b ON a.x=b.x", "UPDATE a JOIN b ON a.x=b.x SET a.y=1"} {
		all, err := New().Classify(sql, 0)
		if err != nil || all[0].Target != (Table{}) || len(all[0].Tables) < 2 {
			t.Errorf("%s: %+v, %v", sql, all, err)
		}
	}
}

func TestBackslashesFollowTheMode(t *testing.T) {
	for mode, want := range map[Mode]string{0: "a\nb", NoBackslashEscapes: `a\nb`} {
		all, err := New().Classify(`INSERT INTO t (a) VALUES ('a\nb')`, mode)
		if err != nil || all[0].Insert.Rows[0][0].Text != want {
			t.Errorf("mode %d: %+v, %v", mode, all, err)
		}
	}
}

func TestPureFunctionsAreWholeNames(t *testing.T) {
	for name, want := range map[string]bool{"count": true, "now": true, "week": true, "abs": true, "yearweek": true, "ar": false, "": false, "f": false, "get_lock": false, "sleep": false, "load_file": false, "nextval": false} {
		if IsPure(name) != want {
			t.Errorf("IsPure(%q) = %v", name, !want)
		}
	}
}
