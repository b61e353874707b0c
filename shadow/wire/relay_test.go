package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

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

func TestIdleCloseReachesTheOtherSide(t *testing.T) {
	w := &watcher{}
	s, _ := relay(t, w, nil)
	c := dial(t, s.Addr(), 0)
	c.read()
	c.command(ComQuery, "SET wait_timeout=1")
	c.read()
	for b := c.read(); b != nil; b = c.read() { // MariaDB may say why before it closes
		if b[0] != markErr {
			t.Fatalf("%q", b)
		}
	}
	c = dial(t, s.Addr(), 0)
	c.read()
	c.command(ComQuery, "SELECT CONNECTION_ID()")
	c.rows(false)
	c.conn.Close()
	direct := open(t, server.Addr, nil)
	for deadline := time.Now().Add(3 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var n int
		if err := direct.QueryRow("SELECT COUNT(*) FROM information_schema.processlist WHERE user='root' AND id<>CONNECTION_ID()").Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n == 0 || time.Now().After(deadline) {
			if n != 0 {
				t.Fatalf("%d connections are left on the server", n)
			}
			return
		}
	}
}

func TestNonsenseEndsOnlyItsOwnConnection(t *testing.T) {
	w := &watcher{}
	s, _ := relay(t, w, nil)
	good := dial(t, s.Addr(), 0)
	good.read()
	for name, bytes := range map[string]string{
		"http":                "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"out of sequence":     "\x01\x00\x00\x05\x0e",
		"empty command":       "\x00\x00\x00\x00",
		"cut short":           "\xff\x00\x00\x00\x03SEL",
		"all ones":            strings.Repeat("\xff", 300),
		"statement too short": "\x02\x00\x00\x00\x17\x01",
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s.Addr(), 0)
			c.read()
			if _, err := io.WriteString(c.conn, bytes); err != nil {
				t.Fatal(err)
			}
			_ = c.conn.(*net.TCPConn).CloseWrite()
			for c.read() != nil {
			}
		})
	}
	t.Run("instead of a login", func(t *testing.T) {
		conn, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "\x10\x00\x00\x01garbage.........")
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		all, err := io.ReadAll(conn)
		if err != nil || !bytes.Contains(all, []byte("malformed handshake")) {
			t.Fatalf("%q %v", all, err)
		}
	})
	t.Run("compression nobody offered", func(t *testing.T) {
		c := dial(t, s.Addr(), capCompress)
		if b := c.read(); !bytes.Contains(b, []byte("not offered")) {
			t.Fatalf("%q", b)
		}
	})
	good.command(ComPing, "")
	if b := good.read(); b == nil || b[0] != markOK {
		t.Fatalf("the good connection suffered: %q", b)
	}
}

func TestGreetingOffersOnlyWhatCanBeFollowed(t *testing.T) {
	s, _ := relay(t, &watcher{}, nil)
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	src := newSource(conn, newSink(io.Discard, true))
	h, err := src.peekHeader()
	if err != nil {
		t.Fatal(err)
	}
	b, err := src.take(h, nil, h.length)
	if err != nil {
		t.Fatal(err)
	}
	before := append([]byte(nil), b...)
	caps, err := maskGreeting(b)
	if err != nil || !bytes.Equal(before, b) || caps&withheld != 0 || caps&capDeprecateEOF == 0 {
		t.Fatalf("caps %#x, masked again: %v, %v", caps, !bytes.Equal(before, b), err)
	}
}

