package divert

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/shadow/stmt"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

// rule names why a command was refused; it is a metric's label.
type rule string

const (
	ruleUnparsed rule = "unparsed" // the text could not be read
	ruleTooLong  rule = "too-long" // the text is longer than what is read of it
	ruleSchema   rule = "schema"   // another schema than the declared one
	ruleTable    rule = "table"    // a table that nobody declared: the shadow may have nothing of it
	ruleDDL      rule = "ddl"
	ruleAdmin    rule = "admin"    // concerns the server, or hides what it does
	ruleFunction rule = "function" // calls a function that is not known to change nothing
	ruleFile     rule = "file"     // writes a file on the server
	ruleSetting  rule = "setting"  // sets what is not a harmless variable of the session
	ruleCommand  rule = "command"  // a protocol command that is not allowed here
	ruleMixed    rule = "mixed"    // would need the shadow and the primary in one text, or more of the primary than a plain read
)

func rules() []rule {
	return []rule{ruleUnparsed, ruleTooLong, ruleSchema, ruleTable, ruleDDL, ruleAdmin, ruleFunction, ruleFile, ruleSetting, ruleCommand, ruleMixed}
}

// refused says which rule a command breaks, and what it names.
type refused struct {
	rule rule
	what string
}

// refusal is the ERR packet of a refused command.
func (r refused) refusal() *wire.Refusal {
	code := uint16(1235)
	if r.rule == ruleSchema || r.rule == ruleTable {
		code = 1142
	}
	text := "touchstone divert port: refused by rule " + string(r.rule)
	if r.what != "" {
		text += ": " + r.what
	}
	return &wire.Refusal{Code: code, State: "42000", Text: text}
}

// checkText reads every statement of a text, and says where the text is to go; nil means that all are allowed.
func (g *guards) checkText(mode stmt.Mode, cmd *wire.Command) *refused {
	text := string(cmd.Data)
	all, err := g.classifier.Classify(text, mode)
	if err != nil {
		return &refused{ruleUnparsed, ""}
	}
	if len(g.elsewhere) > 0 {
		if r := g.route(all, cmd); r != nil || cmd.Second {
			return r
		}
	}
	for _, s := range all {
		if r := check(g.schema, s); r != nil {
			return r
		}
		if r := g.checkTables(s); r != nil {
			return r
		}
		if changesReading(s, text) {
			return &refused{ruleSetting, "sql_mode"}
		}
	}
	return nil
}

// changesReading tells whether a session wants a mode in which the server would read strings otherwise than the classifier.
func changesReading(s stmt.Statement, text string) bool {
	if !slices.ContainsFunc(s.Settings, func(v stmt.Setting) bool { return v.Name == "sql_mode" }) {
		return false
	}
	text = strings.ToUpper(text)
	for _, mode := range []string{"NO_BACKSLASH_ESCAPES", "ANSI", "ORACLE", "MSSQL", "POSTGRESQL", "DB2", "MAXDB"} {
		if strings.Contains(text, mode) {
			return true
		}
	}
	return false
}

func check(schema string, s stmt.Statement) *refused {
	if r := checkSchemas(schema, s); r != nil {
		return r
	}
	switch {
	case s.Outfile:
		return &refused{ruleFile, s.Verb}
	case s.Class == stmt.DDL:
		return &refused{ruleDDL, ""}
	case s.Class == stmt.Admin:
		return &refused{ruleAdmin, s.Verb}
	}
	for _, f := range s.Functions {
		if f != "nextval" && f != "lastval" { // a sequence of the schema is a table that is written
			return &refused{ruleFunction, f}
		}
	}
	for _, v := range s.Settings {
		if v.Global || !v.User && !slices.Contains(settings(), v.Name) {
			return &refused{ruleSetting, v.Name}
		}
	}
	return nil
}

// checkSchemas allows the declared schema, and reading about it.
func checkSchemas(schema string, s stmt.Statement) *refused {
	reads := s.Class == stmt.Read || s.Class == stmt.Show
	allowed := func(name string) bool {
		return name == "" || name == schema || reads && strings.EqualFold(name, "information_schema")
	}
	for _, t := range s.Tables {
		if !allowed(t.Schema) {
			return &refused{ruleSchema, fmt.Sprintf("table %s.%s", t.Schema, t.Name)}
		}
	}
	for _, name := range s.Schemas {
		if !allowed(name) {
			return &refused{ruleSchema, name}
		}
	}
	return nil
}

