package stmt

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestMarkIsFoundOnlyWhereAClientPutsIt(t *testing.T) {
	for name, c := range map[string]struct {
		sql  string
		mode Mode
		want string
	}{
		"leading":                 {"/* gray='v2' */ INSERT INTO t VALUES (1)", 0, "v2"},
		"behind another comment":  {"-- app\n/* x */ /*gray='v2'*/SELECT 1", 0, "v2"},
		"trailing":                {"SELECT 1 /*gray='v2'*/", 0, "v2"},
		"trailing with semicolon": {"SELECT 1 /*gray='v2'*/ ; ", 0, "v2"},
		"among other keys":        {"SELECT 1 /*action='pay',gray='2026.11-rc_1',traceparent='00'*/", 0, "2026.11-rc_1"},
		"none":                    {"SELECT 1", 0, ""},
		"in a string":             {"SELECT '/* gray=''v2'' */'", 0, ""},
		"string at the end":       {`SELECT "x /* gray='v2' */"`, 0, ""},
		"behind an escape":        {`SELECT 'a\' /* gray=''v2'' */'`, 0, ""},
		"no escape in this mode":  {`SELECT 'a\' /* gray='v2' */`, NoBackslashEscapes, "v2"},
		"in an identifier":        {"SELECT `/* gray='v2' */`", 0, ""},
		"in the middle":           {"SELECT /* gray='v2' */ 1", 0, ""},
		"hint":                    {"/*+ gray='v2' */ SELECT 1", 0, ""},
		"executable":              {"/*! gray='v2' */ SELECT 1", 0, ""},
		"line comment":            {"-- gray='v2'\nSELECT 1", 0, ""},
		"invalid release":         {"/* gray='v2;DROP' */ SELECT 1", 0, ""},
		"empty release":           {"/* gray='' */ SELECT 1", 0, ""},
		"no quotes":               {"/* gray=v2 */ SELECT 1", 0, ""},
		"not ended":               {"/* gray='v2' ", 0, ""},
		"leading wins":            {"/* gray='a' */ SELECT 1 /* gray='b' */", 0, "a"},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := Mark([]byte(c.sql), c.mode)
			if got != c.want || ok != (c.want != "") {
				t.Fatalf("got %q %v, want %q", got, ok, c.want)
			}
		})
	}
}

func TestMaskLeavesNoLiteral(t *testing.T) {
	for sql, want := range map[string]string{
		"/* gray='v2' */ INSERT INTO t1 (a) VALUES ('secret', \"x''\", 12.5e3, x'ff', N'n', -7)": "INSERT INTO t1 (a) VALUES (?, ?, ?, ?, ?, -?)",
		"SELECT  `a 1`,\n b FROM t WHERE c = 'it''s' # tail 'secret'":                            "SELECT `a 1`, b FROM t WHERE c = ?",
		"not 'even sql":                        "not ?",
		"SELECT 0x53, b'01', 1":                "SELECT ?, ?, ?",
		"SELECT 'a\\'secret' -- 'secret'\n, ?": "SELECT ? , ?",
	} {
		if got := Mask(sql, 0); got != want {
			t.Errorf("%q\n got %q\nwant %q", sql, got, want)
		}
	}
	if n := len(Mask(strings.Repeat("a ", 10_000), 0)); n > maxMasked {
		t.Errorf("%d bytes", n)
	}
}

func TestSplitRespectsStringsAndComments(t *testing.T) {
	got := Split("BEGIN; INSERT INTO t VALUES (';', \";\\\";\") ; /* ; */ ; -- ;\n COMMIT;", 0)
	want := []string{"BEGIN", " INSERT INTO t VALUES (';', \";\\\";\") ", " -- ;\n COMMIT"}
	if !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
}

