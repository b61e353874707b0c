package scan

import (
	"bytes"
	"unicode/utf8"

	"github.com/seed-3356bd69/touchstone/recon"
)

// sniffed is how much of a file tells its charset, in bytes.
const sniffed = 16 << 10

// savedAgain is the remark about a file in another charset than its format has.
const savedAgain = "UTF-8, where the channel writes GB18030: the file was saved again"

// charsetOf tells a file's charset from its beginning: what has a byte order mark or is UTF-8 in truth (people save exports
// again) stays what it is, whatever the format says. ASCII alone is not enough: the rest of the file may be anything.
func charsetOf(spec *recon.FormatSpec, b []byte) (c recon.Charset, again bool) {
	head := b[:min(len(b), sniffed)]
	if spec.Charset != recon.CharsetGB18030 {
		return recon.CharsetUTF8, false
	}
	marked := bytes.HasPrefix(head, []byte("\ufeff"))
	if again = !ascii(head) && (marked || unicodeText(head)); again || marked {
		return recon.CharsetUTF8, again
	}
	return recon.CharsetGB18030, false
}

// unicodeText tells whether the bytes are UTF-8, but for a character that is cut off at the end.
func unicodeText(head []byte) bool {
	for cut := 0; cut < utf8.UTFMax && cut <= len(head); cut++ {
		if utf8.Valid(head[:len(head)-cut]) {
			return true
		}
	}
	return false
}

func ascii(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// ofCharset tells whether a line is text of the file's charset.
func (p *parser) ofCharset() bool {
	if p.decode == nil {
		return utf8.Valid(p.line)
	}
	return wellFormed(p.line)
}

// wellFormed tells whether each byte beyond ASCII is part of a character of GB18030: two bytes, or four of which the
// second and the last are digits.
func wellFormed(b []byte) bool {
	in := func(c, from, to byte) bool { return c-from <= to-from }
	for len(b) > 0 {
		switch {
		case b[0] < utf8.RuneSelf:
			b = b[1:]
		case len(b) < 2 || !in(b[0], 0x81, 0xfe):
			return false
		case in(b[1], '0', '9'):
			if len(b) < 4 || !in(b[2], 0x81, 0xfe) || !in(b[3], '0', '9') {
				return false
			}
			b = b[4:]
		case b[1] < 0x40 || b[1] == 0x7f || b[1] == 0xff:
			return false
		default:
			b = b[2:]
		}
	}
	return true
}
