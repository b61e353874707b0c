package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5" // API v2 signs with it
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
)

// The signatures of API v2.
const (
	signMD5  = "MD5"
	signHMAC = "HMAC-SHA256"
)

// fields is a flat XML document of API v2.
type fields map[string]string

// MarshalXML writes <xml> with one element a field.
func (f fields) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	root := xml.StartElement{Name: xml.Name{Local: "xml"}}
	if err := e.EncodeToken(root); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if err := e.EncodeElement(f[name], xml.StartElement{Name: xml.Name{Local: name}}); err != nil {
			return err
		}
	}
	return e.EncodeToken(root.End())
}

// UnmarshalXML reads the elements below the root. One that comes twice is an error: two readers could differ about it.
func (f *fields) UnmarshalXML(d *xml.Decoder, _ xml.StartElement) error {
	*f = fields{}
	for {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			var text string
			if err := d.DecodeElement(&text, &t); err != nil {
				return err
			}
			if _, twice := (*f)[t.Name.Local]; twice {
				return fmt.Errorf("element %s comes twice", t.Name.Local)
			}
			(*f)[t.Name.Local] = text
		case xml.EndElement:
			return nil
		}
	}
}

// signature is over all fields that are not empty, in order of their names.
func (f fields) signature(kind, key string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if name != "sign" && f[name] != "" {
			fmt.Fprintf(&b, "%s=%s&", name, f[name])
		}
	}
	b.WriteString("key=" + key)
	if kind == signHMAC {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(b.String()))
		return strings.ToUpper(hex.EncodeToString(mac.Sum(nil)))
	}
	sum := md5.Sum([]byte(b.String()))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// genuine checks the signature, by the kind that the answer itself may not choose.
func (f fields) genuine(kind, key string) bool {
	return f["sign"] != "" && hmac.Equal([]byte(strings.ToUpper(f["sign"])), []byte(f.signature(kind, key)))
}

// v2 is what a call of the older interface needs.
type v2 struct {
	base     *url.URL
	appID    string
	merchant string
	sub      string
	kind     string // of the signature
	key      string
	client   *http.Client
	random   io.Reader
}

func (a *adapter) v2(account string, settings plugins.Settings) (*v2, error) {
	base, err := channel.BaseURL(settings, settingBase, defaultBase)
	if err != nil {
		return nil, err
	}
	v := &v2{
		base: base, appID: settings[settingAppID], merchant: account, sub: settings[settingSub], kind: settings[settingSignType],
		client: a.client, random: a.cfg.Random,
	}
	if v.kind == "" {
		v.kind = signMD5
	}
	if v.kind != signMD5 && v.kind != signHMAC {
		return nil, plugins.Fail(plugins.FailureConfig, "setting %s is %q, not %s or %s", settingSignType, v.kind, signMD5, signHMAC)
	}
	if v.merchant == "" || v.appID == "" {
		return nil, plugins.Fail(plugins.FailureConfig, "API v2 needs an account and the setting %s", settingAppID)
	}
	v.key, err = a.env.Secret(settings, settingAPIKey)
	return v, err
}

// withCertificate makes the client present the merchant's certificate, as the fund flow asks for.
func (v *v2) withCertificate(a *adapter, settings plugins.Settings) error {
	cert, err := a.env.Secret(settings, settingCert)
	if err != nil {
		return err
	}
	key, err := a.env.Secret(settings, settingKey)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		return plugins.Fail(plugins.FailureConfig, "settings %s and %s are no certificate with its key", settingCert, settingKey)
	}
	v.client = channel.NewClient()
	v.client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	return nil
}

// post signs the fields and sends them.
func (v *v2) post(ctx context.Context, path string, f fields) (*http.Response, error) {
	var nonce [16]byte
	if _, err := io.ReadFull(v.random, nonce[:]); err != nil {
		return nil, fmt.Errorf("draw nonce: %w", err)
	}
	f["appid"], f["mch_id"], f["nonce_str"], f["sign_type"] = v.appID, v.merchant, hex.EncodeToString(nonce[:]), v.kind
	f["sign"] = f.signature(v.kind, v.key)
	body, err := xml.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	res, err := channel.Do(v.client, req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close() // the status is what counts
		return nil, plugins.Fail(plugins.FailureUnavailable, "channel answered %d", res.StatusCode)
	}
	return res, nil
}

