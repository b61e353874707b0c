package dualwrite

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

const untagged = "INSERT INTO orders (order_no, amount) VALUES ('A', 1)"

func TestConnectionsAreTaggedByPortAndUser(t *testing.T) {
	for name, c := range map[string]struct {
		tagging Tagging
		user    string
		want    []string
	}{
		"port":               {Tagging{Release: "v2", Port: true}, "pay", []string{setA}},
		"user":               {Tagging{Release: "v2", UserSuffix: "_gray"}, "pay_gray", []string{setA}},
		"another user":       {Tagging{Release: "v2", UserSuffix: "_gray"}, "pay", nil},
		"nothing configured": {Tagging{}, "pay_gray", nil},
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t)
			p.shared.cfg.Tagging = c.tagging
			login := &wire.Command{Code: wire.ComLogin, User: c.user}
			p.OnCommand(login)
			p.answer(login, wire.Part{})
			p.do(wire.ComQuery, untagged, wire.Part{Affected: 1})
			p.expect(t, c.want...)
		})
	}
}

func TestSessionVariableTagsUntilItIsTakenAway(t *testing.T) {
	p := play(t)
	p.do(wire.ComQuery, "SET @gray='v2'", wire.Part{})
	p.do(wire.ComQuery, untagged, wire.Part{Affected: 1})
	p.expect(t) // not configured: anybody may have a variable of that name
	p.shared.cfg.Tagging.Variable = true
	p.prepare(1, "INSERT INTO orders (order_no, amount) VALUES (?, 1)", 1)
	p.do(wire.ComStmtExecute, executeText(1, "A", true), wire.Part{Affected: 1})
	p.expect(t)
	p.do(wire.ComQuery, "SET @gray = 'v2'", wire.Part{})
	p.do(wire.ComQuery, untagged, wire.Part{Affected: 1})
	p.do(wire.ComStmtExecute, executeText(1, "B", false), wire.Part{Affected: 1})
	p.expect(t, setA, setB)
	p.do(wire.ComQuery, "SET @gray = NULL", wire.Part{})
	p.do(wire.ComQuery, untagged, wire.Part{Affected: 1})
	p.do(wire.ComQuery, "SET @gray = 'v2'", wire.Part{})
	p.do(wire.ComResetConnection, "", wire.Part{})
	p.do(wire.ComQuery, untagged, wire.Part{Affected: 1})
	p.expect(t)
}

func TestQueryAttributesTagAndBind(t *testing.T) {
	p := play(t)
	cmd := &wire.Command{Code: wire.ComQuery, Data: []byte("UPDATE orders SET amount=2 WHERE amount=1"),
		Attributes: []wire.Attribute{{Name: "gray", Value: "v2"}, {Name: "order", Value: "A9"}}}
	p.shared.cfg.Mode = Observe
	p.OnCommand(cmd)
	p.answer(cmd, wire.Part{Affected: 1})
	p.expect(t, "committed A9 : update/orders/0/not-insert")

	p.prepare(1, "INSERT INTO orders (order_no, amount) VALUES (?, 1)", 1)
	p.shared.cfg.Tagging.Variable = true // so that the text of an untagged statement is kept
	p.prepare(2, "INSERT INTO orders (order_no, amount) VALUES (?, 1)", 1)
	for id, want := range map[uint32]string{1: "committed  unclassified:", 2: "committed A : insert/orders/1/"} {
		b := binary.LittleEndian.AppendUint32(nil, id)
		b = append(b, flagAttributes, 1, 0, 0, 0, 2, 0, 1)
		b = append(b, "\xfe\x00\x00\xfe\x00\x04gray\x01A\x02v2"...)
		execute := &wire.Command{Code: wire.ComStmtExecute, Data: b, Attributed: true}
		p.OnCommand(execute)
		p.answer(execute, wire.Part{Affected: 1})
		if got := brief(p.seen.take()); len(got) != 1 || got[0][:len(want)] != want {
			t.Errorf("statement %d: got %q", id, got)
		}
	}
}

