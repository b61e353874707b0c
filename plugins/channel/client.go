package channel

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
)

// Bounds of what a channel may send.
const (
	MaxAnswer   = 1 << 20  // bytes of an API's answer
	MaxDownload = 16 << 30 // bytes of a statement as it travels
	MaxBody     = 64 << 30 // bytes of a statement after decompression

	headerTime = 30 * time.Second // until an answer begins
)

// NewClient follows no redirect (where a download is, is checked before it is asked for) and leaves bodies as they are.
func NewClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DisableCompression: true, ResponseHeaderTimeout: headerTime,
			TLSHandshakeTimeout: headerTime, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Do sends a request. Its error is without the URL, which may hold a token.
func Do(client *http.Client, req *http.Request) (*http.Response, error) {
	res, err := client.Do(req)
	if err == nil {
		return res, nil
	}
	if ctx := req.Context(); errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err()
	}
	if trouble, ok := errors.AsType[*url.Error](err); ok {
		err = trouble.Err
	}
	return nil, plugins.Fail(plugins.FailureUnavailable, "ask %s: %v", req.URL.Host, err)
}

// Answer reads the body of an API's answer.
func Answer(res *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxAnswer+1))
	switch {
	case err != nil:
		return nil, plugins.Fail(plugins.FailureUnavailable, "read answer: %v", err)
	case len(body) > MaxAnswer:
		return nil, plugins.Fail(plugins.FailureUnavailable, "answer over %d bytes", MaxAnswer)
	}
	return body, nil
}

// BaseURL reads the setting that says where a channel's API is.
func BaseURL(settings plugins.Settings, setting, byDefault string) (*url.URL, error) {
	text := settings[setting]
	if text == "" {
		text = byDefault
	}
	base, err := url.Parse(text)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") {
		return nil, plugins.Fail(plugins.FailureConfig, "setting %s is no http(s) URL", setting)
	}
	return base, nil
}

// OnHost reads a download's address and holds it to the hosts it may be on: an answer must not send the adapter, or a
// signature, anywhere else. A host with a port is that port alone.
func OnHost(address string, hosts ...string) (*url.URL, error) {
	target, err := url.Parse(address)
	if err != nil || target.User != nil || (target.Scheme != "https" && target.Scheme != "http") {
		return nil, plugins.Fail(plugins.FailureRefused, "download address is no plain http(s) URL")
	}
	for _, host := range hosts {
		if strings.EqualFold(target.Host, host) || (!hasPort(host) && !hasPort(target.Host) && strings.EqualFold(target.Hostname(), host)) {
			return target, nil
		}
	}
	return nil, plugins.Fail(plugins.FailureRefused, "download address is on %s, not on %s", target.Host, strings.Join(hosts, " or "))
}

func hasPort(host string) bool {
	_, _, err := net.SplitHostPort(host)
	return err == nil
}
