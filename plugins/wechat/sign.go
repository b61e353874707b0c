package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/seed-3356bd69/touchstone/plugins"
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
	digest := sha256.Sum256([]byte(req.Method + "\n" + req.URL.RequestURI() + "\n" + stamp + "\n" + nonceText + "\n\n"))
	signature, err := rsa.SignPKCS1v15(s.random, s.private, crypto.SHA256, digest[:])
	if err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	req.Header.Set("Authorization", fmt.Sprintf(`%s mchid="%s",nonce_str="%s",signature="%s",timestamp="%s",serial_no="%s"`,
		scheme, s.merchant, nonceText, base64.StdEncoding.EncodeToString(signature), stamp, s.serial))
	return nil
}

// verify checks that an answer is the platform's and fresh.
func (s *signer) verify(h http.Header, body []byte) error {
	stamp, nonce := h.Get("Wechatpay-Timestamp"), h.Get("Wechatpay-Nonce")
	signature, err := base64.StdEncoding.DecodeString(h.Get("Wechatpay-Signature"))
	if err != nil || len(signature) == 0 {
		return plugins.Fail(plugins.FailureUnavailable, "answer has no readable signature")
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || s.now().Sub(time.Unix(seconds, 0)).Abs() > maxSkew {
		return plugins.Fail(plugins.FailureUnavailable, "answer's timestamp %q is not within %v of our clock", stamp, maxSkew)
	}
	digest := sha256.Sum256([]byte(stamp + "\n" + nonce + "\n" + string(body) + "\n"))
	if err := rsa.VerifyPKCS1v15(s.platform, crypto.SHA256, digest[:], signature); err != nil {
		return plugins.Fail(plugins.FailureUnavailable, "answer's signature is not the platform's")
	}
	return nil
}

// privateKey reads a PKCS#8 PEM key.
func privateKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, fmt.Errorf("no PEM block")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("no PKCS#8 key: %w", err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("no RSA key")
	}
	return private, nil
}

// publicKey reads a platform key: a PKIX public key, or the certificate that holds it.
func publicKey(text string) (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, fmt.Errorf("no PEM block")
	}
	if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
		if public, ok := cert.PublicKey.(*rsa.PublicKey); ok {
			return public, nil
		}
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("no PKIX public key: %w", err)
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("no RSA key")
	}
	return public, nil
}
