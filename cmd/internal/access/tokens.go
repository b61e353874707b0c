package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/casework/api"
)

// NewToken makes a token of 256 random bits, and the hash of it that a configuration holds.
func NewToken() (token, hash string) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	token = prefix + base64.RawURLEncoding.EncodeToString(raw)
	return token, Hash(token)
}

const prefix = "tst_" // of tokens, so that one that got out is found

// made tells whether a token can be one of NewToken: the hash of a word somebody chose is guessed in no time.
func made(token string) bool {
	bits, ok := strings.CutPrefix(token, prefix)
	raw, err := base64.RawURLEncoding.DecodeString(bits)
	return ok && err == nil && len(bits) == 43 && len(raw) == 32
}

// Hash is what a configuration holds of a token. A token has too many bits to be guessed, so that a plain hash is enough.
func Hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Holder is somebody whose token's hash is known.
type Holder struct {
	Name string
	Role casework.Role
	Hash string // SHA-256, hex
}

// Tokens knows people by the hashes of their tokens.
type Tokens []Holder

var _ api.Who = Tokens(nil)

// Actor compares with every hash, so that the time it takes says nothing. What was not made by NewToken is nobody's, whatever
// hash the configuration has.
func (t Tokens) Actor(_ context.Context, token string) (casework.Actor, error) {
	hash := []byte(Hash(token))
	var who casework.Actor
	for _, h := range t {
		if subtle.ConstantTimeCompare(hash, []byte(h.Hash)) == 1 {
			who = casework.Actor{Name: h.Name, Role: h.Role}
		}
	}
	if who.Name == "" || !made(token) {
		return casework.Actor{}, api.ErrStranger
	}
	return who, nil
}

// Any asks one after another.
type Any []api.Who

// Actor gives the first that knows the token.
func (a Any) Actor(ctx context.Context, token string) (who casework.Actor, err error) {
	err = api.ErrStranger
	for _, one := range a {
		if who, err = one.Actor(ctx, token); err == nil {
			return who, nil
		}
	}
	return who, err
}
