package main

import (
	"context"
	"crypto/sha1" // WeChat declares SHA-1
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
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
	out := &channel.Storing{W: w}
	in := io.TeeReader(channel.Bounded(body, channel.MaxDownload), out)
	plain, err := channel.Unpack(in)
	if err == nil {
		_, err = io.Copy(digest, plain)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, in) // what stands behind a compressed stream; nothing, mostly
	}
	switch {
	case out.Err != nil:
		return out.Err
	case err == nil || plugins.KindOf(err) != "":
		return err
	}
	return plugins.Fail(plugins.FailureUnavailable, "download broke: %v", err)
}

// allowed keeps downloads on the host that was asked: the merchant's signature must not be sent anywhere else.
func (s *session) allowed(text string) (*url.URL, error) {
	target, err := channel.OnHost(text, s.base.Host)
	if err != nil {
		return nil, err
	}
	if target.Scheme != s.base.Scheme {
		return nil, plugins.Fail(plugins.FailureRefused, "download address is on %s, the API on %s", target.Scheme, s.base.Scheme)
	}
	return target, nil
}
