package main

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"crypto/sha1" // WeChat declares SHA-1
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strings"

	"github.com/seed-3356bd69/touchstone/plugins"
)

const (
	bodyBuffer = 128 << 10
	maxBody    = 64 << 30 // bytes of a bill after decompression
	gzipMagic  = "\x1f\x8b"
)

// openBody gives the bill's uncompressed bytes, and the digest that fills while they are read.
func openBody(r io.Reader, declared plugins.Hash) (io.Reader, *bodySum, error) {
	if declared.Type != "" && declared.Type != plugins.HashSHA1 {
		return nil, nil, plugins.Fail(plugins.FailureUnsupported, "bill is declared with a hash of type %q, SHA1 is known", declared.Type)
	}
	in := bufio.NewReaderSize(r, bodyBuffer)
	magic, err := in.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	body := io.Reader(in)
	if string(magic) == gzipMagic {
		if body, err = gzip.NewReader(in); err != nil {
			return nil, nil, corrupt(err)
		}
	}
	sum := &bodySum{want: declared.Value, digest: sha1.New()}
	return io.TeeReader(&bounded{body, maxBody}, sum.digest), sum, nil
}

// bodySum compares the bill's digest with the declared one, which is over the uncompressed bytes, byte order mark included.
type bodySum struct {
	want   string
	digest hash.Hash
}

func (s *bodySum) check() error {
	got := hex.EncodeToString(s.digest.Sum(nil))
	if s.want != "" && !strings.EqualFold(got, s.want) {
		return plugins.Fail(plugins.FailureQuarantine, "SHA-1 of the bill is %s, the channel declared %s", got, s.want)
	}
	return nil
}

// corrupt marks what a damaged compressed stream says; other read errors stay what they are.
func corrupt(err error) error {
	_, isFlate := errors.AsType[flate.CorruptInputError](err)
	if isFlate || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, io.ErrUnexpectedEOF) {
		return plugins.Fail(plugins.FailureQuarantine, "compressed bill is damaged or cut off: %v", err)
	}
	return err
}

// bounded fails when more than left bytes come, as from a compressed bomb.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, plugins.Fail(plugins.FailureQuarantine, "bill over the limit")
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = corrupt(err)
	}
	return n, err
}
