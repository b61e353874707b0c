package main

import (
	"crypto/rsa"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
	"github.com/seed-3356bd69/touchstone/plugins/channel"
)

// scheme is the channel's name of its signature.
const scheme = "WECHATPAY2-SHA256-RSA2048"

// maxSkew bounds how far the channel's clock may be from ours on a signed answer; the channel asks for five minutes.
const maxSkew = 5 * time.Minute

// signer signs requests as the merchant and verifies answers of the platform.
type signer struct {
	merchant string
	serial   string
	private  *rsa.PrivateKey
	platform *rsa.PublicKey
	now      func() time.Time
	random   io.Reader
}

// sign sets Authorization. Query and path are signed as they go out; the bill's requests have no body.
func (s *signer) sign(req *http.Request) error {
	var nonce [16]byte
	if _, err := io.ReadFull(s.random, nonce[:]); err != nil {
		return fmt.Errorf("draw nonce: %w", err)
	}
	nonceText, stamp := hex.EncodeToString(nonce[:]), strconv.FormatInt(s.now().Unix(), 10)
	signature, err := channel.Sign(s.private, []byte(req.Method+"\n"+req.URL.RequestURI()+"\n"+stamp+"\n"+nonceText+"\n\n"))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", fmt.Sprintf(`%s mchid="%s",nonce_str="%s",signature="%s",timestamp="%s",serial_no="%s"`,
		scheme, s.merchant, nonceText, signature, stamp, s.serial))
	return nil
}

// verify checks that an answer is the platform's and fresh.
func (s *signer) verify(h http.Header, body []byte) error {
	stamp, nonce := h.Get("Wechatpay-Timestamp"), h.Get("Wechatpay-Nonce")
	if h.Get("Wechatpay-Signature") == "" {
		return plugins.Fail(plugins.FailureUnavailable, "answer has no signature")
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || s.now().Sub(time.Unix(seconds, 0)).Abs() > maxSkew {
		return plugins.Fail(plugins.FailureUnavailable, "answer's timestamp %q is not within %v of our clock", stamp, maxSkew)
	}
	if !channel.Genuine(s.platform, []byte(stamp+"\n"+nonce+"\n"+string(body)+"\n"), h.Get("Wechatpay-Signature")) {
		return plugins.Fail(plugins.FailureUnavailable, "answer's signature is not the platform's")
	}
	return nil
}