// checkTables allows the declared tables, if any are.
func (g *guards) checkTables(s stmt.Statement) *refused {
	if len(g.known) == 0 {
		return nil
	}
	for _, t := range s.Tables {
		name := strings.ToLower(t.Name)
		declared := g.known[name] || strings.EqualFold(t.Schema, "information_schema") || t.Schema == "" && slices.Contains(s.Aliases, name)
		if !declared {
			return &refused{ruleTable, fmt.Sprintf("table %s is not declared; try: mysql.tables, or mysql.reference_tables and 'touchstone shadow prepare'", t.Name)}
		}
	}
	return nil
}

// route sends a text to the primary if each of its statements is a plain read of tables that are read there, and nothing
// else is in them.
func (g *guards) route(all []stmt.Statement, cmd *wire.Command) *refused {
	away := 0
	for _, s := range all {
		n := 0
		for _, t := range s.Tables {
			if g.elsewhere[strings.ToLower(t.Name)] && !slices.Contains(s.Aliases, strings.ToLower(t.Name)) {
				n++
			}
		}
		if n == 0 {
			continue
		}
		away++
		if r := g.plainRead(s, string(cmd.Data)); r != nil {
			return r
		}
	}
	switch {
	case away > 0 && away < len(all):
		return &refused{ruleMixed, "statements for the shadow and for the primary in one text"}
	case away > 0:
		cmd.Second = true
	default:
		cmd.Setting = slices.ContainsFunc(all, repeats)
		if cmd.Setting && cmd.Code == wire.ComStmtPrepare {
			return &refused{ruleSetting, "SET as a prepared statement; try: the text protocol"}
		}
	}
	return nil
}

// plainRead refuses what a table of the primary is not there for.
func (g *guards) plainRead(s stmt.Statement, text string) *refused {
	if r := check(g.schema, s); r != nil {
		return r
	}
	for _, t := range s.Tables {
		name := strings.ToLower(t.Name)
		switch {
		case slices.Contains(s.Aliases, name):
		case !g.elsewhere[name]:
			return &refused{ruleMixed, fmt.Sprintf("table %s is on the shadow; try: mysql.reference_tables for what is joined with it", t.Name)}
		case t.Schema != "":
			return &refused{ruleMixed, fmt.Sprintf("table %s is read from the primary, so its schema is not named", t.Name)}
		}
	}
	if s.Class != stmt.Read {
		return &refused{ruleMixed, fmt.Sprintf("%s of a table that is only read from the primary", s.Verb)}
	}
	if f := ofSession(text); f != "" {
		return &refused{ruleMixed, f + "() belongs to the session on the shadow"}
	}
	return nil
}

// ofSession names a function whose value the other server's session does not have; "" = there is none.
func ofSession(text string) string {
	text = strings.ToLower(text)
	for _, name := range []string{"last_insert_id", "found_rows", "row_count", "connection_id", "nextval", "lastval", "database", "schema"} {
		if at := strings.Index(text, name); at >= 0 && strings.HasPrefix(strings.TrimLeft(text[at+len(name):], " \t\r\n"), "(") {
			return name
		}
	}
	return ""
}

// repeats tells whether a statement sets what a read elsewhere could depend on. Transactions stay the shadow's.
func repeats(s stmt.Statement) bool {
	return slices.ContainsFunc(s.Settings, func(v stmt.Setting) bool {
		return v.Name != "autocommit" && !strings.HasPrefix(v.Name, "transaction_") && !strings.HasPrefix(v.Name, "tx_")
	})
}

// settings are the variables a session may set for itself.
func settings() []string {
	return []string{
		"names", "character_set_client", "character_set_connection", "character_set_results", "collation_connection",
		"sql_mode", "time_zone", "autocommit", "transaction_isolation", "tx_isolation", "tx_isolation_one_shot",
		"transaction_read_only", "tx_read_only", "wait_timeout", "interactive_timeout", "net_read_timeout", "net_write_timeout",
		"lock_wait_timeout", "innodb_lock_wait_timeout", "max_execution_time", "max_statement_time", "sql_safe_updates",
		"sql_select_limit", "sql_big_selects", "sql_auto_is_null", "sql_quote_show_create", "sql_notes", "sql_warnings",
		"foreign_key_checks", "unique_checks", "group_concat_max_len", "optimizer_switch", "timestamp", "last_insert_id", "insert_id",
		"query_cache_type", "session_track_schema", "session_track_system_variables", "session_track_transaction_info",
		"session_track_state_change", "session_track_gtids", "lc_messages", "lc_time_names", "div_precision_increment",
		"auto_increment_increment", "auto_increment_offset", "max_sort_length", "sort_buffer_size", "join_buffer_size", "tmp_table_size",
	}
}