func TestReadsOfATransactionBindItToItsOrder(t *testing.T) {
	p := play(t)
	p.shared.cfg.Mode = Observe
	p.status |= wire.StatusInTrans
	p.do(wire.ComQuery, "BEGIN", wire.Part{})
	p.do(wire.ComQuery, mark+"SELECT amount FROM orders WHERE order_no='A' FOR UPDATE", wire.Part{Rows: true})
	p.do(wire.ComQuery, mark+"UPDATE orders SET amount=2 WHERE amount=1", wire.Part{Affected: 1})
	p.do(wire.ComQuery, "COMMIT", wire.Part{})
	p.expect(t, "committed A : update/orders/0/not-insert")
}

func TestBulkExecutionIsOneRowForEachSet(t *testing.T) {
	p := play(t)
	p.prepare(1, insertParam, 1)
	bulk := "\x01\x00\x00\x00\x80\x00\xfe\x00"
	p.do(wire.ComStmtBulkExecute, bulk+"\x00\x01A\x00\x01A", wire.Part{Affected: 2})
	p.do(wire.ComStmtBulkExecute, "\x01\x00\x00\x00\x00\x00\x00\x01A", wire.Part{Affected: 1})
	p.do(wire.ComStmtBulkExecute, bulk+"\x00\x01A\x02", wire.Part{Affected: 2}) // DEFAULT
	p.do(wire.ComStmtBulkExecute, bulk+"\x00\x05A", wire.Part{Affected: 1})     // cut short
	spoilt := "committed  unclassified: insert/orders/0/unclassified"
	p.expect(t, "committed A : insert/orders/2/", setA, spoilt, spoilt)
}

func TestSettingsOfTheSessionGoWithTheWriteSet(t *testing.T) {
	p := play(t)
	p.do(wire.ComQuery, "SET time_zone='+08:00', sql_mode='ANSI_QUOTES'", wire.Part{})
	p.do(wire.ComQuery, insertA, wire.Part{Affected: 1})
	p.do(wire.ComPing, "", wire.Part{})
	p.do(wire.ComQuery, "SELECT 1", wire.Part{Rows: true, Track: &wire.Track{Variables: map[string]string{"time_zone": "UTC"}}})
	p.do(wire.ComQuery, insertA, wire.Part{Affected: 1})
	sets := p.seen.take()
	if len(sets) != 2 || sets[0].TimeZone != "+08:00" || sets[0].SQLMode == nil || *sets[0].SQLMode != "ANSI_QUOTES" || sets[1].TimeZone != "UTC" {
		t.Fatalf("got %+v", sets)
	}
	p.do(wire.ComQuery, "SET time_zone=@saved", wire.Part{})
	p.do(wire.ComQuery, insertA, wire.Part{Affected: 1})
	p.expect(t, "committed A unclassified: insert/orders/1/")
}

func TestUnknownCommandMakesAnOpenTransactionUnknown(t *testing.T) {
	p := play(t)
	p.status |= wire.StatusInTrans
	p.do(wire.ComQuery, "BEGIN", wire.Part{})
	p.do(wire.ComQuery, insertA, wire.Part{Affected: 1})
	p.send(0x55, "what")
	p.expect(t, "unknown A unknown-commit: insert/orders/1/")
	p.do(wire.ComQuery, "COMMIT", wire.Part{})
	p.expect(t)
}

// ledger is a journal and a shadow in memory.
type ledger struct {
	next     uint64
	open     map[uint64]shadow.WriteSet
	done     map[uint64]bool // committed
	arrived  []uint64
	resolved []uint64
	broken   bool
}

func (l *ledger) Intent(payload []byte) (uint64, error) {
	if l.broken {
		return 0, errors.New("disk full")
	}
	var ws shadow.WriteSet
	if err := json.Unmarshal(payload, &ws); err != nil {
		return 0, err
	}
	l.next++
	l.open[l.next] = ws
	return l.next, nil
}

func (l *ledger) Outcome(seq uint64, committed bool, _ []byte) error {
	if l.broken {
		return errors.New("disk full")
	}
	delete(l.open, seq)
	l.done[seq] = committed
	return nil
}

func (l *ledger) Submit(seq uint64, ws shadow.WriteSet) {
	if ws.Outcome == shadow.Committed && ws.Cause == "" {
		l.arrived = append(l.arrived, seq)
	}
}
func (l *ledger) Resolve(seq uint64, _ shadow.WriteSet) { l.resolved = append(l.resolved, seq) }

