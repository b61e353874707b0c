package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"testing"
)

// authorize writes the Authorization header of a POST as the channel's documentation has it.
func authorize(t *testing.T, s *signer, path, body string) string {
	t.Helper()
	stamp, nonce := s.now().Unix(), rand.Text()
	digest := sha256.Sum256(fmt.Appendf(nil, "POST\n%s\n%d\n%s\n%s\n", path, stamp, nonce, body))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.private, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`WECHATPAY2-SHA256-RSA2048 mchid="%s",nonce_str="%s",signature="%s",timestamp="%d",serial_no="%s"`,
		s.merchant, nonce, base64.StdEncoding.EncodeToString(signature), stamp, s.serial)
}
