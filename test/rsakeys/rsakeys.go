// Package rsakeys gives tests RSA keys, each made once in a test binary: making one takes longer than most tests.
package rsakeys

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"sync"
)

// Pair is a key as programs hold it, and as configuration does.
type Pair struct {
	Key     *rsa.PrivateKey
	Private string // PKCS#8, PEM
	Public  string // PKIX, PEM
}

// Ring makes keys when they are first asked for. The zero value is ready.
type Ring struct {
	mu    sync.Mutex
	pairs map[string]Pair
}

// Of gives the key of a name: the same one each time, another one for another name.
func (r *Ring) Of(name string) Pair {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, ok := r.pairs[name]; ok {
		return p
	}
	if r.pairs == nil {
		r.pairs = map[string]Pair{}
	}
	r.pairs[name] = newPair()
	return r.pairs[name]
}

func newPair() Pair {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // there is no randomness
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		panic(err)
	}
	return Pair{
		Key:     key,
		Private: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		Public:  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
	}
}
