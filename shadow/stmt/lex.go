package stmt

import "strings"

// Mode is what the server's SQL mode changes about reading text.
type Mode uint8

// NoBackslashEscapes says that a backslash in a string is an ordinary character.
const NoBackslashEscapes Mode = 1

type kind uint8

const (
	space kind = iota
	comment
	executable // the opening or closing of a comment whose content the server runs
	text       // quoted by ' or "
	quoted     // an identifier in backquotes
	number
	word
	param
	other
)

type token struct {
	kind       kind
	start, end int
}

// lexer cuts text into tokens. It never fails: what is not ended ends with the text.
type lexer struct {
	src   string
	mode  Mode
	at    int
	inRun bool // inside an executable comment
}

func (l *lexer) next() (token, bool) {
	if l.at >= len(l.src) {
		return token{}, false
	}
	start := l.at
	k := l.scan()
	return token{k, start, l.at}, true
}

func (l *lexer) scan() kind {
	rest, c := l.src[l.at:], l.src[l.at]
	switch {
	case isSpace(c):
		l.skip(isSpace)
		return space
	case strings.HasPrefix(rest, "/*"):
		return l.block(rest)
	case l.inRun && strings.HasPrefix(rest, "*/"):
		l.at, l.inRun = l.at+2, false
		return executable
	case c == '#', strings.HasPrefix(rest, "--") && (len(rest) == 2 || rest[2] <= ' '):
		l.line(rest)
		return comment
	case c == '\'' || c == '"':
		l.quote(c, l.mode&NoBackslashEscapes == 0)
		return text
	case c == '`':
		l.quote(c, false)
		return quoted
	case c == '?':
		l.at++
		return param
	case isDigit(c):
		l.skip(isNumber)
		return number
	case isWord(c):
		return l.word()
	}
	l.at++
	return other
}

func (l *lexer) word() kind {
	start := l.at
	l.skip(isWord)
	if w := l.src[start:l.at]; len(w) == 1 && l.at < len(l.src) && l.src[l.at] == '\'' && strings.Contains("xXbBnN", w) {
		l.quote('\'', l.mode&NoBackslashEscapes == 0)
		return text
	}
	return word
}

// block reads a comment. Of an executable one only the opening is a token; its content follows.
func (l *lexer) block(rest string) kind {
	run := len("/*!")
	switch {
	case strings.HasPrefix(rest, "/*!"):
	case strings.HasPrefix(rest, "/*M!"):
		run++
	default:
		if end := strings.Index(rest[2:], "*/"); end >= 0 {
			l.at += end + 4
		} else {
			l.at = len(l.src)
		}
		return comment
	}
	l.at, l.inRun = l.at+run, true
	l.skip(isDigit)
	return executable
}

func (l *lexer) line(rest string) {
	if end := strings.IndexByte(rest, '\n'); end >= 0 {
		l.at += end + 1
	} else {
		l.at = len(l.src)
	}
}

func (l *lexer) quote(mark byte, escapes bool) {
	for l.at++; l.at < len(l.src); l.at++ {
		switch c := l.src[l.at]; {
		case c == '\\' && escapes:
			l.at++
		case c == mark:
			if l.at+1 < len(l.src) && l.src[l.at+1] == mark {
				l.at++
				continue
			}
			l.at++
			return
		}
	}
	l.at = len(l.src)
}

func (l *lexer) skip(while func(byte) bool) {
	for l.at < len(l.src) && while(l.src[l.at]) {
		l.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' || c == 0 }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isNumber(c byte) bool {
	return isWord(c) || c == '.'
}
func isWord(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '$' || c == '@' || c >= 0x80
}