func TestPanicsAndUnknownCommands(t *testing.T) {
	open := &watcher{panics: true}
	s, _ := relay(t, open, nil)
	c := dial(t, s.Addr(), 0)
	c.read()
	c.command(ComQuery, "SELECT 1")
	if n := c.rows(false); n != 1 {
		t.Fatalf("%d rows", n)
	}
	want(t, open, "0xb ok0/0", "panic", "0x3 rows")
	c.command(0x55, "what") // forwarded blindly: the server answers
	if b := c.read(); b[0] != markErr || bytes.Contains(b, []byte("touchstone")) {
		t.Fatalf("%q", b)
	}

	closed := &watcher{panics: true}
	s, _ = relay(t, closed, func(c *Config) { c.FailClosed = true })
	c = dial(t, s.Addr(), 0)
	c.read()
	c.command(ComQuery, "SELECT 1")
	for range 2 {
		if b := c.read(); b[0] != markErr || !bytes.Contains(b, []byte("touchstone")) {
			t.Fatalf("%q", b)
		}
		c.command(0x55, "what")
	}
	c.command(ComLogin, "x")
	for range 2 {
		c.read()
	}
	c.command(ComPing, "")
	if b := c.read(); b[0] != markOK {
		t.Fatalf("the connection broke: %q", b)
	}
}

func TestRefusedStatementLongerThanOnePacketIsReadAway(t *testing.T) {
	w := &watcher{refuse: "forbidden"}
	s, _ := relay(t, w, nil)
	db := open(t, s.Addr(), func(c *mysql.Config) { c.MaxAllowedPacket = 64 << 20 })
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var e *mysql.MySQLError
		if _, err := db.Exec("forbidden " + strings.Repeat("x", 17<<20)); !errors.As(err, &e) || e.Number != 1142 {
			t.Fatal(err)
		}
	}
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	want(t, w, "0xb ok0/0", "0xe ok0/0", "0x3 refused", "0x3 refused", "0xe ok0/0")
}

func TestLimitsAndDeadUpstream(t *testing.T) {
	s, _ := relay(t, &watcher{}, func(c *Config) { c.MaxConnections = 1 })
	first := dial(t, s.Addr(), 0)
	first.read()
	var e *mysql.MySQLError
	if err := open(t, s.Addr(), nil).Ping(); !errors.As(err, &e) || e.Number != 1040 {
		t.Fatal(err)
	}
	dead, _ := relay(t, &watcher{}, func(c *Config) { c.Upstream = "127.0.0.1:1" })
	if err := open(t, dead.Addr(), nil).Ping(); !errors.As(err, &e) || e.Number != 2003 {
		t.Fatal(err)
	}
	slow, _ := relay(t, &watcher{}, func(c *Config) { c.LoginTimeout = 50 * time.Millisecond })
	conn, err := net.Dial("tcp", slow.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadAll(conn); err != nil {
		t.Fatalf("a client that never logs in was not closed: %v", err)
	}
}

func TestDrainLetsATransactionEnd(t *testing.T) {
	w := &watcher{}
	s, stop := relay(t, w, func(c *Config) { c.DrainTimeout = 5 * time.Second })
	idle, busy := dial(t, s.Addr(), 0), dial(t, s.Addr(), 0)
	idle.read()
	busy.read()
	busy.command(ComQuery, "BEGIN")
	busy.read()
	go stop()
	if b := idle.read(); b != nil {
		t.Fatalf("the idle connection got %q", b)
	}
	busy.command(ComQuery, "SELECT 1")
	busy.rows(false)
	busy.command(ComQuery, "COMMIT")
	if b := busy.read(); b == nil || b[0] != markOK {
		t.Fatalf("COMMIT while draining: %q", b)
	}
	if b := busy.read(); b != nil {
		t.Fatalf("not closed behind its transaction: %q", b)
	}
	if _, err := net.DialTimeout("tcp", s.Addr(), time.Second); err == nil {
		t.Fatal("a draining port took a connection")
	}
	stop()
}

func TestClientThatLeavesAfterCommitIsStillAnswered(t *testing.T) {
	w := &watcher{}
	s, stop := relay(t, w, nil)
	c := dial(t, s.Addr(), 0)
	c.read()
	c.command(ComQuery, "DO SLEEP(0.1)")
	c.conn.Close()
	time.Sleep(300 * time.Millisecond)
	stop()
	want(t, w, "0xb ok0/0", "0x3 ok0/0")
}
