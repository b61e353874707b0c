package main

import (
	"net/url"

	"github.com/seed-3356bd69/touchstone/plugins"
)

// Names of the settings of a fetch. The two keys are secrets: their settings name environment variables.
const (
	settingBase     = "base_url"         // default defaultBase
	settingSerial   = "serial_no"        // of the merchant's certificate
	settingKey      = "private_key_env"  // merchant's PKCS#8 key, PEM
	settingPlatform = "platform_key_env" // platform's public key or certificate, PEM
)

const defaultBase = "https://api.mch.weixin.qq.com"

// session is what one fetch needs: where to ask, and how to sign.
type session struct {
	base   *url.URL
	signer *signer
}

func (a *adapter) session(req plugins.FetchRequest) (*session, error) {
	base, err := baseURL(req.Settings[settingBase])
	if err != nil {
		return nil, err
	}
	s := &signer{merchant: req.Account, serial: req.Settings[settingSerial], now: a.cfg.Now, random: a.cfg.Random}
	if s.merchant == "" || s.serial == "" {
		return nil, plugins.Fail(plugins.FailureConfig, "fetch needs an account and the setting %s", settingSerial)
	}
	text, err := a.secret(req.Settings, settingKey)
	if err != nil {
		return nil, err
	}
	if s.private, err = privateKey(text); err != nil {
		return nil, plugins.Fail(plugins.FailureConfig, "setting %s: %v", settingKey, err)
	}
	if text, err = a.secret(req.Settings, settingPlatform); err != nil {
		return nil, err
	}
	if s.platform, err = publicKey(text); err != nil {
		return nil, plugins.Fail(plugins.FailureConfig, "setting %s: %v", settingPlatform, err)
	}
	return &session{base: base, signer: s}, nil
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
