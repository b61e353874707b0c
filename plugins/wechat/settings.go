package main

import (
	"net/url"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
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
	base, err := channel.BaseURL(settings, settingBase, defaultBase)
	if err != nil {
		return nil, err
	}
	s := &signer{merchant: account, serial: settings[settingSerial], now: a.cfg.Now, random: a.cfg.Random}
	if s.merchant == "" || s.serial == "" {
		return nil, plugins.Fail(plugins.FailureConfig, "an account and the setting %s are needed", settingSerial)
	}
	if s.private, err = a.env.PrivateKey(settings, settingKey); err != nil {
		return nil, err
	}
	if s.platform, err = a.env.PublicKey(settings, settingPlatform); err != nil {
		return nil, err
	}
	return &session{base: base, signer: s}, nil
}
