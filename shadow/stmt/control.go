package stmt

import "strings"

// ControlKind is what a statement does to the running transaction.
type ControlKind uint8

// The kinds of transaction control, as far as they can be told without parsing.
const (
	NoControl  ControlKind = iota // leaves the transaction alone
	Begin                         // BEGIN, START TRANSACTION: commits what ran before
	Commit                        // with or without AND CHAIN
	Rollback                      // of the whole transaction
	Savepoint                     // SAVEPOINT name
	RollbackTo                    // ROLLBACK TO name
	Release                       // RELEASE SAVEPOINT name
	Implicit                      // may commit by itself: DDL, LOCK TABLES, SET autocommit, ...
	Charset                       // SET NAMES and its like
	UseSchema                     // USE name
	Opaque                        // may do anything: CALL, EXECUTE, BEGIN NOT ATOMIC, ...
	XAStart                       // opens a distributed transaction, whose end this connection may never see
	XAOther                       // XA END, PREPARE, COMMIT, ROLLBACK, RECOVER
)

// Control is the transaction control of one statement.
type Control struct {
	Kind ControlKind
	Name string // of a savepoint or character set, lower case; of a schema
}

// ControlOf reads the first words of one statement.
func ControlOf(sql string, mode Mode) Control {
	w := words{lexer: lexer{src: sql, mode: mode}}
	switch first := w.next(); first {
	case "select", "insert", "update", "delete", "replace", "show", "with", "desc", "describe", "explain", "values", "table", "", "(", "do", "kill", "help":
		return Control{}
	case "use":
		return w.use()
	case "xa":
		if second := w.next(); second == "start" || second == "begin" {
			return Control{Kind: XAStart}
		}
		return Control{Kind: XAOther}
	case "begin":
		if w.next() == "not" {
			return Control{Kind: Opaque}
		}
		return Control{Kind: Begin}
	case "start":
		if w.next() == "transaction" {
			return Control{Kind: Begin}
		}
		return Control{Kind: Implicit}
	case "commit":
		return Control{Kind: Commit}
	case "rollback":
		return w.rollback()
	case "savepoint":
		return Control{Savepoint, w.next()}
	case "release":
		w.next()
		return Control{Release, w.next()}
	case "set":
		return w.set()
	case "create", "alter", "drop", "truncate", "rename", "grant", "revoke", "lock", "unlock", "analyze", "optimize", "repair", "check",
		"flush", "reset", "install", "uninstall", "cache", "load", "stop", "change":
		return Control{Kind: Implicit}
	}
	return Control{Kind: Opaque}
}

// ControlsOf reads every statement of a text that may hold several.
func ControlsOf(sql string, mode Mode) []Control {
	if !strings.Contains(sql, ";") {
		return []Control{ControlOf(sql, mode)}
	}
	var all []Control
	for _, part := range Split(sql, mode) {
		all = append(all, ControlOf(part, mode))
	}
	return all
}

// words gives the lower-case words and signs of a statement; "" = the end.
type words struct{ lexer }

func (w *words) next() string {
	for t, more := w.lexer.next(); more; t, more = w.lexer.next() {
		switch t.kind {
		case space, comment, executable:
		case quoted:
			return strings.ToLower(strings.ReplaceAll(strings.Trim(w.src[t.start:t.end], "`"), "``", "`"))
		case text:
			return strings.Trim(w.src[t.start:t.end], `'"`)
		default:
			return strings.ToLower(w.src[t.start:t.end])
		}
	}
	return ""
}

// use keeps the case of the schema's name.
func (w *words) use() Control {
	for t, more := w.lexer.next(); more; t, more = w.lexer.next() {
		if t.kind == quoted || t.kind == word || t.kind == number {
			return Control{UseSchema, strings.ReplaceAll(strings.Trim(w.src[t.start:t.end], "`"), "``", "`")}
		}
	}
	return Control{}
}

func (w *words) rollback() Control {
	next := w.next()
	if next == "work" {
		next = w.next()
	}
	if next != "to" {
		return Control{Kind: Rollback}
	}
	if next = w.next(); next == "savepoint" {
		next = w.next()
	}
	return Control{RollbackTo, next}
}

// set looks for what matters among the assignments. The server's status flags say what SET autocommit came to.
func (w *words) set() Control {
	first := w.next()
	if first == "statement" {
		return Control{Kind: Opaque}
	}
	found := Control{}
	for word := first; word != ""; word = w.next() {
		switch word = strings.TrimPrefix(strings.TrimPrefix(word, "@@"), "session."); word {
		case "autocommit", "password", "role", "default":
			return Control{Kind: Implicit}
		case "names", "charset":
			found = Control{Charset, strings.ToLower(w.next())}
		case "character":
			w.next()
			found = Control{Charset, strings.ToLower(w.next())}
		case "character_set_client", "character_set_connection":
			w.next()
			found = Control{Charset, strings.ToLower(w.next())}
		}
	}
	return found
}