func journaled(t *testing.T) (*played, *ledger) {
	l := &ledger{open: map[uint64]shadow.WriteSet{}, done: map[uint64]bool{}}
	p := play(t)
	p.shared.cfg.Journal, p.shared.cfg.Shadow = l, l
	return p, l
}

func TestIntentStandsInTheJournalBeforeTheCommitIsForwarded(t *testing.T) {
	p, l := journaled(t)
	auto := p.send(wire.ComQuery, insertA)
	if len(l.open) != 1 || l.open[1].Order != "A" {
		t.Fatalf("before an autocommit write is forwarded: %+v", l.open)
	}
	p.answer(auto, wire.Part{Affected: 1})
	p.status |= wire.StatusInTrans
	p.do(wire.ComQuery, "BEGIN", wire.Part{})
	p.do(wire.ComQuery, insertB, wire.Part{Affected: 1})
	if len(l.open) != 0 {
		t.Fatalf("a write inside a transaction needs no intent: %+v", l.open)
	}
	commit := p.send(wire.ComQuery, "COMMIT")
	if len(l.open) != 1 || l.open[2].Order != "B" {
		t.Fatalf("before COMMIT is forwarded: %+v", l.open)
	}
	p.status &^= wire.StatusInTrans
	p.answer(commit, wire.Part{})
	sets := p.seen.take()
	if len(sets) != 2 || !reflect.DeepEqual(l.done, map[uint64]bool{1: true, 2: true}) || !reflect.DeepEqual(l.arrived, []uint64{1, 2}) {
		t.Fatalf("sets %v, journal %v, arrived %v", brief(sets), l.done, l.arrived)
	}
}

func TestIntentThatDidNotCommitIsWithdrawn(t *testing.T) {
	p, l := journaled(t)
	p.do(wire.ComQuery, insertA, wire.Part{Err: &wire.ServerError{Code: 1062}})
	p.status |= wire.StatusInTrans
	p.do(wire.ComQuery, "BEGIN", wire.Part{})
	p.do(wire.ComQuery, insertB, wire.Part{Affected: 1})
	p.do(wire.ComQuery, "COMMIT", wire.Part{Err: &wire.ServerError{Code: 1213}})
	if !reflect.DeepEqual(l.done, map[uint64]bool{1: false, 2: false}) || len(l.open)+len(l.arrived) != 0 {
		t.Fatalf("open %v, done %v", l.open, l.done)
	}
}

func TestIntentWithoutAnswerStaysToBeResolved(t *testing.T) {
	p, l := journaled(t)
	p.OnClose([]*wire.Command{p.send(wire.ComQuery, insertA)})
	if len(l.open) != 1 || !reflect.DeepEqual(l.resolved, []uint64{1}) {
		t.Fatalf("open %v, to resolve %v", l.open, l.resolved)
	}
	p.expect(t, "unknown A unknown-commit: insert/orders/1/")
}

func TestJournalThatCannotBeWrittenStopsNothing(t *testing.T) {
	p, l := journaled(t)
	l.broken = true
	p.do(wire.ComQuery, insertA, wire.Part{Affected: 1})
	p.expect(t, setA)
	if !reflect.DeepEqual(l.arrived, []uint64{0}) {
		t.Fatalf("arrived %v", l.arrived)
	}
}

func TestPipelinedTransactionIsNotedWhole(t *testing.T) {
	p, l := journaled(t)
	begin, insert := p.send(wire.ComQuery, "BEGIN"), p.send(wire.ComQuery, insertA)
	commit := p.send(wire.ComQuery, "COMMIT")
	last := l.open[l.next]
	if len(last.Statements) != 1 || last.Order != "A" {
		t.Fatalf("the intent before COMMIT: %+v", last)
	}
	p.status |= wire.StatusInTrans
	p.answer(begin, wire.Part{})
	p.answer(insert, wire.Part{Affected: 1})
	p.status &^= wire.StatusInTrans
	p.answer(commit, wire.Part{})
	p.expect(t, setA)
	if len(l.open) != 0 || len(l.arrived) != 1 {
		t.Fatalf("open %v, arrived %v", l.open, l.arrived)
	}
}
