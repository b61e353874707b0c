package app

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
)

// maxSeededLine bounds a line of a statement that is copied, in bytes. Adapters take no longer ones.
const maxSeededLine = 1 << 20

// lineEdit is what is done to one line of a statement.
type lineEdit struct {
	number int    // from 1
	names  string // what the line must say: another container's line of this number is left alone
	same   bool   // the line stays as it is: a copy to hold the others against
	change func(line []byte) []byte
}

// copyStatement copies a statement, plain or in a gzip or zip, with one line changed; false = there was nothing to change.
func copyStatement(from, to string, edit lineEdit) (changed bool, err error) {
	in, err := os.Open(from)
	if err != nil {
		return false, fmt.Errorf("open statement: %w", err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return false, fmt.Errorf("create copy of the statement: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	head := make([]byte, 4)
	n, err := in.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return false, fmt.Errorf("read statement: %w", err)
	}
	switch head = head[:n]; {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		changed, err = edit.copyZip(out, in)
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		changed, err = edit.copyGzip(out, in)
	default:
		changed, err = edit.copyLines(out, in)
	}
	if err != nil {
		return false, fmt.Errorf("copy statement %s: %w", from, err)
	}
	return changed, nil
}

func (e lineEdit) copyGzip(out io.Writer, in io.Reader) (bool, error) {
	plain, err := gzip.NewReader(in)
	if err != nil {
		return false, err
	}
	packed := gzip.NewWriter(out)
	changed, err := e.copyLines(packed, plain)
	return changed, errors.Join(err, packed.Close())
}

func (e lineEdit) copyZip(out io.Writer, in *os.File) (changed bool, err error) {
	info, err := in.Stat()
	if err != nil {
		return false, err
	}
	archive, err := zip.NewReader(in, info.Size())
	if err != nil {
		return false, err
	}
	packed := zip.NewWriter(out)
	defer func() { err = errors.Join(err, packed.Close()) }()
	for _, f := range archive.File {
		here, err := e.copyEntry(packed, f)
		if err != nil {
			return false, err
		}
		changed = changed || here
	}
	return changed, nil
}

// copyEntry keeps a name's bytes as they are: channels write them in GBK.
func (e lineEdit) copyEntry(packed *zip.Writer, f *zip.File) (bool, error) {
	plain, err := f.Open()
	if err != nil {
		return false, err
	}
	defer plain.Close()
	w, err := packed.CreateHeader(&zip.FileHeader{Name: f.Name, NonUTF8: f.NonUTF8, Method: f.Method, Modified: f.Modified})
	if err != nil {
		return false, err
	}
	return e.copyLines(w, plain)
}

func (e lineEdit) copyLines(out io.Writer, in io.Reader) (changed bool, err error) {
	lines, w := bufio.NewReaderSize(in, maxSeededLine), bufio.NewWriter(out)
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		if err != nil && err != io.EOF {
			return false, fmt.Errorf("line %d: %w", number, err)
		}
		if number == e.number && bytes.Contains(line, []byte(e.names)) {
			other := e.change(bytes.Clone(line))
			changed = e.same || !bytes.Equal(other, line)
			line = other
		}
		if _, failed := w.Write(line); failed != nil {
			return false, failed
		}
		if err == io.EOF {
			return changed, w.Flush()
		}
	}
}

// renamed gives the line of another order, whose number is as long.
func renamed(line []byte, id string) []byte {
	last := byte('0')
	if id[len(id)-1] == last {
		last = '1'
	}
	return bytes.ReplaceAll(line, []byte(id), []byte(id[:len(id)-1]+string(last)))
}

var amountText = regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)

// centOff gives the line with its amount a cent more or less, wherever it stands in major units. In minor units it must stand
// in one place alone and have three digits: 7 may be anything. A line without such a place is as it was.
func centOff(line []byte, m recon.Money) []byte {
	major, minor := false, 0
	for _, text := range amountText.FindAll(line, -1) {
		major = major || isMajor(string(text), m)
		if isMinor(string(text), m) {
			minor++
		}
	}
	if !major && (minor != 1 || m.Minor < 100) {
		return line
	}
	return amountText.ReplaceAllFunc(line, func(text []byte) []byte {
		if (major && isMajor(string(text), m)) || (!major && isMinor(string(text), m)) {
			return digitOff(bytes.Clone(text), len(text)-1)
		}
		return text
	})
}

// isMajor holds the exact form of the currency against a text: 19.99.
func isMajor(text string, m recon.Money) bool {
	read, err := recon.ParseMajor(text, m.Currency)
	point := strings.IndexByte(text, '.')
	return err == nil && read == m && point >= 0 && m.Minor%100 == hundredths(text[point+1:])
}

// hundredths reads two digits; -1 where there are more or less, since the last is no cent then.
func hundredths(digits string) int64 {
	if len(digits) != 2 {
		return -1
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

func isMinor(text string, m recon.Money) bool {
	read, err := recon.ParseMinor(text, m.Currency)
	return err == nil && read == m
}

// digitOff changes the digit at a place by one, without a carry.
func digitOff(text []byte, at int) []byte {
	if text[at] == '9' {
		text[at]--
	} else {
		text[at]++
	}
	return text
}