// fetchV2 downloads a bill of the older interface, which declares no hash: the bill's own totals must do. Its errors come
// as XML, also where a compressed bill was asked for.
func (a *adapter) fetchV2(ctx context.Context, req plugins.FetchRequest, w io.Writer) (plugins.FetchResult, error) {
	v, err := a.v2(req.Account, req.Settings)
	if err != nil {
		return plugins.FetchResult{}, err
	}
	path, ask := "/pay/downloadbill", fields{"bill_date": strings.ReplaceAll(req.Date, "-", "")}
	if isFund(req.Kind) {
		path, v.kind = "/pay/downloadfundflow", signHMAC
		account := fundAccount(req.Kind)
		ask["account_type"] = account[:1] + strings.ToLower(account[1:])
		if err := v.withCertificate(a, req.Settings); err != nil {
			return plugins.FetchResult{}, err
		}
	} else {
		ask["bill_type"] = billType(req.Kind)
		if v.sub != "" {
			ask["sub_mch_id"] = v.sub
		}
	}
	if req.Settings[settingGzip] == "true" {
		ask["tar_type"] = "GZIP"
	}
	res, err := v.post(ctx, path, ask)
	if err != nil {
		return plugins.FetchResult{}, err
	}
	defer res.Body.Close()
	in := bufio.NewReaderSize(res.Body, channel.Buffer)
	if head, _ := in.Peek(len("<xml")); string(head) == "<xml" {
		return v.refused(in)
	}
	if err := copyBill(in, w, io.Discard); err != nil {
		return plugins.FetchResult{}, err
	}
	return plugins.FetchResult{Status: plugins.FetchReady}, nil
}

// refused reads why there is no bill. The documentation and the server differ in how they write it.
func (v *v2) refused(in io.Reader) (plugins.FetchResult, error) {
	var answer fields
	if err := xml.NewDecoder(io.LimitReader(in, channel.MaxAnswer)).Decode(&answer); err != nil {
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureUnavailable, "answer is not the XML expected: %v", err)
	}
	code := answer["err_code"]
	if code == "" {
		code = answer["error_code"]
	}
	text := fmt.Sprintf("%s %s", code, answer["return_msg"])
	switch reason := strings.ToLower(strings.TrimSpace(answer["return_msg"])); {
	case reason == "no bill exist", code == "20002", strings.EqualFold(code, "NO_BILL_EXIST"):
		return plugins.FetchResult{Status: plugins.FetchEmpty}, nil
	case reason == "bill creating", strings.EqualFold(code, "BILL_CREATING"):
		return plugins.FetchResult{Status: plugins.FetchNotReady, RetryAfter: retryAfter}, nil
	case reason == "systemerror", strings.EqualFold(code, "SYSTEMERROR"), strings.HasSuffix(reason, "compressgzip error"):
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureUnavailable, "channel answered %s", text)
	case reason == "sign error":
		return plugins.FetchResult{}, plugins.Fail(plugins.FailureConfig, "channel answered %s", text)
	}
	return plugins.FetchResult{}, plugins.Fail(plugins.FailureRefused, "channel answered %s", text)
}

// call posts and reads an answer that must be signed.
func (v *v2) call(ctx context.Context, path string, f fields) (fields, error) {
	res, err := v.post(ctx, path, f)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var answer fields
	if err := xml.NewDecoder(io.LimitReader(res.Body, channel.MaxAnswer)).Decode(&answer); err != nil {
		return nil, plugins.Fail(plugins.FailureUnavailable, "answer is not the XML expected: %v", err)
	}
	if answer["return_code"] != "SUCCESS" {
		return nil, plugins.Fail(plugins.FailureRefused, "channel answered %s", answer["return_msg"])
	}
	if !answer.genuine(v.kind, v.key) {
		return nil, plugins.Fail(plugins.FailureUnavailable, "answer's signature is not the platform's")
	}
	return answer, nil
}

// v2Time has no zone: it is Beijing time.
const v2Time = "20060102150405"

func (a *adapter) v2Time(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{v2Time, time.DateTime} {
		if at, err := time.ParseInLocation(layout, text, a.zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, plugins.Fail(plugins.FailureUnavailable, "time %q is not of the form %s", text, v2Time)
}
