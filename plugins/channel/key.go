package channel

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/seed-3356bd69/touchstone/plugins"
)

// PrivateKey reads the RSA key that a setting's variable holds: PEM, or the bare base64 that some channels' tools give.
func (l Lookup) PrivateKey(settings plugins.Settings, setting string) (*rsa.PrivateKey, error) {
	text, err := l.Secret(settings, setting)
	if err != nil {
		return nil, err
	}
	key, err := parsePrivate(text)
	if err != nil {
		return nil, plugins.Fail(plugins.FailureConfig, "setting %s: %v", setting, err)
	}
	return key, nil
}

func parsePrivate(text string) (*rsa.PrivateKey, error) {
	der, err := derOf(text)
	if err != nil {
		return nil, err
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("no PKCS#8 key: %w", err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("no RSA key")
	}
	return private, nil
}

// PublicKey reads the channel's RSA key: a PKIX public key, or the certificate that holds it.
func (l Lookup) PublicKey(settings plugins.Settings, setting string) (*rsa.PublicKey, error) {
	text, err := l.Secret(settings, setting)
	if err != nil {
		return nil, err
	}
	key, err := parsePublic(text)
	if err != nil {
		return nil, plugins.Fail(plugins.FailureConfig, "setting %s: %v", setting, err)
	}
	return key, nil
}

func parsePublic(text string) (*rsa.PublicKey, error) {
	der, err := derOf(text)
	if err != nil {
		return nil, err
	}
	if cert, err := x509.ParseCertificate(der); err == nil {
		if public, ok := cert.PublicKey.(*rsa.PublicKey); ok {
			return public, nil
		}
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("no PKIX public key: %w", err)
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("no RSA key")
	}
	return public, nil
}

func derOf(text string) ([]byte, error) {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return block.Bytes, nil
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil || len(der) == 0 {
		return nil, errors.New("no PEM block")
	}
	return der, nil
}

// Sign signs a text with SHA256withRSA and gives it in base64.
func Sign(key *rsa.PrivateKey, text []byte) (string, error) {
	digest := sha256.Sum256(text)
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign request: %w", err)
	}
	return base64.StdEncoding.EncodeToString(signature), nil
}

// Genuine checks a signature of SHA256withRSA in base64.
func Genuine(key *rsa.PublicKey, text []byte, signature string) bool {
	raw, err := base64.StdEncoding.DecodeString(signature)
	digest := sha256.Sum256(text)
	return err == nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], raw) == nil
}
