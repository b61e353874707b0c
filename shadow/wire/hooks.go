package wire

import "fmt"

// Command is one command of a client.
type Command struct {
	Code      byte   // a Com constant, or an unknown code
	Data      []byte // what follows the code, at most the capture limit; valid only during OnCommand
	Truncated bool   // the command is longer than Data
	Tail      []byte // of a truncated command: its last bytes, set before OnResult unless the server answered early
	Schema    string // ComLogin, ComChangeUser, ComInitDB: the schema asked for
	Collation uint16 // ComLogin, ComChangeUser: the connection's collation id, 0 = not told
	User      string // ComLogin, ComChangeUser
	Thread    uint32 // ComLogin: the server's id of the connection
	Multi     bool   // ComLogin: the client may send several statements in one text
	Second    bool   // the second server answers: the port says so of its statements, the session of texts
	Setting   bool   // the session says: once the server agreed, the second server must hear of it too
	Collect   int    // the session wants a copy of the result set, if it has at most so many bytes; 0 = none
	State     any    // the session's own, from OnCommand to OnResult

	Attributes []Attribute // ComQuery: the query attributes that are text
	Attributed bool        // ComStmtExecute: parameters carry names, and attributes may follow them
	Malformed  bool        // the attributes could not be read: Data is all that followed the code
}

// Result is the whole answer to one command.
type Result struct {
	Refused  bool      // answered by the relay: the server has not seen the command
	Parts    []Part    // one for each result of a multi-result, in order
	Overflow bool      // there were more results than are kept
	Prepared *Prepared // of a successful ComStmtPrepare

	Collected *Collected // what Collect asked for
}

// Part is one result: rows, an OK, or an error.
type Part struct {
	Rows         bool // a result set
	Affected     uint64
	LastInsertID uint64
	Status       uint16       // Status flags; meaningless with Err
	Err          *ServerError // nil = success
	Track        *Track       // what changed in the session; nil = nothing, or the client does not track
}

// Prepared is what the server said of a prepared statement.
type Prepared struct {
	ID     uint32
	Params int
}

// ServerError is an ERR packet without its text, which may hold values.
type ServerError struct {
	Code  uint16
	State string
}

// Error prints the code and the SQL state.
func (e *ServerError) Error() string { return fmt.Sprintf("mysql error %d (%s)", e.Code, e.State) }

// Refusal is the ERR packet a client gets instead of the server's answer.
type Refusal struct {
	Code  uint16
	State string // five characters
	Text  string
}

// Session watches one connection. Its calls never overlap. It must not block: the client's bytes wait for it.
// An OnResult is called before the last packet of the answer goes to the client.
type Session interface {
	// OnCommand is called before a command is forwarded; a Refusal keeps it from the server.
	OnCommand(cmd *Command) *Refusal
	// OnResult is called after the whole answer was seen. Commands without an answer have none.
	OnResult(cmd *Command, res *Result)
	// OnSent is called after the answer of the last OnResult went to the client: nobody waits for what it does but the
	// client's own next command.
	OnSent()
	// OnPanic is called after another method panicked; what the session knew may be wrong.
	OnPanic()
	// OnClose is called once, at the end, with the commands that were sent and got no whole answer.
	OnClose(unanswered []*Command)
}

// Opener makes the session of a new connection.
type Opener interface {
	Open(connection uint64) Session
}
