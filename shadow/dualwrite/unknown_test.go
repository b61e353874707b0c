package dualwrite

import (
	"bytes"
	"io"
	"net"
	"reflect"
	"sync"
	"testing"
	"time"
)

// cutter relays to a server until the client sends the word; the server gets it, its answer is lost.
type cutter struct {
	l    net.Listener
	word []byte
	wg   sync.WaitGroup
}

func newCutter(t *testing.T, upstream, word string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{l: l, word: []byte(word)}
	c.wg.Add(1)
	go func() {
		defer c.wg.Done()
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			c.wg.Add(1)
			go c.relay(client, upstream)
		}
	}()
	t.Cleanup(func() { l.Close(); c.wg.Wait() })
	return l.Addr().String()
}

func (c *cutter) relay(client net.Conn, upstream string) {
	defer c.wg.Done()
	server, err := net.Dial("tcp", upstream)
	if err != nil {
		client.Close()
		return
	}
	var cut sync.Mutex
	down := false
	back := make(chan struct{})
	go func() {
		defer close(back)
		buf := make([]byte, 4096)
		for {
			n, err := server.Read(buf)
			cut.Lock()
			if !down {
				_, _ = client.Write(buf[:n])
			}
			cut.Unlock()
			if err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 4096)
	for {
		n, err := client.Read(buf)
		if bytes.Contains(buf[:n], c.word) {
			cut.Lock()
			down = true
			cut.Unlock()
		}
		_, _ = server.Write(buf[:n])
		if err != nil || down {
			break
		}
	}
	time.Sleep(100 * time.Millisecond) // the server has done it by now
	client.Close()
	server.Close()
	<-back
	_, _ = io.Copy(io.Discard, client)
}

func TestCommitWithoutAnswerIsUnknown(t *testing.T) {
	b := newBench(t, "unanswered", Apply, nil)
	for name, c := range map[string]struct {
		word string
		run  []string
		want []string
	}{
		"commit":            {"COMMIT", []string{"BEGIN", insertA, "COMMIT"}, []string{"unknown A unknown-commit: insert/orders/1/"}},
		"autocommit":        {"'A'", []string{insertA}, []string{"unknown A unknown-commit: insert/orders/1/"}},
		"inside":            {"'A'", []string{"BEGIN", insertA}, nil},
		"rollback":          {"ROLLBACK", []string{"BEGIN", insertA, "ROLLBACK"}, nil},
		"ddl":               {"CREATE", []string{"BEGIN", insertA, "CREATE TABLE x (a INT)"}, []string{"unknown A unknown-commit: insert/orders/1/"}},
		"untagged":          {"'U'", []string{"INSERT INTO orders (order_no, amount) VALUES ('U', 1)"}, nil},
		"untagged read":     {"SLEEP", []string{"BEGIN", insertA, "DO SLEEP(0)"}, nil},
		"begin in a begin":  {"BEGIN WORK", []string{"BEGIN", insertA, "BEGIN WORK"}, []string{"unknown A unknown-commit: insert/orders/1/"}},
		"commit of nothing": {"COMMIT", []string{"BEGIN", "COMMIT"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			must(t, b.direct, "DELETE FROM orders")
			b.stop()
			b.listenFresh(newCutter(t, server.Addr, c.word))
			db := b.open(nil)
			for i, q := range c.run {
				_, err := db.Exec(q)
				if last := i == len(c.run)-1; (err != nil) != last {
					t.Fatalf("%s: %v", q, err)
				}
			}
			b.stop()
			if got := brief(b.seen.take()); !reflect.DeepEqual(got, c.want) {
				t.Fatalf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}
