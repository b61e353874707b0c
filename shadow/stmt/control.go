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
	Kind     ControlKind
	Name     string       // of a savepoint or character set, lower case; of a schema
	Assigned []Assignment // of a SET: what it says of time_zone, sql_mode and @gray
}

// Assignment is one assignment of a SET to a variable of the session that matters to write sets.
type Assignment struct {
	Name    string // time_zone, sql_mode or @gray
	Value   string
	Literal bool // Value is what the text says; otherwise only the server knows it
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
		return Control{Kind: Savepoint, Name: w.next()}
	case "release":
		w.next()
		return Control{Kind: Release, Name: w.next()}
	case "set":
		return w.set()
	case "create", "alter", "drop", "truncate", "rename", "grant", "revoke", "lock", "unlock", "analyze", "optimize", "repair", "check",
		"flush", "reset", "install", "uninstall", "cache", "load", "stop", "change":
		return Control{Kind: Implicit}
	}
	return Control{Kind: Opaque}
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
			return Control{Kind: UseSchema, Name: strings.ReplaceAll(strings.Trim(w.src[t.start:t.end], "`"), "``", "`")}
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
	return Control{Kind: RollbackTo, Name: next}
}

// set looks for what matters among the assignments. The server's status flags say what SET autocommit came to.
func (w *words) set() Control {
	first := w.next()
	if first == "statement" {
		return Control{Kind: Opaque}
	}
	found, assigned := Control{}, []Assignment(nil)
	global := false
	for word := first; word != ""; word = w.next() {
		switch word = strings.TrimPrefix(strings.TrimPrefix(word, "@@"), "session."); word {
		case "autocommit", "password", "role", "default":
			return Control{Kind: Implicit, Assigned: assigned}
		case "names", "charset":
			found = Control{Kind: Charset, Name: strings.ToLower(w.next())}
		case "character":
			w.next()
			found = Control{Kind: Charset, Name: strings.ToLower(w.next())}
		case "character_set_client", "character_set_connection":
			w.next()
			found = Control{Kind: Charset, Name: strings.ToLower(w.next())}
		case "global", "persist", "persist_only":
			global = true
		case "time_zone", "sql_mode", "@gray":
			a := w.assignment(word)
			if global && word != "@gray" { // the word holds for what follows too, on some servers
				a = Assignment{Name: word}
			}
			assigned = append(assigned, a)
		}
	}
	found.Assigned = assigned
	return found
}

// assignment reads "= 'value'" behind a variable's name. Anything but one string, NULL or DEFAULT is not literal.
func (w *words) assignment(name string) Assignment {
	if sign := w.next(); sign == ":" {
		w.next()
	} else if sign != "=" {
		return Assignment{Name: name}
	}
	for t, more := w.lexer.next(); more; t, more = w.lexer.next() {
		switch {
		case t.kind == space || t.kind == comment:
			continue
		case t.kind == text && w.ends():
			value := w.src[t.start:t.end]
			if value = value[1:max(1, len(value)-1)]; strings.ContainsAny(value, "\\'\"") {
				return Assignment{Name: name}
			}
			return Assignment{name, value, true}
		case name == "@gray" && strings.EqualFold(w.src[t.start:t.end], "null") && w.ends():
			return Assignment{Name: name, Literal: true}
		}
		return Assignment{Name: name}
	}
	return Assignment{Name: name}
}

// ends tells whether the assignment's value is complete: a comma or the end of the statement follows.
func (w *words) ends() bool {
	rest := strings.TrimLeft(w.src[w.at:], " \t\r\n")
	return rest == "" || rest[0] == ',' || rest[0] == ';' || strings.HasPrefix(rest, "/*") && !strings.HasPrefix(rest, "/*!") && !strings.HasPrefix(rest, "/*M!")
}
