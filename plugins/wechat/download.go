package main

import (
	"context"
	"crypto/sha1" // WeChat declares SHA-1
	"encoding/hex"
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
	out := &storing{w: io.MultiWriter(w, digest)}
	size, err := io.Copy(out, io.LimitReader(res.Body, maxDownload+1))
	switch {
	case out.err != nil:
		return out.err
	case err != nil:
		return plugins.Fail(plugins.FailureUnavailable, "download broke after %d bytes: %v", size, err)
	case size > maxDownload:
		return plugins.Fail(plugins.FailureRefused, "bill over %d bytes", int64(maxDownload))
	}
	if got := hex.EncodeToString(digest.Sum(nil)); !strings.EqualFold(got, t.HashValue) {
		return plugins.Fail(plugins.FailureQuarantine, "SHA-1 of the bill is %s, the channel declared %s", got, t.HashValue)
	}
	return nil
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
