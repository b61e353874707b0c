package statement

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// MaxLine bounds one line, in bytes. What channels write adds up to far less.
const MaxLine = 64 << 10

// lineReader gives lines without their ends, CRLF or LF, and counts them from 1. The last one may lack its end.
type lineReader struct {
	in     *bufio.Reader
	quote  bool // a line goes on while a quote is open
	number int  // of the line given last; of its beginning, where it has several
	ends   int  // line ends read so far
	held   []byte
}

func newLineReader(r io.Reader, quote bool) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(r, MaxLine), quote: quote}
}

// next gives a line that is valid until the next call. Of a line beyond MaxLine it gives the beginning, and long.
func (l *lineReader) next() (line []byte, long bool, err error) {
	line, long, err = l.physical()
	l.number = l.ends
	if err != nil || !l.quote || long || !open(line) {
		return trimEnd(line), long, err
	}
	l.held = append(l.held[:0], line...)
	for open(l.held) {
		more, tooLong, err := l.physical()
		switch {
		case errors.Is(err, io.EOF):
			return trimEnd(l.held), true, nil // a quote that nobody closes
		case err != nil:
			return nil, false, err
		case tooLong || len(l.held)+len(more) > MaxLine:
			return l.held, true, nil
		}
		l.held = append(l.held, more...)
	}
	return trimEnd(l.held), false, nil
}

// physical reads up to a line end, which stays on the line.
func (l *lineReader) physical() (line []byte, long bool, err error) {
	line, err = l.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		long = true
		line = bytes.Clone(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = l.in.ReadSlice('\n')
		}
	}
	if errors.Is(err, io.EOF) && len(line) > 0 {
		err = nil
	}
	if err != nil {
		return nil, false, err
	}
	l.ends++
	return line, long, nil
}

// open tells whether a quote is still open at the end: two quotes in a row close and open again.
func open(line []byte) bool { return bytes.Count(line, []byte{'"'})%2 == 1 }

func trimEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}
