package stmt

import (
	"bytes"
	"strings"

	"github.com/seed-3356bd69/touchstone/shadow"
)

// Mark finds the release in a statement's mark, the comment gray='v2' before or behind the statement.
// A comment inside the statement, in a string, or with an invalid release is none. Text without a mark costs one search.
func Mark(sql []byte, mode Mode) (release string, ok bool) {
	if !bytes.Contains(sql, []byte("gray")) {
		return "", false
	}
	l := &lexer{src: string(sql), mode: mode}
	leading, trailing := true, ""
	for t, more := l.next(); more; t, more = l.next() {
		switch t.kind {
		case space:
			continue
		case comment:
			r, found := markOf(l.src[t.start:t.end])
			if found && leading {
				return r, true
			}
			if found {
				trailing = r
			}
			continue
		case other:
			if l.src[t.start] == ';' {
				continue
			}
		}
		leading, trailing = false, ""
	}
	return trailing, trailing != ""
}

// markOf reads key='value' pairs of one comment; the other keys are somebody else's.
func markOf(c string) (string, bool) {
	body, closed := strings.CutSuffix(strings.TrimPrefix(c, "/*"), "*/")
	if !closed || strings.HasPrefix(body, "+") {
		return "", false
	}
	for pair := range strings.SplitSeq(body, ",") {
		key, value, _ := strings.Cut(pair, "=")
		value = strings.TrimSpace(value)
		if strings.TrimSpace(key) != "gray" || len(value) < 2 || value[0] != '\'' || value[len(value)-1] != '\'' {
			continue
		}
		if release := value[1 : len(value)-1]; shadow.ValidRelease(release) {
			return release, true
		}
	}
	return "", false
}
