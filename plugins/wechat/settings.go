package main

import (
	"crypto/rsa"
	"net/url"

	"github.com/seed-3356bd69/touchstone/plugins"
)

// Names of the settings of a fetch. The two keys are secrets: their settings name environment variables.
const (
	settingAPI      = "api"              // "v3", the default, or "v2"
	settingGzip     = "gzip"             // "true": the bill travels compressed
	settingSub      = "sub_mchid"        // one sub-merchant's trade bill; none: all of them
	settingBase     = "base_url"         // default defaultBase
	settingSerial   = "serial_no"        // of the merchant's certificate
	settingKey      = "private_key_env"  // merchant's PKCS#8 key, PEM
	settingPlatform = "platform_key_env" // platform's public key or certificate, PEM
	settingAPIKey   = "api_key_env"      // API v3 key of callbacks (32 bytes), or the API key of v2
	settingAppID    = "appid"            // v2 only
	settingSignType = "sign_type"        // v2 only: MD5, the default, or HMAC-SHA256
	settingCert     = "client_cert_env"  // v2 fund flow only: the merchant's API certificate, PEM, with settingKey
)

// apiV2 is the value of settingAPI for the older interface.
const apiV2 = "v2"

const defaultBase = "https://api.mch.weixin.qq.com"

// session is what one fetch needs: where to ask, and how to sign.
type session struct {
	base   *url.URL
	signer *signer
}

func (a *adapter) session(account string, settings plugins.Settings) (*session, error) {
	base, err := baseURL(settings[settingBase])
	if err != nil {
		return nil, err
	}
	s := &signer{merchant: account, serial: settings[settingSerial], now: a.cfg.Now, random: a.cfg.Random}
	if s.merchant == "" || s.serial == "" {
		return nil, plugins.Fail(plugins.FailureConfig, "an account and the setting %s are needed", settingSerial)
	}
	text, err := a.secret(settings, settingKey)
	if err != nil {
		return nil, err
	}
	if s.private, err = privateKey(text); err != nil {
		return nil, plugins.Fail(plugins.FailureConfig, "setting %s: %v", settingKey, err)
	}
	if s.platform, err = a.platformKey(settings); err != nil {
		return nil, err
	}
	return &session{base: base, signer: s}, nil
}

func (a *adapter) platformKey(settings plugins.Settings) (*rsa.PublicKey, error) {
	text, err := a.secret(settings, settingPlatform)
	if err != nil {
		return nil, err
	}
	key, err := publicKey(text)
	if err != nil {
		return nil, plugins.Fail(plugins.FailureConfig, "setting %s: %v", settingPlatform, err)
	}
	return key, nil
}

func baseURL(text string) (*url.URL, error) {
	if text == "" {
		text = defaultBase
	}
	base, err := url.Parse(text)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") {
		return nil, plugins.Fail(plugins.FailureConfig, "setting %s is no http(s) URL", settingBase)
	}
	return base, nil
}

// secret reads the environment variable that a setting names.
func (a *adapter) secret(settings plugins.Settings, setting string) (string, error) {
	name := settings[setting]
	if name == "" {
		return "", plugins.Fail(plugins.FailureConfig, "setting %s is missing", setting)
	}
	value, ok := a.cfg.LookupEnv(name)
	if !ok {
		e := plugins.Fail(plugins.FailureConfig, "environment variable %s (setting %s) is not set", name, setting)
		e.Hint = "put " + name + " on the adapter's list of variables"
		return "", e
	}
	return value, nil
}
