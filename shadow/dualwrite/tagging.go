package dualwrite

import (
	"strings"

	"github.com/seed-3356bd69/touchstone/shadow"
	"github.com/seed-3356bd69/touchstone/shadow/stmt"
	"github.com/seed-3356bd69/touchstone/shadow/wire"
)

// Tagging says what tags statements besides the comment in their own text, which always does.
//
//	comment          /* gray='v2' */ INSERT …                 this statement
//	query attribute  gray = v2, order = A1                    this statement; MySQL 8.0.23 and later
//	variable         SET @gray = 'v2'                         what follows on the connection, until NULL
//	user, port       logged in as pay_gray                    the whole connection
type Tagging struct {
	Release    string // of connections that are tagged as a whole
	Port       bool   // every connection of the port
	UserSuffix string // connections of users whose name ends so; "" = none
	Variable   bool   // the session variable @gray counts
}

// The names of query attributes.
const (
	attributeRelease = "gray"
	attributeOrder   = "order"
)

// session tells whether a statement may be tagged by what is not in its text.
func (t Tagging) session() bool {
	return t.Release != "" && (t.Port || t.UserSuffix != "") || t.Variable
}

// ofLogin gives the release of a whole connection; "" = none.
func (t Tagging) ofLogin(user string) string {
	if t.Port || t.UserSuffix != "" && strings.HasSuffix(user, t.UserSuffix) {
		return t.Release
	}
	return ""
}

// attributes gives the release and the order that query attributes name.
func attributes(all []wire.Attribute) (release, order string) {
	for _, a := range all {
		switch {
		case a.Name == attributeRelease && shadow.ValidRelease(a.Value):
			release = a.Value
		case a.Name == attributeOrder:
			order = a.Value
		}
	}
	return release, order
}

// setting is a session setting that decides what written values mean.
type setting struct {
	value   string
	known   bool // somebody set it; otherwise it is the server's default
	unclear bool // it was set to what only the server knows
}

// surroundings are a connection's settings as far as commands and answers told.
type surroundings struct {
	login   string // release of the whole connection
	release string // of the session variable, or of the connection
	zone    setting
	mode    setting
}

// assign takes the assignments of a SET that is sent now.
func (s *surroundings) assign(all []stmt.Assignment, variable bool) {
	for _, a := range all {
		switch a.Name {
		case "time_zone":
			s.zone = setting{a.Value, a.Literal, !a.Literal}
		case "sql_mode":
			s.mode = setting{a.Value, a.Literal, !a.Literal}
		case "@gray":
			if !variable {
				continue
			}
			if s.release = s.login; a.Literal && shadow.ValidRelease(a.Value) {
				s.release = a.Value
			}
		}
	}
}

// track takes what the server itself says of the settings.
func (s *surroundings) track(variables map[string]string) {
	if value, ok := variables["time_zone"]; ok {
		s.zone = setting{value: value, known: true}
	}
	if value, ok := variables["sql_mode"]; ok {
		s.mode = setting{value: value, known: true}
	}
}

// numbersZero tells whether 0 in a numbered column is a value of its own.
func (s *surroundings) numbersZero() bool {
	return s.mode.unclear || strings.Contains(strings.ToUpper(s.mode.value), "NO_AUTO_VALUE_ON_ZERO")
}
