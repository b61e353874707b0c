package dualwrite

import (
	"encoding/binary"
	"log/slog"
	"reflect"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

// played is a recorder that is told commands and answers by hand, as no driver would send them.
type played struct {
	*Recorder
	seen   *notes
	status uint16
}

func play(t *testing.T) *played {
	t.Helper()
	seen := &notes{}
	rs := New(Config{Port: "p", Side: shadow.Primary, Mode: Apply, Tables: tables(), MaxRows: 5, Observer: seen,
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	p := &played{Recorder: rs.Recorder(1), seen: seen, status: wire.StatusAutocommit}
	p.do(wire.ComLogin, "", wire.Part{})
	return p
}

func (p *played) send(code byte, data string) *wire.Command {
	cmd := &wire.Command{Code: code, Data: []byte(data)}
	p.OnCommand(cmd)
	cmd.Data = nil
	return cmd
}

func (p *played) answer(cmd *wire.Command, part wire.Part) {
	part.Status = p.status
	p.OnResult(cmd, &wire.Result{Parts: []wire.Part{part}})
	p.OnSent()
}

func (p *played) do(code byte, data string, part wire.Part) { p.answer(p.send(code, data), part) }

func (p *played) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := brief(p.seen.take()); !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %q\nwant %q", got, want)
	}
}

const insertParam = mark + "INSERT INTO orders (order_no, amount) VALUES (?, 1)"

func executeText(id uint32, order string, bound bool) string {
	b := binary.LittleEndian.AppendUint32(nil, id)
	b = append(b, 0, 1, 0, 0, 0, 0)
	if bound {
		b = append(b, 1, 0xfe, 0)
	} else {
		b = append(b, 0)
	}
	return string(append(append(b, byte(len(order))), order...))
}

func (p *played) prepare(id uint32, sql string, params int) {
	cmd := p.send(wire.ComStmtPrepare, sql)
	p.OnResult(cmd, &wire.Result{Prepared: &wire.Prepared{ID: id, Params: params}})
	p.OnSent()
}

func TestStatementIdsAreReusedAndTypesRemembered(t *testing.T) {
	p, one := play(t), wire.Part{Affected: 1}
	p.prepare(1, insertParam, 1)
	p.do(wire.ComStmtExecute, executeText(1, "A", true), one)
	p.do(wire.ComStmtExecute, executeText(1, "B", false), one)
	p.expect(t, setA, setB)
	p.send(wire.ComStmtClose, "\x01\x00\x00\x00")
	p.prepare(1, "INSERT INTO orders (order_no) VALUES (?)", 1) // the same id, now untagged
	p.do(wire.ComStmtExecute, executeText(1, "A", true), one)
	p.expect(t)
	p.do(wire.ComStmtExecute, executeText(99, "A", true), one) // prepared before anybody looked
	p.expect(t)
	p.prepare(2, insertParam, 1)
	p.do(wire.ComStmtExecute, executeText(2, "A", false), one) // its types were never told
	p.expect(t, "committed  unclassified: insert/orders/0/unclassified")
}

func TestLastPreparedIsKnownBeforeItsAnswer(t *testing.T) {
	p := play(t)
	prepare := p.send(wire.ComStmtPrepare, insertParam)
	execute := p.send(wire.ComStmtExecute, executeText(wire.LastPrepared, "A", true))
	p.OnResult(prepare, &wire.Result{Prepared: &wire.Prepared{ID: 7, Params: 1}})
	p.OnSent()
	p.answer(execute, wire.Part{Affected: 1})
	p.expect(t, setA)
}

func TestLongDataIsPartOfTheRow(t *testing.T) {
	p := play(t)
	p.prepare(1, mark+"INSERT INTO orders (order_no, amount) VALUES (?, ?)", 2)
	run := "\x01\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01\xfc\x00\x01\x00\x05"
	p.send(wire.ComStmtSendLong, "\x01\x00\x00\x00\x00\x00A")
	p.do(wire.ComStmtExecute, run, wire.Part{Affected: 1})
	p.expect(t, setA)
	p.send(wire.ComStmtSendLong, "\x01\x00\x00\x00\x00\x00X")
	p.do(wire.ComStmtReset, "\x01\x00\x00\x00", wire.Part{})
	p.send(wire.ComStmtSendLong, "\x01\x00\x00\x00\x00\x00B")
	p.do(wire.ComStmtExecute, run, wire.Part{Affected: 1})
	p.expect(t, setB)
	p.send(wire.ComStmtSendLong, "\x01\x00\x00\x00\x00\x00"+string(make([]byte, maxLongData)))
	p.do(wire.ComStmtExecute, run, wire.Part{Affected: 1})
	p.expect(t, "committed  unclassified: insert/orders/0/unclassified")
}

func TestCommitErrorsLeaveTheEndOpen(t *testing.T) {
	for code, want := range map[uint16][]string{
		1053: {"unknown A unknown-commit: insert/orders/1/"}, // the server went down meanwhile
		1213: nil, 1064: nil,
	} {
		p := play(t)
		p.status |= wire.StatusInTrans
		p.do(wire.ComQuery, "BEGIN", wire.Part{})
		p.do(wire.ComQuery, insertA, wire.Part{Affected: 1})
		p.do(wire.ComQuery, "COMMIT", wire.Part{Err: &wire.ServerError{Code: code}})
		p.expect(t, want...)
	}
}

func TestTimeoutThatRollsBackTheWholeTransaction(t *testing.T) {
	p := play(t)
	p.tx.rollbackOnTimeout = true
	p.status |= wire.StatusInTrans
	p.do(wire.ComQuery, "BEGIN", wire.Part{})
	p.do(wire.ComQuery, insertA, wire.Part{Affected: 1})
	p.do(wire.ComQuery, "UPDATE x SET a=1", wire.Part{Err: &wire.ServerError{Code: errLockTimeout}})
	p.do(wire.ComQuery, "COMMIT", wire.Part{})
	p.expect(t)
}

func TestServerThatDoesNotReportTransactions(t *testing.T) {
	p := play(t)
	p.do(wire.ComQuery, "BEGIN", wire.Part{})
	p.do(wire.ComQuery, insertA, wire.Part{Affected: 1})
	p.expect(t) // nothing is sealed before COMMIT
	p.do(wire.ComQuery, "ROLLBACK", wire.Part{})
	p.do(wire.ComQuery, "BEGIN", wire.Part{})
	p.do(wire.ComQuery, insertB, wire.Part{Affected: 1})
	p.do(wire.ComQuery, "COMMIT", wire.Part{})
	p.expect(t, setB)
}

func TestTransactionThatEndsUnseenIsUnknown(t *testing.T) {
	p := play(t)
	p.status |= wire.StatusInTrans
	p.do(wire.ComQuery, "BEGIN", wire.Part{})
	p.do(wire.ComQuery, insertA, wire.Part{Affected: 1})
	p.status &^= wire.StatusInTrans
	p.do(wire.ComQuery, "SELECT 1", wire.Part{Rows: true})
	p.expect(t, "unknown A unknown-commit: insert/orders/1/")
	p.do(wire.ComQuery, insertB, wire.Part{Affected: 1})
	p.expect(t, setB)
}

func TestResetAndChangeUserDropWhatIsOpen(t *testing.T) {
	for _, code := range []byte{wire.ComResetConnection, wire.ComChangeUser} {
		p := play(t)
		p.prepare(1, insertParam, 1)
		p.status |= wire.StatusInTrans
		p.do(wire.ComQuery, "BEGIN", wire.Part{})
		p.do(wire.ComQuery, insertA, wire.Part{Affected: 1})
		p.status &^= wire.StatusInTrans
		p.do(code, "", wire.Part{})
		p.do(wire.ComStmtExecute, executeText(1, "A", true), wire.Part{Err: &wire.ServerError{Code: 1243}})
		p.do(wire.ComQuery, insertB, wire.Part{Affected: 1})
		p.expect(t, setB)
	}
}

func TestTextInAnotherCharacterSetIsNotCopied(t *testing.T) {
	p := play(t)
	latin := mark + "INSERT INTO orders (order_no, amount, note) VALUES ('A', 1, '\xe9')"
	p.do(wire.ComQuery, "SET NAMES latin1", wire.Part{})
	p.do(wire.ComQuery, latin, wire.Part{Affected: 1})
	p.do(wire.ComQuery, insertA, wire.Part{Affected: 1})
	p.do(wire.ComQuery, "SET NAMES utf8mb4", wire.Part{})
	p.do(wire.ComQuery, latin, wire.Part{Affected: 1})
	p.expect(t, "committed A unclassified: insert/orders/0/unclassified", setA, setA)
}

func TestHugeTransactionIsNotKept(t *testing.T) {
	p := play(t)
	p.status |= wire.StatusInTrans
	p.do(wire.ComQuery, "BEGIN", wire.Part{})
	for range 50 {
		p.do(wire.ComQuery, insertA, wire.Part{Affected: 1})
	}
	p.do(wire.ComQuery, "COMMIT", wire.Part{})
	sets := p.seen.take()
	if len(sets) != 1 || sets[0].Cause != shadow.CauseUnclassified || len(sets[0].Statements) > 6 {
		t.Fatalf("%+v", sets)
	}
}

func TestPanicGivesUpTheTransaction(t *testing.T) {
	p := play(t)
	p.status |= wire.StatusInTrans
	p.do(wire.ComQuery, "BEGIN", wire.Part{})
	p.do(wire.ComQuery, insertA, wire.Part{Affected: 1})
	p.OnPanic()
	p.do(wire.ComQuery, insertA, wire.Part{Affected: 1})
	p.do(wire.ComQuery, "COMMIT", wire.Part{})
	gone := "unknown A unclassified: insert/orders/1/"
	p.expect(t, gone, gone)
}

func TestObserveModeForgivesUpdates(t *testing.T) {
	p := play(t)
	p.shared.cfg.Mode = Observe
	p.do(wire.ComQuery, mark+"UPDATE orders SET amount=2 WHERE order_no='A' AND amount=1", wire.Part{Affected: 1})
	p.do(wire.ComQuery, mark+"UPDATE orders SET amount=2 WHERE amount=1", wire.Part{Affected: 1})
	p.do(wire.ComQuery, mark+"DELETE FROM audit", wire.Part{Affected: 1})
	p.expect(t, "committed A : update/orders/0/not-insert", "committed  no-key: update/orders/0/not-insert", "committed  unkeyed-table: delete/audit/0/unkeyed-table")
}
