package main

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/sha1" // WeChat declares SHA-1
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-3356bd69/touchstone/plugins"
)

// expiredError is a download address that was refused before a byte came: a new one may work.
type expiredError struct{ err error }

func (e *expiredError) Error() string { return e.err.Error() }

// download copies the bill. Its answer is not signed; the hash of the ticket is what vouches for it.
func (a *adapter) download(ctx context.Context, s *session, t ticket, w io.Writer) error {
	target, err := s.allowed(t.URL)
	if err != nil {
		return err
	}
	res, err := a.get(ctx, s, target)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return &expiredError{readError(res)}
	}
	digest := sha1.New()
	if err := copyBill(res.Body, w, digest); err != nil {
		return err
	}
	if got := hex.EncodeToString(digest.Sum(nil)); !strings.EqualFold(got, t.HashValue) {
		return plugins.Fail(plugins.FailureQuarantine, "SHA-1 of the bill is %s, the channel declared %s", got, t.HashValue)
	}
	return nil
}

// copyBill stores the bytes as they come, and gives the uncompressed ones to what digests them.
func copyBill(body io.Reader, w, digest io.Writer) error {
	in, out := bufio.NewReaderSize(&bounded{body, maxDownload}, bodyBuffer), &storing{w: w}
	magic, err := in.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return broken(err)
	}
	plain := io.TeeReader(in, out)
	if string(magic) == gzipMagic {
		unpacked, err := gzip.NewReader(plain)
		if err != nil {
			return cmp.Or(out.err, corrupt(err))
		}
		plain = &bounded{unpacked, maxBody}
	}
	if _, err := io.Copy(digest, plain); err != nil {
		return cmp.Or(out.err, broken(err))
	}
	_, err = io.Copy(out, in) // what stands behind the compressed stream; nothing, mostly
	return cmp.Or(out.err, err)
}

// broken marks a connection that ended, unless what came was damaged already.
func broken(err error) error {
	if plugins.KindOf(err) != "" {
		return err
	}
	return plugins.Fail(plugins.FailureUnavailable, "download broke: %v", err)
}

// allowed keeps downloads on the host that was asked: the merchant's signature must not be sent anywhere else.
func (s *session) allowed(text string) (*url.URL, error) {
	target, err := url.Parse(text)
	if err != nil {
		return nil, plugins.Fail(plugins.FailureRefused, "download address is no URL")
	}
	if target.Scheme != s.base.Scheme || !strings.EqualFold(target.Host, s.base.Host) || target.User != nil {
		return nil, plugins.Fail(plugins.FailureRefused, "download address is on %s://%s, not on the API's host", target.Scheme, target.Host)
	}
	return target, nil
}

// storing keeps a write error apart from a read error.
type storing struct {
	w   io.Writer
	err error
}

func (s *storing) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		s.err = fmt.Errorf("store bill: %w", err)
	}
	return n, err
}
