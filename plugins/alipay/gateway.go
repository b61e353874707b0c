package main

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
)

// Names of the settings. Keys are secrets: their settings name environment variables.
const (
	settingBase   = "base_url"        // default defaultBase
	settingApp    = "app_id"          //
	settingKey    = "private_key_env" // the application's RSA key
	settingAlipay = "alipay_key_env"  // Alipay's public key, or its certificate
	settingToken  = "app_auth_token"  // of the merchant a service provider acts for
	settingHosts  = "download_hosts"  // where bills may be downloaded, separated by commas
	defaultBase   = "https://openapi.alipay.com"
	defaultHosts  = "dwbillcenter.alipay.com"
	successCode   = "10000"
	businessError = "40004"
)

// gateway is what a call needs.
type gateway struct {
	base    *url.URL
	app     string
	token   string
	private *rsa.PrivateKey
	alipay  *rsa.PublicKey
	now     func() time.Time
	zone    *time.Location
	client  *http.Client
}

func (a *adapter) gateway(settings plugins.Settings) (*gateway, error) {
	base, err := channel.BaseURL(settings, settingBase, defaultBase)
	if err != nil {
		return nil, err
	}
	g := &gateway{base: base, app: settings[settingApp], token: settings[settingToken], now: a.now, zone: a.zone, client: a.client}
	if g.app == "" {
		return nil, plugins.Fail(plugins.FailureConfig, "setting %s is missing", settingApp)
	}
	if g.private, err = a.env.PrivateKey(settings, settingKey); err != nil {
		return nil, err
	}
	g.alipay, err = a.env.PublicKey(settings, settingAlipay)
	return g, err
}

// problem is an answer with which the gateway says no.
type problem struct {
	Code    string `json:"code"`
	Msg     string `json:"msg"`
	SubCode string `json:"sub_code"`
	SubMsg  string `json:"sub_msg"`
}

func (p *problem) Error() string {
	return fmt.Sprintf("channel answered %s %s: %s %s", p.Code, p.Msg, p.SubCode, p.SubMsg)
}

// is compares a sub code by its end: newer ones carry a prefix such as "isp.".
func (p *problem) is(codes ...string) bool {
	sub := strings.ToUpper(p.SubCode)
	return slices.ContainsFunc(codes, func(c string) bool { return sub == c || strings.HasSuffix(sub, "."+c) })
}

// failure says what a refusal asks of the caller.
func (p *problem) failure() error {
	switch {
	case p.is("UNKNOW_ERROR", "UNKNOW-ERROR", "SYSTEM_ERROR", "UNKNOWN_ERROR") || p.Code == "20000":
		return plugins.Fail(plugins.FailureUnavailable, "%v", p)
	case p.Code == "20001", p.Code == "40001", p.Code == "40002", p.Code == "40006":
		return plugins.Fail(plugins.FailureConfig, "%v", p)
	case p.is("ISV_APP_CALL_LIMITED", "APP_CALL_LIMITED", "APP-CALL-LIMITED", "CALL_LIMITED"):
		return plugins.Fail(plugins.FailureUnavailable, "%v", p)
	}
	return plugins.Fail(plugins.FailureRefused, "%v", p)
}

// call asks one method of the gateway and reads its signed answer.
func (g *gateway) call(ctx context.Context, method string, biz, into any) error {
	content, err := json.Marshal(biz)
	if err != nil {
		return fmt.Errorf("build request: %w", err)
	}
	form := url.Values{
		"app_id": {g.app}, "method": {method}, "format": {"JSON"}, "charset": {"utf-8"}, "sign_type": {"RSA2"}, "version": {"1.0"},
		"timestamp": {g.now().In(g.zone).Format(time.DateTime)}, "biz_content": {string(content)},
	}
	if g.token != "" {
		form.Set("app_auth_token", g.token)
	}
	signature, err := channel.Sign(g.private, []byte(signedText(form)))
	if err != nil {
		return err
	}
	form.Set("sign", signature)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.base.JoinPath("/gateway.do").String(), strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=utf-8")
	res, err := channel.Do(g.client, req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return plugins.Fail(plugins.FailureUnavailable, "channel answered %d", res.StatusCode)
	}
	body, err := channel.Answer(res)
	if err != nil {
		return err
	}
	return g.read(body, strings.ReplaceAll(method, ".", "_")+"_response", into)
}

// signedText is the parameters in order of their names, without the signature and what is empty.
func signedText(form url.Values, without ...string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if value := form.Get(name); value != "" && name != "sign" && !slices.Contains(without, name) {
			parts = append(parts, name+"="+value)
		}
	}
	return strings.Join(parts, "&")
}

// read verifies the signature over the answer's own bytes, escaped slashes and all, and then reads it. An error answer
// may come without a signature; it is believed as an error only.
func (g *gateway) read(body []byte, node string, into any) error {
	var outer map[string]json.RawMessage
	if err := json.Unmarshal(body, &outer); err != nil {
		return plugins.Fail(plugins.FailureUnavailable, "answer is not the JSON expected: %v", err)
	}
	raw, ok := outer[node]
	if !ok {
		if raw, ok = outer["error_response"]; !ok {
			return plugins.Fail(plugins.FailureUnavailable, "answer has no %s", node)
		}
	}
	var p problem
	if err := json.Unmarshal(raw, &p); err != nil {
		return plugins.Fail(plugins.FailureUnavailable, "answer is not the JSON expected: %v", err)
	}
	var signature string
	_ = json.Unmarshal(outer["sign"], &signature) // without one the check below fails
	genuine := channel.Genuine(g.alipay, bytes.TrimSpace(raw), signature)
	switch {
	case p.Code == successCode && !genuine, signature != "" && !genuine:
		return plugins.Fail(plugins.FailureUnavailable, "answer's signature is not Alipay's")
	case p.Code != successCode && !genuine && p.is("BILL_NOT_EXIST", "ACQ.TRADE_NOT_EXIST", "TRADE_NOT_EXIST"):
		return plugins.Fail(plugins.FailureUnavailable, "answer %s has no signature: it could be anybody's", p.SubCode)
	case p.Code != successCode:
		return &p
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return plugins.Fail(plugins.FailureUnavailable, "answer is not the JSON expected: %v", err)
	}
	return nil
}
