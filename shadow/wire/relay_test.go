package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
)

func TestDriverWorksThroughTheRelay(t *testing.T) {
	w := &watcher{}
	s, stop := relay(t, w, nil)
	direct := open(t, server.Addr, nil)
	for _, q := range []string{"CREATE DATABASE IF NOT EXISTS app", "CREATE OR REPLACE TABLE app.t (id INT AUTO_INCREMENT PRIMARY KEY, v LONGTEXT)",
		"CREATE OR REPLACE USER sha IDENTIFIED BY 'secret'", "GRANT ALL ON app.* TO sha"} {
		if _, err := direct.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	db := open(t, s.Addr(), func(c *mysql.Config) {
		c.User, c.Passwd, c.DBName, c.MultiStatements, c.MaxAllowedPacket = "sha", "secret", "app", true, 64<<20
	})
	big := strings.Repeat("b", 17<<20)
	for _, v := range []string{"a", "", big} {
		res, err := db.Exec("INSERT INTO t (v) VALUES (?)", v)
		if err != nil {
			t.Fatal(err)
		}
		id, _ := res.LastInsertId()
		var back string
		if err := db.QueryRow("SELECT v FROM t WHERE id=?", id).Scan(&back); err != nil || back != v {
			t.Fatalf("%d bytes became %d: %v", len(v), len(back), err)
		}
	}
	if _, err := db.Exec("INSERT INTO t (v) VALUES ('x'); UPDATE t SET v='y' WHERE v='x'; SELECT 1"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("SELECT * FROM nowhere"); err == nil {
		t.Fatal("an error was lost")
	}
	bad := open(t, s.Addr(), func(c *mysql.Config) { c.User, c.Passwd = "sha", "wrong" })
	var denied *mysql.MySQLError
	if err := bad.Ping(); !errors.As(err, &denied) || denied.Number != 1045 {
		t.Fatalf("wrong password: %v", err)
	}
	stop()
	lines := strings.Join(w.take(), "; ")
	for _, part := range []string{"0x3 ok1/4 ok1/0 rows", "0x3 err1146", "0x16 params1", "0xb err1045"} {
		if !strings.Contains(lines, part) {
			t.Errorf("%q is missing in %s", part, lines)
		}
	}
}

func TestPipelinedCommandsAndRefusalsKeepTheirOrder(t *testing.T) {
	for _, caps := range []uint32{0, capDeprecateEOF} {
		w := &watcher{refuse: "forbidden"}
		s, _ := relay(t, w, nil)
		c := dial(t, s.Addr(), caps)
		c.read()
		want(t, w, "0xb ok0/0")
		var all []byte
		for _, q := range []string{"SELECT 1", "forbidden one", "SELECT seq FROM mysql.seq_1_to_300", "forbidden two", "bad sql", "DO 1"} {
			h := header{len(q) + 1, 0}.bytes()
			all = append(append(append(all, h[:]...), ComQuery), q...)
		}
		if _, err := c.conn.Write(all); err != nil {
			t.Fatal(err)
		}
		deprecated := caps != 0
		if n := c.rows(deprecated); n != 1 {
			t.Fatalf("%d rows", n)
		}
		if b := c.read(); !bytes.Contains(b, []byte("no forbidden")) {
			t.Fatalf("%q", b)
		}
		if n := c.rows(deprecated); n != 300 {
			t.Fatalf("%d rows", n)
		}
		if b := c.read(); !bytes.Contains(b, []byte("#42000no forbidden")) {
			t.Fatalf("%q", b)
		}
		if b := c.read(); b[0] != markErr {
			t.Fatalf("%q", b)
		}
		if b := c.read(); b[0] != markOK {
			t.Fatalf("%q", b)
		}
		want(t, w, "0x3 rows", "0x3 refused", "0x3 rows", "0x3 refused", "0x3 err1064", "0x3 ok0/0")
	}
}

func statement(id uint32, rest ...byte) string {
	return string(append(binary.LittleEndian.AppendUint32(nil, id), rest...))
}

func TestCursorsLongDataAndTheOtherCommands(t *testing.T) {
	for _, caps := range []uint32{0, capDeprecateEOF} {
		w := &watcher{}
		s, _ := relay(t, w, nil)
		c := dial(t, s.Addr(), caps)
		c.read()
		deprecated := caps != 0
		prepare := func(q string, params, columns int) uint32 {
			c.command(ComStmtPrepare, q)
			id := binary.LittleEndian.Uint32(c.read()[1:])
			for _, n := range []int{params, columns} {
				for range n {
					c.read()
				}
				if n > 0 && !deprecated {
					c.read()
				}
			}
			return id
		}
		id := prepare("SELECT seq FROM mysql.seq_1_to_5", 0, 1)
		c.command(ComStmtExecute, statement(id, 1, 1, 0, 0, 0)) // a read-only cursor
		for range 2 {
			c.read()
		}
		end := c.read()
		if end[0] != markEOF {
			t.Fatalf("no cursor: %q", end)
		}
		for _, n := range []uint32{2, 10} {
			c.command(ComStmtFetch, statement(id)+statement(n))
			for b := c.read(); b[0] != markEOF; b = c.read() {
			}
		}
		c.command(ComStmtReset, statement(id))
		c.read()
		c.command(ComStmtClose, statement(id))
		long := prepare("SELECT LENGTH(?), ?", 2, 2)
		for range 3 {
			c.command(ComStmtSendLong, statement(long, 0, 0)+strings.Repeat("z", 100))
		}
		c.command(ComStmtExecute, statement(long, 0, 1, 0, 0, 0, 0, 1, 252, 0, 8, 0)+string(binary.LittleEndian.AppendUint64(nil, 7)))
		if n := c.rows(deprecated); n != 1 {
			t.Fatalf("%d rows", n)
		}
		c.command(ComInitDB, "mysql")
		c.read()
		c.command(ComStatistics, "")
		c.read()
		c.command(ComPing, "")
		c.read()
		c.command(ComSetOption, "\x01\x00")
		c.read()
		c.command(ComFieldList, "user\x00%")
		for b := c.read(); b[0] != markEOF && b[0] != markErr; b = c.read() {
		}
		c.command(ComResetConnection, "")
		c.read()
		c.command(ComChangeUser, "root\x00\x00mysql\x00\x2d\x00mysql_native_password\x00")
		for b := c.read(); b[0] != markOK; b = c.read() {
			if b[0] == markErr {
				t.Fatalf("%q", b)
			}
			c.send(2, nil)
		}
		c.command(ComQuery, "SELECT DATABASE()")
		c.rows(deprecated)
		got := w.take()
		if last := got[len(got)-1]; last != "0x3 rows" {
			t.Fatalf("%q", got)
		}
		want := []string{"0xb ok0/0", "0x16 params0", "0x17 rows", "0x1c rows", "0x1c rows", "0x1a ok0/0", "0x16 params2", "0x17 rows", "0x2 ok0/0", "0x9", "0xe ok0/0"}
		if strings.Join(got[:len(want)], ";") != strings.Join(want, ";") {
			t.Fatalf("got  %q\nwant %q", got, want)
		}
	}
}

func TestLocalFileGoesThroughInManyPackets(t *testing.T) {
	w := &watcher{}
	s, _ := relay(t, w, nil)
	direct := open(t, server.Addr, nil)
	for _, q := range []string{"CREATE DATABASE IF NOT EXISTS app", "CREATE OR REPLACE TABLE app.f (v INT)", "SET GLOBAL local_infile=1"} {
		if _, err := direct.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	c := dial(t, s.Addr(), 1<<7)
	c.read()
	c.command(ComQuery, "LOAD DATA LOCAL INFILE 'x' INTO TABLE app.f")
	if b := c.read(); b[0] != markInfile {
		t.Fatalf("%q", b)
	}
	seq := byte(2)
	for i := range 300 { // the packet number passes 255 and is 0 again
		c.send(seq, fmt.Appendf(nil, "%d\n", i))
		seq++
	}
	c.send(seq, nil)
	if b := c.read(); b[0] != markOK {
		t.Fatalf("%q", b)
	}
	want(t, w, "0xb ok0/0", "0x3 ok300/0")
}

func TestLoginMethodsAreRelayed(t *testing.T) {
	s, _ := relay(t, &watcher{}, nil)
	direct := open(t, server.Addr, nil)
	for _, q := range []string{"INSTALL SONAME 'auth_ed25519'", "CREATE OR REPLACE USER ed IDENTIFIED VIA ed25519 USING PASSWORD('secret')", "CREATE OR REPLACE USER old IDENTIFIED BY 'secret'"} {
		if _, err := direct.Exec(q); err != nil && !strings.Contains(err.Error(), "already") {
			t.Fatal(err)
		}
	}
	for _, user := range []string{"ed", "old"} {
		for password, want := range map[string]uint16{"secret": 0, "wrong": 1045} {
			db := open(t, s.Addr(), func(c *mysql.Config) { c.User, c.Passwd = user, password })
			var e *mysql.MySQLError
			err := db.Ping()
			if (err == nil) != (want == 0) || err != nil && (!errors.As(err, &e) || e.Number != want) {
				t.Errorf("%s with password %s: %v", user, password, err)
			}
		}
	}
}
