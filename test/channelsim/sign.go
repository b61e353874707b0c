package channelsim

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxSkew bounds the age of a request.
const maxSkew = 5 * time.Minute

var errSignature = errors.New("signature is wrong")

// verify checks a request's Authorization header.
func (s *Sim) verify(r *http.Request, body []byte) error {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if scheme != "WECHATPAY2-SHA256-RSA2048" {
		return errSignature
	}
	fields := map[string]string{}
	for _, m := range regexp.MustCompile(`(\w+)="([^"]*)"`).FindAllStringSubmatch(rest, -1) {
		fields[m[1]] = m[2]
	}
	seconds, err := strconv.ParseInt(fields["timestamp"], 10, 64)
	if err != nil || s.cfg.Now().Sub(time.Unix(seconds, 0)).Abs() > maxSkew {
		return errSignature
	}
	if fields["mchid"] != s.cfg.MchID || fields["serial_no"] == "" || fields["nonce_str"] == "" {
		return errSignature
	}
	signature, err := base64.StdEncoding.DecodeString(fields["signature"])
	if err != nil {
		return errSignature
	}
	text := fmt.Sprintf("%s\n%s\n%s\n%s\n%s\n", r.Method, r.URL.RequestURI(), fields["timestamp"], fields["nonce_str"], body)
	digest := sha256.Sum256([]byte(text))
	return rsa.VerifyPKCS1v15(s.cfg.MerchantKey, crypto.SHA256, digest[:], signature)
}

// sign adds the platform's signature to an answer.
func (s *Sim) sign(h http.Header, body []byte) error {
	stamp, nonce := strconv.FormatInt(s.cfg.Now().Unix(), 10), rand.Text()
	digest := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n", stamp, nonce, body))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.cfg.PlatformKey, crypto.SHA256, digest[:])
	if err != nil {
		return fmt.Errorf("sign answer: %w", err)
	}
	h.Set("Wechatpay-Timestamp", stamp)
	h.Set("Wechatpay-Nonce", nonce)
	h.Set("Wechatpay-Signature", base64.StdEncoding.EncodeToString(signature))
	h.Set("Wechatpay-Serial", "PLATFORM")
	return nil
}

// signText and verifyText are SHA256withRSA in base64.
func signText(key *rsa.PrivateKey, text string) (string, error) {
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	return base64.StdEncoding.EncodeToString(signature), err
}

func verifyText(key *rsa.PublicKey, text, signature string) error {
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return errSignature
	}
	digest := sha256.Sum256([]byte(text))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], raw)
}
