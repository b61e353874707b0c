package shadow

import "time"

// CommitOutcome is what is known of a transaction's end.
type CommitOutcome string

// The outcomes of a transaction whose COMMIT was sent.
const (
	Committed      CommitOutcome = "committed"
	CommitUnknown  CommitOutcome = "unknown"  // the connection died between COMMIT and its OK, or the effect could not be read
	NothingWritten CommitOutcome = "no-write" // committed, but changed no row
)

// WriteSet is the writes of one committed database transaction, in order.
type WriteSet struct {
	ID         string        `json:"id"` // unique
	Side       Side          `json:"side"`
	Release    string        `json:"release"`
	Order      string        `json:"order"` // business key; "" when no statement yielded it
	Outcome    CommitOutcome `json:"outcome"`
	Cause      string        `json:"cause,omitempty"` // why it is unknown or cannot be applied: a Cause constant
	Statements []Statement   `json:"statements"`
	Sealed     time.Time     `json:"sealed"`              // when the server's OK was seen
	Thread     uint32        `json:"thread,omitempty"`    // the server's id of the connection; 0 = not known
	Position   string        `json:"position,omitempty"`  // GTID in the primary's log; "" = not known
	TimeZone   string        `json:"time_zone,omitempty"` // of the session, in which TIMESTAMP values are meant; "" = the server's default
	SQLMode    *string       `json:"sql_mode,omitempty"`  // of the session; nil = the server's default
}

// Statement is one write as the wire showed it.
type Statement struct {
	Verb         string   `json:"verb"`             // insert, update, delete, replace, ...
	Table        string   `json:"table"`            // "" when it could not be told
	Text         string   `json:"text"`             // SQL with literals replaced by ?
	Rows         []Row    `json:"rows,omitempty"`   // after-images: of inserts by value, and of everything read from the row log
	Before       []Row    `json:"before,omitempty"` // images before, from the row log: of an update row by row with Rows, of a delete alone
	Key          []string `json:"key,omitempty"`    // columns that name a row, from the row log
	Deltas       []Delta  `json:"deltas,omitempty"` // what was added to amounts in rows that orders share
	Affected     uint64   `json:"affected"`         // rows, from the server's OK
	LastInsertID uint64   `json:"last_insert_id"`   // from the server's OK; 0 = none
	Cause        string   `json:"cause,omitempty"`  // why Rows could not be told
}

// Delta is what a statement added to one amount in a row that many orders change, such as a balance.
type Delta struct {
	Row    string `json:"row"` // its key: "id=7"
	Column string `json:"column"`
	By     string `json:"by"` // decimal, signed
}

// Row is one row's columns in the order of the statement.
type Row struct {
	Columns []string `json:"columns"`
	Values  []Value  `json:"values"`
}

// ApplyState is where a write set is on its way to the shadow.
type ApplyState string

// The states of a write set of a database cutover.
const (
	ApplyPending ApplyState = "pending"
	Applied      ApplyState = "applied"
	ApplyFailed  ApplyState = "failed"  // the shadow refused it
	ApplyDropped ApplyState = "dropped" // no room, or shutdown came first
	ApplyUnknown ApplyState = "unknown" // the shadow's COMMIT got no answer
)
