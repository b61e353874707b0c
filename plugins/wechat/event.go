package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5" // API v2 derives the key of refund callbacks with it
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
)

// The callbacks.
const (
	eventPayment = "payment"
	eventRefund  = "refund"
)

// DecodeEvent reads a callback of either interface; which one is told by its body.
func (a *adapter) DecodeEvent(_ context.Context, req plugins.EventRequest) (plugins.EventResult, error) {
	var res plugins.EventResult
	var err error
	if strings.HasPrefix(strings.TrimSpace(string(req.Body)), "<") {
		res, err = a.eventV2(req)
	} else {
		res, err = a.eventV3(req)
	}
	if err == nil && req.Account != "" && res.Record.Account != req.Account {
		return plugins.EventResult{}, plugins.Fail(plugins.FailureForged, "callback is for account %s", res.Record.Account)
	}
	return res, err
}

// envelope is a callback of API v3; what it is about is encrypted for the merchant.
type envelope struct {
	EventType string `json:"event_type"`
	Resource  struct {
		Algorithm      string `json:"algorithm"`
		Ciphertext     string `json:"ciphertext"`
		AssociatedData string `json:"associated_data"`
		Nonce          string `json:"nonce"`
	} `json:"resource"`
}

func (a *adapter) eventV3(req plugins.EventRequest) (res plugins.EventResult, err error) {
	platform, err := a.env.PublicKey(req.Settings, settingPlatform)
	if err != nil {
		return res, err
	}
	received := req.Received
	if received.IsZero() {
		received = a.cfg.Now()
	}
	s := &signer{platform: platform, now: func() time.Time { return received }}
	if err := s.verify(req.Header, req.Body); err != nil {
		return res, plugins.Fail(plugins.FailureForged, "callback: %v", err)
	}
	var e envelope
	if err := json.Unmarshal(req.Body, &e); err != nil {
		return res, plugins.Fail(plugins.FailureUnsupported, "callback is not the JSON expected: %v", err)
	}
	plain, err := a.open(e, req.Settings)
	if err != nil {
		return res, err
	}
	res.Reply = plugins.EventReply{Status: http.StatusNoContent}
	switch {
	case strings.HasPrefix(e.EventType, "TRANSACTION."):
		var t transaction
		if err = json.Unmarshal(plain, &t); err == nil {
			res.Kind, res.State = eventPayment, t.State
			res.Record, err = t.record()
		}
	case strings.HasPrefix(e.EventType, "REFUND."):
		var r refund
		if err = json.Unmarshal(plain, &r); err == nil {
			res.Kind, res.State = eventRefund, r.state()
			res.Record, err = r.record()
		}
	default:
		return plugins.EventResult{}, plugins.Fail(plugins.FailureUnsupported, "callback of type %q", e.EventType)
	}
	return res, err
}

// open decrypts the resource with the API v3 key.
func (a *adapter) open(e envelope, settings plugins.Settings) ([]byte, error) {
	key, err := a.env.Secret(settings, settingAPIKey)
	if err != nil {
		return nil, err
	}
	if e.Resource.Algorithm != "AEAD_AES_256_GCM" {
		return nil, plugins.Fail(plugins.FailureUnsupported, "callback is encrypted with %q", e.Resource.Algorithm)
	}
	block, err := aes.NewCipher([]byte(key))
	if err != nil || len(key) != 32 {
		return nil, plugins.Fail(plugins.FailureConfig, "setting %s: the API v3 key has 32 bytes", settingAPIKey)
	}
	sealed, err := base64.StdEncoding.DecodeString(e.Resource.Ciphertext)
	if err != nil {
		return nil, plugins.Fail(plugins.FailureForged, "callback's ciphertext is not base64")
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil || len(e.Resource.Nonce) != gcm.NonceSize() {
		return nil, plugins.Fail(plugins.FailureForged, "callback's nonce has %d bytes", len(e.Resource.Nonce))
	}
	plain, err := gcm.Open(nil, []byte(e.Resource.Nonce), sealed, []byte(e.Resource.AssociatedData))
	if err != nil {
		return nil, plugins.Fail(plugins.FailureForged, "callback does not open with the API v3 key")
	}
	return plain, nil
}

// eventV2 reads a callback of API v2: a payment is signed, a refund is encrypted.
func (a *adapter) eventV2(req plugins.EventRequest) (res plugins.EventResult, err error) {
	key, err := a.env.Secret(req.Settings, settingAPIKey)
	if err != nil {
		return res, err
	}
	var f fields
	if err := xml.Unmarshal(req.Body, &f); err != nil {
		return res, plugins.Fail(plugins.FailureForged, "callback is not the XML expected: %v", err)
	}
	res.Reply = plugins.EventReply{Status: http.StatusOK, Type: "text/xml", Body: "<xml><return_code><![CDATA[SUCCESS]]></return_code></xml>"}
	if sealed := f["req_info"]; sealed != "" {
		inner, err := openV2(sealed, key)
		if err != nil {
			return plugins.EventResult{}, err
		}
		inner["mch_id"] = f["mch_id"]
		res.Kind, res.State = eventRefund, inner["refund_status"]
		res.Record, err = a.refundV2(inner, res.State, "")
		return res, err
	}
	kind := req.Settings[settingSignType]
	if kind == "" {
		kind = signMD5
	}
	if !f.genuine(kind, key) {
		return plugins.EventResult{}, plugins.Fail(plugins.FailureForged, "callback's signature is not the platform's")
	}
	state := "PAYERROR"
	if f["return_code"] == "SUCCESS" && f["result_code"] == "SUCCESS" {
		state = "SUCCESS"
	}
	res.Kind, res.State = eventPayment, f["result_code"]
	res.Record, err = a.paymentV2(f, state)
	return res, err
}

// openV2 decrypts a refund callback: AES-256-ECB with PKCS#7, the key is the API key's MD5 in hex. Nothing authenticates
// it but that it makes sense; the file decides anyway.
func openV2(sealed, key string) (fields, error) {
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(raw) == 0 || len(raw)%aes.BlockSize != 0 {
		return nil, plugins.Fail(plugins.FailureForged, "callback's req_info is no ciphertext")
	}
	sum := md5.Sum([]byte(key))
	block, err := aes.NewCipher([]byte(hex.EncodeToString(sum[:])))
	if err != nil {
		return nil, plugins.Fail(plugins.FailureInternal, "%v", err)
	}
	for i := 0; i < len(raw); i += aes.BlockSize {
		block.Decrypt(raw[i:i+aes.BlockSize], raw[i:i+aes.BlockSize])
	}
	pad := int(raw[len(raw)-1])
	if pad < 1 || pad > aes.BlockSize || pad > len(raw) {
		return nil, plugins.Fail(plugins.FailureForged, "callback does not open with the API key")
	}
	var f fields
	if err := xml.Unmarshal(raw[:len(raw)-pad], &f); err != nil {
		return nil, plugins.Fail(plugins.FailureForged, "callback does not open with the API key")
	}
	return f, nil
}
