package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxLine bounds one line, in bytes. WeChat's fields add up to far less.
const maxLine = 64 << 10

// lineReader gives lines without their ends, CRLF or LF, and counts them from 1. The last one may lack its end.
type lineReader struct {
	in     *bufio.Reader
	number int
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(r, maxLine)}
}

// next gives a line that is valid until the next call. Of a line beyond maxLine it gives the beginning, and long.
func (l *lineReader) next() (line []byte, long bool, err error) {
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
	l.number++
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), long, nil
}
