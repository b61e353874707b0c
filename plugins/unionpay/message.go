package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/plugins"
)

// message is the flat form that both sides send.
type message map[string]string

// signedText is the fields in order of their names, without the signature and what is empty.
func (m message) signedText() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if name != "signature" && m[name] != "" {
			parts = append(parts, name+"="+m[name])
		}
	}
	return strings.Join(parts, "&")
}

// digest is what the RSA signature is over: the hex text of the fields' SHA-256, hashed once more.
func (m message) digest() []byte {
	first := sha256.Sum256([]byte(m.signedText()))
	second := sha256.Sum256([]byte(hex.EncodeToString(first[:])))
	return second[:]
}

// sign adds the signature of method 01, RSA with SHA-256 (version 5.1.0).
func (m message) sign(key *rsa.PrivateKey) error {
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, m.digest())
	if err != nil {
		return fmt.Errorf("sign request: %w", err)
	}
	m["signature"] = base64.StdEncoding.EncodeToString(signature)
	return nil
}

// genuine checks the signature with the key that the configuration names. A certificate that a message brings along is
// not looked at: a message cannot vouch for itself.
func (m message) genuine(key *rsa.PublicKey) bool {
	raw, err := base64.StdEncoding.DecodeString(m["signature"])
	return err == nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, m.digest(), raw) == nil
}

func (m message) encode() string {
	form := url.Values{}
	for name, value := range m {
		form.Set(name, value)
	}
	return form.Encode()
}

// parseForm reads a form that is encoded, as notifications are. A field that comes twice is refused.
func parseForm(body string) (message, error) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return nil, plugins.Fail(plugins.FailureUnavailable, "answer is no form: %v", err)
	}
	m := message{}
	for name, values := range form {
		if len(values) > 1 {
			return nil, plugins.Fail(plugins.FailureUnavailable, "answer has %s twice", name)
		}
		m[name] = values[0]
	}
	return m, nil
}

// parsePlain reads an answer, whose values are not encoded: base64 with '+' and '=' stands there as it is, and a value in
// braces may hold anything.
func parsePlain(body string) (message, error) {
	m := message{}
	for rest := strings.TrimSpace(body); rest != ""; {
		name, after, ok := strings.Cut(rest, "=")
		if !ok || name == "" {
			return nil, plugins.Fail(plugins.FailureUnavailable, "answer is no list of fields")
		}
		end := strings.IndexByte(after, '&')
		if strings.HasPrefix(after, "{") {
			end = strings.Index(after, "}&")
			if end >= 0 {
				end++
			}
		}
		value := after
		rest = ""
		if end >= 0 {
			value, rest = after[:end], after[end+1:]
		}
		if _, twice := m[name]; twice {
			return nil, plugins.Fail(plugins.FailureUnavailable, "answer has %s twice", name)
		}
		m[name] = value
	}
	return m, nil
}
