package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
)

const (
	retryAfter = 30 * time.Minute // what the channel asks for while it makes the bill
	urlTries   = 2                // download addresses asked for: one lives 30 s
)

// apiError is the channel's error body.
type apiError struct {
	HTTP    int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (e *apiError) Error() string {
	return fmt.Sprintf("channel answered %d %s: %s", e.HTTP, e.Code, e.Message)
}

// ticket is the answer that says where the bill is.
type ticket struct {
	URL       string `json:"download_url"`
	HashType  string `json:"hash_type"`
	HashValue string `json:"hash_value"`
}

// Fetch asks for the day's bill and copies it to w. Its hash is over the uncompressed bytes, and Decode takes either.
func (a *adapter) Fetch(ctx context.Context, req plugins.FetchRequest, w io.Writer) (plugins.FetchResult, error) {
	if formatOf(req.Kind) == nil {
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureUnsupported, "no statement kind %q", req.Kind)
	}
	if _, err := time.ParseInLocation(time.DateOnly, req.Date, a.zone); err != nil {
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureConfig, "date %q is not of the form %s", req.Date, time.DateOnly)
	}
	if req.Settings[settingAPI] == apiV2 {
		return a.fetchV2(ctx, req, w)
	}
	s, err := a.session(req.Account, req.Settings)
	if err != nil {
		return plugins.FetchResult{}, err
	}
	for try := 1; ; try++ {
		res, err := a.fetchOnce(ctx, s, req, w)
		if refused, ok := errors.AsType[*expiredError](err); ok {
			if try < urlTries {
				continue
			}
			err = refused.err
		}
		if answer, ok := errors.AsType[*apiError](err); ok {
			return translate(answer)
		}
		return res, err
	}
}

// translate says what the channel's error asks of the caller. Not ready and an empty day are answers, and two of them.
func translate(e *apiError) (plugins.FetchResult, error) {
	switch {
	case e.HTTP == http.StatusBadRequest && e.Code == "NO_STATEMENT_EXIST":
		return plugins.FetchResult{Status: plugins.FetchEmpty}, nil
	case e.HTTP == http.StatusBadRequest && e.Code == "STATEMENT_CREATING":
		return plugins.FetchResult{Status: plugins.FetchNotReady, RetryAfter: retryAfter}, nil
	case e.HTTP == http.StatusUnauthorized, e.Code == "SIGN_ERROR":
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureConfig, "%v", e)
	case e.HTTP == http.StatusTooManyRequests, e.HTTP >= http.StatusInternalServerError:
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureUnavailable, "%v", e)
	}
	return plugins.FetchResult{}, plugins.Fail(plugins.FailureRefused, "%v", e)
}

func (a *adapter) fetchOnce(ctx context.Context, s *session, req plugins.FetchRequest, w io.Writer) (plugins.FetchResult, error) {
	t, err := a.apply(ctx, s, billURL(s.base, req))
	if err != nil {
		return plugins.FetchResult{}, err
	}
	hash := plugins.Hash{Type: plugins.HashType(t.HashType), Value: t.HashValue}
	if hash.Type != plugins.HashSHA1 || hash.Value == "" {
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureQuarantine, "channel declared no SHA1 for the bill (type %q)", t.HashType)
	}
	if err := a.download(ctx, s, t, w); err != nil {
		return plugins.FetchResult{}, err
	}
	return plugins.FetchResult{Status: plugins.FetchReady, Hash: hash}, nil
}

// billURL is where the API says where the bill is.
func billURL(base *url.URL, req plugins.FetchRequest) *url.URL {
	path, query := "/v3/bill/tradebill", url.Values{"bill_date": {req.Date}}
	if isFund(req.Kind) {
		path = "/v3/bill/fundflowbill"
		query.Set("account_type", fundAccount(req.Kind))
	} else {
		query.Set("bill_type", billType(req.Kind))
	}
	if req.Settings[settingGzip] == "true" {
		query.Set("tar_type", "GZIP")
	}
	if sub := req.Settings[settingSub]; sub != "" && isTrade(req.Kind) {
		query.Set("sub_mchid", sub)
	}
	target := base.JoinPath(path)
	target.RawQuery = query.Encode()
	return target
}

// billType is the channel's name of a trade bill.
func billType(kind string) string {
	if kind == kindTrade {
		return "ALL"
	}
	return strings.ToUpper(kind)
}

// fundAccount is the channel's name of an account.
func fundAccount(kind string) string { return strings.ToUpper(strings.TrimPrefix(kind, "fundflow-")) }

// apply asks where the bill is. The answer must carry the platform's signature: the hash of the bill hangs on it.
func (a *adapter) apply(ctx context.Context, s *session, target *url.URL) (t ticket, err error) {
	return t, a.ask(ctx, s, target, &t)
}

// ask gets a signed answer of the API; an error of the channel is an *apiError.
func (a *adapter) ask(ctx context.Context, s *session, target *url.URL, into any) error {
	res, err := a.get(ctx, s, target)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return readError(res)
	}
	body, err := channel.Answer(res)
	if err != nil {
		return err
	}
	if err := s.signer.verify(res.Header, body); err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return plugins.Fail(plugins.FailureUnavailable, "answer is not the JSON expected: %v", err)
	}
	return nil
}

func (a *adapter) get(ctx context.Context, s *session, target *url.URL) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "touchstone-wechat/"+version)
	if err := s.signer.sign(req); err != nil {
		return nil, err
	}
	return channel.Do(a.client, req)
}

func readError(res *http.Response) error {
	e := &apiError{HTTP: res.StatusCode}
	body, err := channel.Answer(res)
	if err != nil || json.Unmarshal(body, e) != nil || e.Code == "" {
		e.Code, e.Message = "", "no error body"
	}
	e.Message = e.Message[:min(len(e.Message), plugins.MaxValue)]
	return e
}
