package main

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/rsa"
	"encoding/base64"
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

// Names of the settings. Keys are secrets: their settings name environment variables.
const (
	settingFiles   = "file_url" // default defaultFiles
	settingAPI     = "base_url" // of queries; default defaultAPI
	settingCert    = "cert_id"  // serial number of the merchant's certificate
	settingKey     = "private_key_env"
	settingPeer    = "unionpay_key_env" // UnionPay's certificate or public key
	settingType    = "file_type"        // default 00
	settingAccess  = "access_type"      // default 0, a merchant
	settingEmpty   = "empty_codes"      // respCodes that mean a day without a file, separated by commas; none by default
	settingWaiting = "waiting_codes"    // respCodes that mean that the file is not made yet; none by default

	defaultFiles = "https://filedownload.95516.com/"
	defaultAPI   = "https://gateway.95516.com/"
)

const (
	maxFile    = 1 << 30 // bytes of an answer with a file in it
	readyHour  = 9       // Beijing, of the day after the settlement day
	retryAfter = 30 * time.Minute
)

// merchant is what a call needs.
type merchant struct {
	id      string
	cert    string
	access  string
	private *rsa.PrivateKey
	peer    *rsa.PublicKey
}

func (a *adapter) merchant(account string, settings plugins.Settings) (*merchant, error) {
	m := &merchant{id: account, cert: settings[settingCert], access: settings[settingAccess]}
	if m.access == "" {
		m.access = "0"
	}
	if m.id == "" || m.cert == "" {
		return nil, plugins.Fail(plugins.FailureConfig, "an account and the setting %s are needed", settingCert)
	}
	var err error
	if m.private, err = a.env.PrivateKey(settings, settingKey); err != nil {
		return nil, err
	}
	m.peer, err = a.env.PublicKey(settings, settingPeer)
	return m, err
}

// request is the part that all messages of a merchant share.
func (m *merchant) request(at time.Time) message {
	return message{
		"version": "5.1.0", "encoding": "UTF-8", "signMethod": "01", "certId": m.cert, "accessType": m.access, "merId": m.id,
		"txnTime": at.Format("20060102150405"),
	}
}

// Fetch asks for the settlement day's zip, which travels compressed and in base64 inside of a signed form.
func (a *adapter) Fetch(ctx context.Context, req plugins.FetchRequest, w io.Writer) (plugins.FetchResult, error) {
	if formatOf(req.Kind) == nil {
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureUnsupported, "no statement kind %q", req.Kind)
	}
	day, err := time.ParseInLocation(time.DateOnly, req.Date, a.zone)
	if err != nil {
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureConfig, "date %q is not of the form %s", req.Date, time.DateOnly)
	}
	if ready := day.AddDate(0, 0, 1); a.now().Before(ready) { // the day ends at 23:00; nobody has its file before midnight
		return plugins.FetchResult{Status: plugins.FetchNotReady, RetryAfter: ready.Add(readyHour * time.Hour).Sub(a.now())}, nil
	}
	m, err := a.merchant(req.Account, req.Settings)
	if err != nil {
		return plugins.FetchResult{}, err
	}
	base, err := channel.BaseURL(req.Settings, settingFiles, defaultFiles)
	if err != nil {
		return plugins.FetchResult{}, err
	}
	ask := m.request(a.now().In(a.zone))
	ask["txnType"], ask["txnSubType"], ask["bizType"], ask["settleDate"] = "76", "01", "000000", day.Format("0102")
	if ask["fileType"] = req.Settings[settingType]; ask["fileType"] == "" {
		ask["fileType"] = "00"
	}
	answer, err := a.send(ctx, base, m, ask, maxFile)
	if err != nil {
		return plugins.FetchResult{}, err
	}
	return deliver(answer, m, day, req.Settings, w)
}

// deliver checks whose and which day's file came, and stores the zip.
func deliver(answer message, m *merchant, day time.Time, settings plugins.Settings, w io.Writer) (plugins.FetchResult, error) {
	code := answer["respCode"]
	switch {
	case code == "00":
	case listed(settings[settingEmpty], code):
		return plugins.FetchResult{Status: plugins.FetchEmpty}, nil
	case listed(settings[settingWaiting], code):
		return plugins.FetchResult{Status: plugins.FetchNotReady, RetryAfter: retryAfter}, nil
	default:
		return plugins.FetchResult{}, refused(answer)
	}
	if id := answer["merId"]; id != "" && id != m.id {
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureQuarantine, "file is of merchant %s, not %s", id, m.id)
	}
	if settle := answer["settleDate"]; settle != "" && settle != day.Format("0102") {
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureQuarantine, "file is of settlement day %s, not %s", settle, day.Format("0102"))
	}
	zip, err := inflate(answer["fileContent"])
	if err != nil {
		return plugins.FetchResult{}, err
	}
	if _, err := w.Write(zip); err != nil {
		return plugins.FetchResult{}, fmt.Errorf("store statement: %w", err)
	}
	return plugins.FetchResult{Status: plugins.FetchReady}, nil
}

// listed tells whether a code is on a list of the configuration. The channel's codes for a missing file are not public
// beyond doubt, so that a person has to say which of them is an empty day.
func listed(list, code string) bool {
	for _, c := range strings.Split(list, ",") {
		if c = strings.TrimSpace(c); c != "" && c == code {
			return true
		}
	}
	return false
}

// refused says what a response code asks of the caller: classes 01 to 05 are the channel's own trouble.
func refused(answer message) error {
	kind := plugins.FailureRefused
	switch answer["respCode"] {
	case "01", "02", "03", "04", "05", "06":
		kind = plugins.FailureUnavailable
	case "10", "11", "12":
		kind = plugins.FailureConfig
	}
	e := plugins.Fail(kind, "channel answered %s %s", answer["respCode"], answer["respMsg"])
	if kind == plugins.FailureRefused {
		e.Hint = "if this code means a day without a file, or one that is not made yet, put it in " + settingEmpty + " or " + settingWaiting
	}
	return e
}

// inflate opens base64 around zlib around the zip.
func inflate(content string) ([]byte, error) {
	packed, err := base64.StdEncoding.DecodeString(content)
	if err != nil || len(packed) == 0 {
		return nil, plugins.Fail(plugins.FailureQuarantine, "file's content is not base64")
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, channel.Corrupt(err)
	}
	zip, err := io.ReadAll(channel.Bounded(z, maxFile))
	if err != nil {
		return nil, err
	}
	if len(zip) == 0 {
		return nil, plugins.Fail(plugins.FailureQuarantine, "file is empty")
	}
	return zip, nil
}

// send signs a message, posts it and reads the answer, which must be signed.
func (a *adapter) send(ctx context.Context, to *url.URL, m *merchant, ask message, limit int64) (message, error) {
	if err := ask.sign(m.private); err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), strings.NewReader(ask.encode()))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8")
	res, err := channel.Do(a.client, req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, plugins.Fail(plugins.FailureUnavailable, "channel answered %d", res.StatusCode)
	}
	body, err := io.ReadAll(channel.Bounded(res.Body, limit))
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || plugins.KindOf(err) == "" {
			err = plugins.Fail(plugins.FailureUnavailable, "answer broke: %v", err)
		}
		return nil, err
	}
	answer, err := parsePlain(string(body))
	if err != nil {
		return nil, err
	}
	if !answer.genuine(m.peer) {
		return nil, plugins.Fail(plugins.FailureUnavailable, "answer's signature is not UnionPay's")
	}
	return answer, nil
}