func TestControlIsToldWithoutParsing(t *testing.T) {
	for sql, want := range map[string]Control{
		"select 1":                       {},
		" (SELECT 1)":                    {},
		"":                               {},
		"/* x */ begin":                  {Kind: Begin},
		"BEGIN WORK":                     {Kind: Begin},
		"BEGIN NOT ATOMIC SELECT 1; END": {Kind: Opaque},
		"Start Transaction READ ONLY":    {Kind: Begin},
		"START SLAVE":                    {Kind: Implicit},
		"COMMIT AND CHAIN":               {Kind: Commit},
		"/*!40000 COMMIT */":             {Kind: Commit},
		"rollback work":                  {Kind: Rollback},
		"ROLLBACK TO `A``b`":             {Kind: RollbackTo, Name: "a`b"},
		"ROLLBACK WORK TO SAVEPOINT x":   {Kind: RollbackTo, Name: "x"},
		"SAVEPOINT X":                    {Kind: Savepoint, Name: "x"},
		"RELEASE SAVEPOINT x":            {Kind: Release, Name: "x"},
		"SET autocommit=0":               {Kind: Implicit},
		"SET @x=1, @@autocommit = 1":     {Kind: Implicit},
		"set session autocommit=1":       {Kind: Implicit},
		"SET NAMES 'GBK'":                {Kind: Charset, Name: "gbk"},
		"SET CHARACTER SET latin1":       {Kind: Charset, Name: "latin1"},
		"SET sql_mode=''":                {Assigned: []Assignment{{"sql_mode", "", true}}},
		"SET @gray := 'v2', SESSION time_zone = \"+08:00\" /* x */": {Assigned: []Assignment{{"@gray", "v2", true}, {"time_zone", "+08:00", true}}},
		"SET @@session.time_zone = @old, @gray=NULL, NAMES utf8":    {Kind: Charset, Name: "utf8", Assigned: []Assignment{{Name: "time_zone"}, {Name: "@gray", Literal: true}}},
		"SET GLOBAL time_zone='x', sql_mode=concat('a','b')":        {Assigned: []Assignment{{Name: "time_zone"}, {Name: "sql_mode"}}},
		"SET @@global.time_zone='x', @gray='a''b'":                  {Assigned: []Assignment{{Name: "time_zone"}, {Name: "@gray"}}},
		"SET @grayish='v2', sql_mode = 'x' 'y'":                     {Assigned: []Assignment{{Name: "sql_mode"}}},
		"SET STATEMENT x=1 FOR COMMIT":                              {Kind: Opaque},
		"alter table x add y int":                                   {Kind: Implicit},
		"USE `Other db`":                                            {Kind: UseSchema, Name: "Other db"},
		"XA START 'x'":                                              {Kind: XAStart},
		"XA COMMIT 'x'":                                             {Kind: XAOther},
		"CALL p()":                                                  {Kind: Opaque},
		"EXECUTE s":                                                 {Kind: Opaque},
		"\xff\xfe":                                                  {Kind: Opaque},
	} {
		if got := ControlOf(sql, 0); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, want %+v", sql, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"/* gray='v2' */ INSERT INTO t VALUES ('a', 1); COMMIT", "SELECT '\\", "/*!40101 SET x */ `", "SET NAMES", "x'", "--", "/*"} {
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, sql string, noBackslash bool) {
		mode := Mode(0)
		if noBackslash {
			mode = NoBackslashEscapes
		}
		total := 0
		l := &lexer{src: sql, mode: mode}
		for token, more := l.next(); more; token, more = l.next() {
			if token.start != total || token.end <= token.start || token.end > len(sql) {
				t.Fatalf("token %+v behind %d", token, total)
			}
			total = token.end
		}
		if total != len(sql) {
			t.Fatalf("%d of %d bytes were read", total, len(sql))
		}
		Mark([]byte(sql), mode)
		for _, part := range Split(sql, mode) {
			ControlOf(part, mode)
		}
		if masked := Mask(sql, mode); len(masked) > 3*maxMasked {
			t.Fatalf("%d bytes", len(masked))
		}
	})
}

func FuzzClassify(f *testing.F) {
	for _, s := range []string{"INSERT INTO t (a) VALUES (1, ?, NOW())", "SELECT 1 FOR UPDATE", "SET NAMES utf8", "begin", "update t set a=1 where b=2"} {
		f.Add(s)
	}
	c := New()
	f.Fuzz(func(t *testing.T, sql string) {
		all, err := c.Classify(sql, 0)
		if (err == nil) == (len(all) == 0) {
			t.Fatalf("%d statements and error %v", len(all), err)
		}
	})
}
