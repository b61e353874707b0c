package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var errAnswer = errors.New("malformed answer")

const maxParts = 256

// shape says where the answer to a command begins.
type shape uint8

const (
	shapeQuery     shape = iota + 1 // OK, ERR, file request or result set, and more of them
	shapeOne                        // one packet
	shapePrepare                    // statement id and definitions
	shapeRows                       // rows of an open cursor
	shapeFieldList                  // definitions to the end
	shapeAuth                       // an authentication exchange
)

func answerShape(code byte) (shape, bool) {
	switch code {
	case ComQuery, ComStmtExecute, ComStmtBulkExecute, ComProcessInfo:
		return shapeQuery, true
	case ComInitDB, ComCreateDB, ComDropDB, ComRefresh, ComShutdown, ComProcessKill, ComDebug, ComPing, ComSetOption, ComStmtReset, ComResetConnection, ComStatistics:
		return shapeOne, true
	case ComStmtPrepare:
		return shapePrepare, true
	case ComStmtFetch:
		return shapeRows, true
	case ComFieldList:
		return shapeFieldList, true
	case ComChangeUser:
		return shapeAuth, true
	}
	return 0, false
}

// answer follows the packets of one command's answer.
//
//	first ─┬─ OK ──────────────────────────────┬─ more results: first
//	       ├─ file request ─ (client) ─ first  │
//	       ├─ columns ─ [EOF] ─ rows ─ EOF/OK ─┘
//	       └─ ERR                              └─ done
type answer struct {
	code   byte
	caps   uint32
	step   func(a *answer, b []byte, length int) (bool, error)
	left   int                                                 // definitions still to come in this group
	groups []int                                               // further groups of definitions
	then   func(a *answer, b []byte, length int) (bool, error) // after the last group; nil = the answer is complete
	rows   bool                                                // rows are coming, which may begin like an OK
	infile bool                                                // the server asked for a file: the client's next packets are its content
	result Result
	copied *Collected // nil = nobody wants the rows
}

func newAnswer(code byte, caps uint32) *answer {
	a := &answer{code: code, caps: caps}
	kind, _ := answerShape(code)
	if code == ComLogin {
		kind = shapeAuth
	}
	switch kind {
	case shapeQuery:
		a.step = (*answer).first
	case shapePrepare:
		a.step = (*answer).prepared
	case shapeRows:
		a.step, a.rows = (*answer).row, true
	case shapeFieldList:
		a.step = (*answer).field
	case shapeAuth:
		a.step = (*answer).auth
	default:
		a.step = (*answer).one
	}
	return a
}

// prefix is how many bytes of a packet that begins with mark are to be looked at.
func (a *answer) prefix(mark byte) int {
	if a.copied != nil && !a.copied.Over {
		return maxCollected
	}
	if a.caps&capSessionTrack != 0 && (mark == markEOF || mark == markOK && !a.rows) {
		return okPrefix
	}
	return answerPrefix
}

// packet takes the first bytes of one whole packet and its length; true means the answer is complete.
func (a *answer) packet(b []byte, length int) (bool, error) {
	if len(b) == 0 {
		return false, fmt.Errorf("%w: empty packet", errAnswer)
	}
	a.infile = false
	return a.step(a, b, length)
}

func (a *answer) first(b []byte, length int) (bool, error) {
	switch b[0] {
	case markOK:
		return a.ok(b)
	case markErr:
		return a.fail(b)
	case markInfile:
		a.infile = true
		return false, nil
	}
	count, size := lenenc(b)
	if size == 0 || size != length || count == 0 || count > 1<<16 { // metadata caching, which would add a byte, is withheld
		return false, fmt.Errorf("%w: column count", errAnswer)
	}
	a.define((*answer).row, int(count))
	return false, nil
}

// define expects groups of definitions, each with an EOF behind it unless those are deprecated, then next.
func (a *answer) define(next func(*answer, []byte, int) (bool, error), groups ...int) {
	a.left, a.groups, a.then, a.step = 0, groups, next, (*answer).definition
	a.nextGroup()
}

func (a *answer) nextGroup() bool {
	for len(a.groups) > 0 {
		a.left, a.groups = a.groups[0], a.groups[1:]
		if a.left > 0 {
			a.step = (*answer).definition
			return true
		}
	}
	return false
}

func (a *answer) definition(b []byte, length int) (bool, error) {
	if len(b) > 0 && b[0] == markErr {
		return a.fail(b)
	}
	a.copied.definition(b, length)
	if a.left--; a.left > 0 {
		return false, nil
	}
	if a.caps&capDeprecateEOF == 0 {
		a.step = (*answer).definitionsEnd
		return false, nil
	}
	return a.proceed()
}

func (a *answer) definitionsEnd(b []byte, length int) (bool, error) {
	if b[0] == markErr {
		return a.fail(b)
	}
	if b[0] != markEOF || length >= 9 || len(b) < 5 {
		return false, fmt.Errorf("%w: no EOF behind definitions", errAnswer)
	}
	status := binary.LittleEndian.Uint16(b[3:])
	if a.code == ComStmtExecute && status&StatusCursorExists != 0 {
		return a.end(Part{Rows: true, Status: status})
	}
	return a.proceed()
}

