package wire

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// Account is a database user with its password.
type Account struct{ User, Password string }

// Login makes a port answer logins itself: no client has, or needs, a password of the server's.
type Login struct {
	Accept Account // who may log in at the port; the password is not empty
	Own    Account // the port's account on the server
}

const (
	pluginNative = "mysql_native_password"
	pluginSHA2   = "caching_sha2_password"

	markAuthMore  byte = 0x01
	authFastOK    byte = 0x03
	authFull      byte = 0x04
	authPublicKey byte = 0x02
	scrambleSize       = 20
)

var errLogin = errors.New("login refused")

// greeting is what a server's first packet says of the login to come.
type greeting struct {
	scramble []byte
	plugin   string
}

// readGreeting reads a greeting that maskGreeting took.
func readGreeting(b []byte) (greeting, error) {
	at := bytes.IndexByte(b, 0) + 1 + 4
	if at < 5 || len(b) < at+8+1+18+12 {
		return greeting{}, fmt.Errorf("%w: greeting without scramble", errHandshake)
	}
	rest := b[at+9+18:]
	g := greeting{scramble: append(bytes.Clone(b[at:at+8]), rest[:12]...), plugin: pluginNative}
	if len(rest) > 13 {
		name, _, _ := bytes.Cut(rest[13:], []byte{0})
		g.plugin = string(name)
	}
	return g, nil
}

// proof is what a client sends instead of its password.
func proof(plugin, password string, scramble []byte) ([]byte, error) {
	if password == "" {
		return nil, nil
	}
	switch plugin {
	case pluginNative:
		once := sha1.Sum([]byte(password))
		twice := sha1.Sum(once[:])
		mask := sha1.Sum(append(bytes.Clone(scramble), twice[:]...))
		subtle.XORBytes(mask[:], mask[:], once[:])
		return mask[:], nil
	case pluginSHA2:
		once := sha256.Sum256([]byte(password))
		twice := sha256.Sum256(once[:])
		mask := sha256.Sum256(append(twice[:], scramble...))
		subtle.XORBytes(mask[:], mask[:], once[:])
		return mask[:], nil
	}
	return nil, fmt.Errorf("%w: the server asks for method %q; try: an account with %s or %s", errLogin, plugin, pluginNative, pluginSHA2)
}

// shows tells whether a client's proof is that of a password.
func shows(got []byte, plugin, password string, scramble []byte) bool {
	want, err := proof(plugin, password, scramble)
	return err == nil && len(want) > 0 && subtle.ConstantTimeCompare(got, want) == 1
}

// credentials shows an account to a server.
//
//	response ─┬─ OK                        done
//	          ├─ another method ─ proof ─┐
//	          ├─ more: fast OK ──────────┼─ OK
//	          └─ more: full ─ password by TLS, or by the server's public key
type credentials struct {
	account   Account
	greeting  greeting
	encrypted bool
}

// response is a handshake response for the account, with the capabilities and settings of head: the first 32 bytes of a
// client's own response.
func (c *credentials) response(head []byte, caps uint32, schema string) ([]byte, error) {
	shown, err := proof(c.greeting.plugin, c.account.Password, c.greeting.scramble)
	if err != nil { // the server names another method when it sees nothing that fits
		shown = nil
	}
	caps = caps&^(capAuthLenenc|capConnectAttrs|capConnectWithDB) | capSecureConnection | capPluginAuth
	if schema != "" {
		caps |= capConnectWithDB
	}
	b := bytes.Clone(head[:32])
	copy(b, []byte{byte(caps), byte(caps >> 8), byte(caps >> 16), byte(caps >> 24)})
	b = append(append(b, c.account.User...), 0)
	b = append(append(b, byte(len(shown))), shown...)
	if schema != "" {
		b = append(append(b, schema...), 0)
	}
	return append(append(b, c.greeting.plugin...), 0), nil
}

// authStep is what the server's packet asks for.
type authStep struct {
	reply []byte
	send  bool // the reply, which may be empty
	done  bool
}

// packet takes what the server says to it.
func (c *credentials) packet(b []byte) (authStep, error) {
	if len(b) == 0 {
		return authStep{}, fmt.Errorf("%w: empty packet during the login", errHandshake)
	}
	switch b[0] {
	case markOK:
		return authStep{done: true}, nil
	case markErr:
		e, err := parseErr(b)
		if err != nil {
			return authStep{}, err
		}
		return authStep{}, fmt.Errorf("%w: %w", errLogin, e)
	case markEOF:
		name, scramble, ok := bytes.Cut(b[1:], []byte{0})
		if !ok || len(scramble) < scrambleSize {
			return authStep{}, fmt.Errorf("%w: switch of method", errHandshake)
		}
		c.greeting = greeting{bytes.Clone(scramble[:scrambleSize]), string(name)}
		reply, err := proof(c.greeting.plugin, c.account.Password, c.greeting.scramble)
		return authStep{reply: reply, send: true}, err
	case markAuthMore:
		return c.more(b[1:])
	}
	return authStep{}, fmt.Errorf("%w: packet %#x during the login", errHandshake, b[0])
}

func (c *credentials) more(b []byte) (authStep, error) {
	switch {
	case len(b) == 1 && b[0] == authFastOK:
		return authStep{}, nil
	case len(b) == 1 && b[0] == authFull && c.encrypted:
		return authStep{reply: append([]byte(c.account.Password), 0), send: true}, nil
	case len(b) == 1 && b[0] == authFull:
		return authStep{reply: []byte{authPublicKey}, send: true}, nil
	}
	reply, err := c.seal(b)
	return authStep{reply: reply, send: true}, err
}

// seal encrypts the password with the server's public key.
func (c *credentials) seal(text []byte) ([]byte, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%w: the server's public key cannot be read", errHandshake)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: the server's public key: %w", errHandshake, err)
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: the server's public key is no RSA key", errHandshake)
	}
	plain := append([]byte(c.account.Password), 0)
	for i := range plain {
		plain[i] ^= c.greeting.scramble[i%scrambleSize]
	}
	sealed, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, public, plain, nil)
	if err != nil {
		return nil, fmt.Errorf("encrypt password: %w", err)
	}
	return sealed, nil
}
