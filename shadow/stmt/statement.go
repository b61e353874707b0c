package stmt

import "strings"

// Class says what a statement does.
type Class uint8

// The classes. A statement of none of them is an error of Classify.
const (
	Read           Class = iota + 1 // reads, and calls only functions known to change nothing
	LockingRead                     // SELECT ... FOR UPDATE and its like
	CallingRead                     // calls a function that is not known to change nothing: counts as a write
	Insert                          // INSERT
	Replace                         // REPLACE
	Update                          // UPDATE
	Delete                          // DELETE
	TransactionEnd                  // BEGIN, COMMIT, ROLLBACK, savepoints
	Set                             // assignments of variables
	Use                             // USE schema
	Show                            // SHOW, DESCRIBE, EXPLAIN of a read
	DDL                             // commits implicitly
	Admin                           // everything else the parser knows
)

// Table names a table; Schema is "" when the text does not say it.
type Table struct{ Schema, Name string }

// Statement is one classified statement.
type Statement struct {
	Class     Class
	Verb      string        // lower case, for records: "insert", "commit", ...
	Target    Table         // of a write to one table, or a read of one
	Tables    []Table       // all tables named anywhere
	Aliases   []string      // other names of tables and queries in it, lower case; some stand among Tables too
	Schemas   []string      // schemas named otherwise: USE, SHOW FROM, functions, columns
	Functions []string      // called functions that are not known to change nothing, lower case
	Outfile   bool          // SELECT ... INTO OUTFILE
	Insert    *InsertValues // Insert and Replace
	Where     []Equal       // Update, Delete and Read of one table: what must hold, as far as it is column = value
	Changes   []Change      // Update of one table
	Settings  []Setting     // Set
	Params    int           // placeholders
	Ordered   bool          // a read with ORDER BY
	Limited   bool          // a read with LIMIT
	Varies    bool          // calls or names what another session or moment answers otherwise: NOW(), RAND(), @x
	Masked    string        // text without literals
}

// Writes tells whether rows of a table are written.
func (s Statement) Writes() bool {
	return s.Class == Insert || s.Class == Replace || s.Class == Update || s.Class == Delete
}

// InsertValues is what an INSERT or REPLACE says it writes.
type InsertValues struct {
	Columns     []string // empty: not said
	Rows        [][]Value
	Ignore      bool
	OnDuplicate bool
	Select      bool
}

// Change is one assignment of an UPDATE.
type Change struct {
	Column string
	Delta  bool  // column = column + By, or - By; otherwise the column gets a value of any other kind
	Minus  bool  // of a delta
	By     Value // of a delta: a literal or a parameter
}

// Equal is one condition column = value.
type Equal struct {
	Column string
	Value  Value
}

// Setting is one assignment of SET.
type Setting struct {
	Name   string // lower case
	Global bool
	User   bool // @name
}

// ValueKind says how much of a value the text tells.
type ValueKind uint8

// The kinds of values.
const (
	Literal ValueKind = iota + 1
	Null
	Param     // the placeholder number Index
	ByDefault // DEFAULT
	Computed  // only the server knows
)

// Value is one value in the text.
type Value struct {
	Kind   ValueKind
	Text   string
	Binary bool // Text holds bytes
	Hex    bool // written as x'..' or b'..': a number to a numeric column, bytes to others
	Index  int  // of a Param, from 0
}

// Quote gives a name as SQL text.
func Quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