// proceed goes on behind a group of definitions; without a next step the answer is complete.
func (a *answer) proceed() (bool, error) {
	if a.nextGroup() {
		return false, nil
	}
	if a.step = a.then; a.step == nil {
		return true, nil
	}
	a.rows = true
	return false, nil
}

func (a *answer) row(b []byte, length int) (bool, error) {
	if b[0] == markErr {
		return a.fail(b)
	}
	if b[0] != markEOF || length == maxPacket || a.caps&capDeprecateEOF == 0 && length >= 9 {
		a.copied.row(b, length)
		return false, nil
	}
	if a.caps&capDeprecateEOF == 0 {
		return a.eof(b)
	}
	return a.rowsOK(b, length)
}

func (a *answer) eof(b []byte) (bool, error) {
	if len(b) < 5 {
		return false, fmt.Errorf("%w: short EOF", errAnswer)
	}
	return a.end(Part{Rows: true, Status: binary.LittleEndian.Uint16(b[3:])})
}

func (a *answer) rowsOK(b []byte, length int) (bool, error) {
	if length == 5 { // servers that send a plain EOF here: warnings before status
		return a.eof(b)
	}
	part, err := parseOK(b, a.caps)
	if err != nil {
		return false, err
	}
	part.Rows = true
	return a.end(part)
}

func (a *answer) ok(b []byte) (bool, error) {
	part, err := parseOK(b, a.caps)
	if err != nil {
		return false, err
	}
	return a.end(part)
}

// end closes one result; a flag says whether another follows.
func (a *answer) end(p Part) (bool, error) {
	a.keep(p)
	a.rows = false
	if a.copied != nil && (p.Status&(StatusMoreResults|StatusCursorExists) != 0 || !p.Rows) {
		a.copied.Over = true
	}
	if p.Status&StatusMoreResults != 0 && a.code != ComStmtFetch {
		a.step = (*answer).first
		return false, nil
	}
	return true, nil
}

func (a *answer) fail(b []byte) (bool, error) {
	e, err := parseErr(b)
	if err != nil {
		return false, err
	}
	a.keep(Part{Err: e})
	return true, nil
}

func (a *answer) keep(p Part) {
	if len(a.result.Parts) == maxParts {
		a.result.Overflow = true
		return
	}
	a.result.Parts = append(a.result.Parts, p)
}

func (a *answer) one(b []byte, length int) (bool, error) {
	switch {
	case b[0] == markErr:
		return a.fail(b)
	case a.code == ComStatistics:
		return true, nil
	case b[0] == markOK:
		return a.ok(b)
	case b[0] == markEOF && length < 9:
		return a.eof(b)
	}
	return false, fmt.Errorf("%w: neither OK, EOF nor ERR", errAnswer)
}

func (a *answer) field(b []byte, length int) (bool, error) {
	if b[0] == markErr {
		return a.fail(b)
	}
	return b[0] == markEOF && length < maxPacket, nil
}

func (a *answer) auth(b []byte, _ int) (bool, error) {
	switch b[0] {
	case markOK:
		return a.ok(b)
	case markErr:
		return a.fail(b)
	}
	return false, nil // switch of method, more data, or next factor
}

func (a *answer) prepared(b []byte, _ int) (bool, error) {
	if b[0] == markErr {
		return a.fail(b)
	}
	if b[0] != markOK || len(b) < 9 {
		return false, fmt.Errorf("%w: prepare", errAnswer)
	}
	columns, params := int(binary.LittleEndian.Uint16(b[5:])), int(binary.LittleEndian.Uint16(b[7:]))
	a.result.Prepared = &Prepared{ID: binary.LittleEndian.Uint32(b[1:]), Params: params}
	if params+columns == 0 {
		return true, nil
	}
	a.define(nil, params, columns)
	return false, nil
}

// parseOK reads an OK packet, whole or its beginning.
func parseOK(b []byte, caps uint32) (Part, error) {
	affected, n := lenenc(b[1:])
	if n == 0 {
		return Part{}, fmt.Errorf("%w: OK", errAnswer)
	}
	last, m := lenenc(b[1+n:])
	if m == 0 || len(b) < 1+n+m+2 {
		return Part{}, fmt.Errorf("%w: OK", errAnswer)
	}
	p := Part{Affected: affected, LastInsertID: last, Status: binary.LittleEndian.Uint16(b[1+n+m:])}
	if caps&capSessionTrack != 0 && p.Status&statusStateChanged != 0 && len(b) > 1+n+m+4 {
		p.Track = readTrack(b[1+n+m+4:])
	}
	return p, nil
}

func parseErr(b []byte) (*ServerError, error) {
	if len(b) < 3 {
		return nil, fmt.Errorf("%w: ERR", errAnswer)
	}
	e := &ServerError{Code: binary.LittleEndian.Uint16(b[1:])}
	if len(b) >= 9 && b[3] == '#' {
		e.State = string(b[4:9])
	}
	return e, nil
}
