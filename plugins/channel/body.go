package channel

import (
	"archive/zip"
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/seed-3356bd69/touchstone/plugins"
)

// Buffer is how much of a statement is held at a time, in bytes.
const Buffer = 128 << 10

// Corrupt marks what a damaged compressed stream says; other read errors stay what they are.
func Corrupt(err error) error {
	_, isFlate := errors.AsType[flate.CorruptInputError](err)
	for _, known := range []error{gzip.ErrHeader, gzip.ErrChecksum, zlib.ErrHeader, zlib.ErrChecksum, zip.ErrFormat, zip.ErrChecksum, io.ErrUnexpectedEOF} {
		isFlate = isFlate || errors.Is(err, known)
	}
	if isFlate {
		return plugins.Fail(plugins.FailureQuarantine, "compressed statement is damaged or cut off: %v", err)
	}
	return err
}

// Bounded gives what r gives, and fails when more than limit bytes come, as from a compressed bomb. Damage is a quarantine.
func Bounded(r io.Reader, limit int64) io.Reader { return &bounded{r, limit, limit} }

type bounded struct {
	r           io.Reader
	left, limit int64
}

// Read fails once the limit is passed.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, plugins.Fail(plugins.FailureQuarantine, "statement over %d bytes", b.limit)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = Corrupt(err)
	}
	return n, err
}

// Unpack gives the uncompressed bytes of what may be a gzip stream.
func Unpack(r io.Reader) (io.Reader, error) {
	in := bufio.NewReaderSize(r, Buffer)
	magic, err := in.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if string(magic) != "\x1f\x8b" {
		return Bounded(in, MaxBody), nil
	}
	unpacked, err := gzip.NewReader(in)
	if err != nil {
		return nil, Corrupt(err)
	}
	return Bounded(unpacked, MaxBody), nil
}

// Copy stores a download; trouble of the connection and of the store are kept apart.
func Copy(w io.Writer, body io.Reader) (int64, error) {
	out := &Storing{W: w}
	n, err := io.Copy(out, Bounded(body, MaxDownload))
	switch {
	case out.Err != nil:
		return n, out.Err
	case err != nil && plugins.KindOf(err) == "", errors.Is(err, io.ErrUnexpectedEOF):
		return n, plugins.Fail(plugins.FailureUnavailable, "download broke after %d bytes: %v", n, err)
	}
	return n, err
}

// Storing keeps a write error apart from a read error.
type Storing struct {
	W   io.Writer
	Err error
}

// Write remembers what went wrong.
func (s *Storing) Write(p []byte) (int, error) {
	n, err := s.W.Write(p)
	if err != nil {
		s.Err = fmt.Errorf("store statement: %w", err)
	}
	return n, err
}

// Spool puts a stream into a temporary file of the adapter's own folder, for containers that are read from their end.
// The caller must call done.
func Spool(r io.Reader) (f *os.File, size int64, done func(), err error) {
	f, err = os.CreateTemp("", "statement-")
	if err != nil {
		return nil, 0, nil, fmt.Errorf("spool statement: %w", err)
	}
	done = func() { _, _ = f.Close(), os.Remove(f.Name()) } // the folder goes with the process anyway
	if size, err = io.Copy(f, Bounded(r, MaxDownload)); err != nil {
		done()
		return nil, 0, nil, err
	}
	return f, size, done, nil
}
