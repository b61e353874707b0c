package framing

var (
	space = []byte(" ")
	colon = []byte(":")
	comma = []byte(",")
)

// Classes of bytes.
const (
	classToken = 1 << iota // of names and methods
	classText              // of values: everything but control characters, the tabulator excepted
	classHost
)

var classes = classTable()

func classTable() (table [256]byte) {
	for b := range 256 {
		c := byte(b)
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if letter || contains("!#$%&'*+-.^_`|~", c) {
			table[b] |= classToken
		}
		if c >= ' ' && c != 0x7f || c == '\t' {
			table[b] |= classText
		}
		if letter || contains("!$%&'()*+,-.:;=[]_~", c) {
			table[b] |= classHost
		}
	}
	return table
}

func contains(set string, b byte) bool {
	for i := range len(set) {
		if set[i] == b {
			return true
		}
	}
	return false
}

func all(p []byte, class byte) bool {
	for _, b := range p {
		if classes[b]&class == 0 {
			return false
		}
	}
	return true
}

func isToken(p []byte) bool { return len(p) > 0 && all(p, classToken) }
func isText(p []byte) bool  { return all(p, classText) }
func isHost(p []byte) bool  { return all(p, classHost) }

// equalFold compares with an ASCII name in any case. A byte that is no letter must be the same.
func equalFold(p []byte, name string) bool {
	if len(p) != len(name) {
		return false
	}
	for i, b := range p {
		if a := name[i]; a != b && (a|0x20 != b|0x20 || a|0x20 < 'a' || a|0x20 > 'z') {
			return false
		}
	}
	return true
}

// trim takes blanks and tabulators off both ends.
func trim(p []byte) []byte {
	for len(p) > 0 && (p[0] == ' ' || p[0] == '\t') {
		p = p[1:]
	}
	for len(p) > 0 && (p[len(p)-1] == ' ' || p[len(p)-1] == '\t') {
		p = p[:len(p)-1]
	}
	return p
}
