package drivers

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// neighbour is a well-behaved client of the same port: it goes on whatever others do.
type neighbour struct {
	t      *testing.T
	port   *port
	db     *sql.DB
	writes int
	base   int // goroutines while only this client is connected
}

func newNeighbour(t *testing.T, p *port) *neighbour {
	t.Helper()
	cfg := server.Config("shop")
	cfg.Addr = p.addr
	n := &neighbour{t: t, port: p, db: openCfg(t, cfg)}
	n.goOn()
	n.base = runtime.NumGoroutine()
	return n
}

// goOn writes a row, and reads it back, on the connection it has had from the beginning.
func (n *neighbour) goOn() {
	n.t.Helper()
	n.writes++
	key := fmt.Sprintf("good-%d", n.writes)
	mustExec(n.t, n.db, "INSERT INTO pay (order_no) VALUES ('"+key+"')")
	var rows int
	if err := n.db.QueryRow("SELECT COUNT(*) FROM pay WHERE order_no = ?", key).Scan(&rows); err != nil || rows != 1 {
		n.t.Fatalf("%d rows of %s: %v", rows, key, err)
	}
}

// alone waits until nothing is left of other clients, and then wants no write sets but its own.
func (n *neighbour) alone() {
	n.t.Helper()
	n.goOn()
	for deadline := time.Now().Add(8 * time.Second); runtime.NumGoroutine() > n.base; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			all := make([]byte, 1<<16)
			n.t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), n.base, all[:runtime.Stack(all, true)])
		}
	}
	sets := n.port.seen.all()
	if len(sets) != n.writes {
		n.t.Fatalf("%d write sets of %d writes", len(sets), n.writes)
	}
	for _, ws := range sets {
		if ws.Outcome != shadow.Committed || !strings.HasPrefix(ws.Order, "good-") {
			n.t.Errorf("write set of %q: %s", ws.Order, ws.Outcome)
		}
	}
}

func TestBadClientsHarmOnlyThemselves(t *testing.T) {
	newShop(t)
	const insert = "INSERT INTO pay (order_no) VALUES ('bad')"
	for _, c := range []struct {
		name  string
		login bool
		bytes string
	}{
		{"nothing at all", false, ""},
		{"http instead of a login", false, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"TLS that is not MySQL's", false, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"},
		{"login cut short", false, packet(1, "\x0d\xa6")},
		{"login whose names do not end", false, packet(1, "\x09\x82\x00\x00"+strings.Repeat("x", 60))},
		{"login that promises 16 MB", false, "\xff\xff\xff\x01\x0d\xa6"},
		{"http instead of a command", true, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"random bytes", true, "\x8d\x02\x91\x77\x1c\xe0\x33\x5a\x00\xff\x13\x37" + strings.Repeat("\xa5\x00\x17", 90)},
		{"all ones", true, strings.Repeat("\xff", 400)},
		{"header cut short", true, "\x10\x00"},
		{"write cut short", true, lying(1000, comQuery, insert)},
		{"write that promises 16 MB", true, lying(1<<24-1, comQuery, insert)},
		{"write whose length is too small", true, lying(20, comQuery, insert)},
		{"write out of sequence", true, packet(7, "\x03"+insert)},
		{"empty command before a write", true, packet(0, "") + command(comQuery, insert)},
		{"execution of a statement that is not there", true, command(comExecute, "\x63\x00\x00\x00\x00\x01\x00\x00\x00")},
		{"execution too short", true, command(comExecute, "\x01")},
		{"change of user cut short", true, command(comChange, "root")},
		{"transaction left in the middle of a write", true, command(comQuery, "BEGIN") + command(comQuery, insert) + lying(90, comQuery, insert)},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNeighbour(t, dualWrite(t, server.Addr, "shop", portTagging()))
			bad := dialRaw(t, n.port.addr)
			if c.login {
				bad.login()
			}
			bad.write(c.bytes)
			n.goOn()
			_ = bad.conn.CloseWrite()
			bad.ended()
			n.alone()
			n.port.checkPanics(t)
			mustExec(t, direct(t, "shop"), "DELETE FROM pay WHERE order_no LIKE 'good-%'")
			if left := dump(t, direct(t, "shop"), "pay"); len(left) > 0 {
				t.Errorf("the database holds %q", left)
			}
		})
	}
}

func TestClientThatNeverReadsHoldsUpNobody(t *testing.T) {
	newShop(t)
	n := newNeighbour(t, dualWrite(t, server.Addr, "shop", portTagging()))
	bad := dialRaw(t, n.port.addr)
	_ = bad.conn.SetReadBuffer(4 << 10)
	bad.login()
	bad.write(strings.Repeat(command(comQuery, "SELECT REPEAT('x', 1000000)"), 200))
	before := memory()
	for range 50 {
		n.goOn()
	}
	if grown := int64(memory()) - int64(before); grown > 32<<20 {
		t.Errorf("answers nobody reads took %d bytes", grown)
	}
	_ = bad.conn.SetLinger(0)
	_ = bad.conn.Close()
	n.alone()
}

