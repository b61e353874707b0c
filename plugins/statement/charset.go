package statement

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/seed-3356bd69/touchstone/recon"
)

// sniffed is how much of a file tells its charset, in bytes.
const sniffed = 16 << 10

var byteOrderMark = []byte("\uFEFF")

// text turns a file's bytes into UTF-8, line by line: widths are counted in the file's own bytes.
type text struct{ gb bool }

// openText looks at the beginning of a file: a byte order mark is taken off, and what is UTF-8 in truth (people save
// exports again) stays what it is, whatever the format says. again tells that it is.
func openText(r io.Reader, charset recon.Charset) (in *bufio.Reader, t text, again bool, err error) {
	in = bufio.NewReaderSize(r, sniffed)
	head, err := in.Peek(sniffed)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, t, false, err
	}
	marked := bytes.HasPrefix(head, byteOrderMark)
	t.gb = charset == recon.CharsetGB18030 && !marked && !unicodeText(head)
	again = charset == recon.CharsetGB18030 && !t.gb && !ascii(head)
	if marked {
		if _, err := in.Discard(len(byteOrderMark)); err != nil {
			return nil, t, false, err
		}
	}
	return in, t, again, nil
}

// unicodeText tells whether the bytes are UTF-8, but for a character that is cut off at the end. ASCII alone is not
// enough: the rest of the file may be anything.
func unicodeText(head []byte) bool {
	for cut := 0; cut < utf8.UTFMax && cut <= len(head); cut++ {
		if utf8.Valid(head[:len(head)-cut]) {
			return !ascii(head)
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

// decode gives the text of some bytes; ok is false where they are not of the charset.
func (t text) decode(raw []byte) (string, bool) {
	if !t.gb {
		return string(raw), utf8.Valid(raw)
	}
	if ascii(raw) {
		return string(raw), true
	}
	out, err := simplifiedchinese.GB18030.NewDecoder().Bytes(raw)
	if err != nil {
		return string(raw), false
	}
	return string(out), !bytes.ContainsRune(out, utf8.RuneError)
}

// width gives the number of bytes a text has in the file.
func (t text) width(s string) int {
	if !t.gb {
		return len(s)
	}
	raw, err := simplifiedchinese.GB18030.NewEncoder().String(s)
	if err != nil {
		return len(s)
	}
	return len(raw)
}