func memory() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// outburst is what a server says out of turn.
type outburst struct {
	said  string
	stays bool // it does not close the connection: the port must
}

// relapsing is a server that is the real one until a client's packet holds one of the words it has answers of its own for.
type relapsing struct {
	listener net.Listener
	answers  map[string]outburst
	wg       sync.WaitGroup
}

func newRelapsing(t *testing.T, answers map[string]outburst) *relapsing {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &relapsing{listener: l, answers: answers}
	s.wg.Go(s.accept)
	t.Cleanup(func() {
		_ = l.Close()
		s.wg.Wait()
	})
	return s
}

func (s *relapsing) accept() {
	for {
		client, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.wg.Go(func() { s.serve(client.(*net.TCPConn)) })
	}
}

func (s *relapsing) serve(client *net.TCPConn) {
	defer client.Close()
	up, err := net.Dial("tcp", server.Addr)
	if err != nil {
		return
	}
	defer up.Close()
	s.wg.Go(func() {
		_, _ = io.Copy(client, up)
		_ = client.Close()
	})
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if o := s.answer(buf[:n]); o.said != "" {
			_, _ = io.WriteString(client, o.said)
			if !o.stays {
				_ = client.CloseWrite()
			}
			_, _ = io.Copy(io.Discard, client)
			return
		}
		if _, err := up.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (s *relapsing) answer(b []byte) outburst {
	for word, o := range s.answers {
		if bytes.Contains(b, []byte(word)) {
			return o
		}
	}
	return outburst{}
}

const okBody = "\x00\x00\x00\x02\x00\x00\x00"

func TestBadServersHarmOnlyTheirConnection(t *testing.T) {
	newShop(t)
	answers := map[string]outburst{
		"half a header":        {"\x07\x00", false},
		"length that lies":     {"\xf0\x00\x00\x01" + okBody, false},
		"16 MB that never are": {"\xff\xff\xff\x01" + okBody, false},
		"columns without end":  {packet(1, "\xfc\xff\xff"), false},
		"no EOF":               {packet(1, "\x01") + packet(2, "\x03def\x00\x00\x00\x01a\x00\x0c\x21\x00\x01\x00\x00\x00\x03\x00\x00\x00\x00\x00") + packet(3, "\x011"), true},
		"two answers":          {packet(1, okBody) + packet(1, okBody), true},
		"empty packet":         {packet(1, ""), true},
		"random bytes":         {"\x0c\x00\x00\x01\x07\x91\x77\x1c\xe0\x33\x5a\x00\xff\x13\x37\x99\x12", false},
		"OK without its end":   {packet(1, "\x00\xfc"), true},
		"a greeting again":     {packet(0, "\x0a10.11.0\x00\x01\x00\x00\x00aaaaaaaa\x00"), false}, // reads as ten columns to come
	}
	fake := newRelapsing(t, answers)
	for name, o := range answers {
		t.Run(name, func(t *testing.T) {
			mustExec(t, direct(t, "shop"), "DELETE FROM pay")
			n := newNeighbour(t, dualWrite(t, fake.listener.Addr().String(), "shop", portTagging()))
			bad := dialRaw(t, n.port.addr)
			bad.login()
			bad.write(command(comQuery, "SELECT '"+name+"'"))
			n.goOn()
			bad.ended()
			n.alone()
			n.port.checkPanics(t)
			if broken := n.port.counter(t, "touchstone_mysql_broken_total"); o.stays && broken != 1 {
				t.Errorf("%v connections were ended for a violation", broken)
			}
		})
	}
}

// What a server says in place of COMMIT's OK leaves the transaction's end unknown, and says so once.
func TestBadAnswerToCommitIsAnUnknownEnd(t *testing.T) {
	newShop(t)
	fake := newRelapsing(t, map[string]outburst{"COMMIT": {packet(1, "\x00\xfc"), true}})
	p := dualWrite(t, fake.listener.Addr().String(), "shop", portTagging())
	c := dialRaw(t, p.addr)
	c.login()
	for _, q := range []string{"BEGIN", "INSERT INTO pay (order_no) VALUES ('in doubt')"} {
		c.write(command(comQuery, q))
		if b, err := c.read(); err != nil || b[0] != 0 {
			t.Fatalf("%s: %q %v", q, b, err)
		}
	}
	c.write(command(comQuery, "COMMIT"))
	c.ended()
	p.stop()
	if sets := p.seen.all(); len(sets) != 1 || sets[0].Outcome != shadow.CommitUnknown || sets[0].Order != "in doubt" {
		t.Fatalf("%+v", sets)
	}
}
