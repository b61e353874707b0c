package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// publicSuffix is added to the name of a key file for the half that verifies.
const publicSuffix = ".pub"

// Key signs checkpoints. Its name stands in every one and says whose log it is.
type Key struct {
	signer   note.Signer
	verifier note.Verifier
}

// NewKey makes a key: the secret half in file, for its owner only, the public half beside it in file.pub. A file that is
// there stays as it is.
func NewKey(file, name string) error {
	secret, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return fmt.Errorf("make audit key: %w", err)
	}
	if _, err := ReadKey([]byte(secret)); err != nil { // a name that a note cannot carry
		return fmt.Errorf("make audit key: --name: is no name for a key (got %q); try: --name example.com/audit", name)
	}
	if err := writeNew(file, secret, 0o600); err != nil {
		return err
	}
	return writeNew(file+publicSuffix, public, 0o644)
}

func writeNew(file, text string, mode os.FileMode) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("write audit key: %s is there already; try: another name, since a log is bound to its key", file)
	}
	if err != nil {
		return fmt.Errorf("write audit key: %w", err)
	}
	if _, err = f.WriteString(text + "\n"); err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write audit key: %w", err)
	}
	return nil
}

// errNoKey never shows the text it is about.
var errNoKey = errors.New("is no audit key; try: touchstone audit key new FILE --name NAME")

// ReadKey reads the secret half of a key, which has the public half in it.
func ReadKey(secret []byte) (Key, error) {
	text := string(bytes.TrimSpace(secret))
	signer, err := note.NewSigner(text)
	if err != nil {
		return Key{}, fmt.Errorf("read audit key: %w", errNoKey)
	}
	parts := strings.SplitN(text, "+", 5) // PRIVATE+KEY+name+hash+data, as the package note writes it
	data, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(data) != 1+ed25519.SeedSize {
		return Key{}, fmt.Errorf("read audit key: %w", errNoKey)
	}
	public, ok := ed25519.NewKeyFromSeed(data[1:]).Public().(ed25519.PublicKey)
	if !ok {
		return Key{}, fmt.Errorf("read audit key: %w", errNoKey)
	}
	vkey, err := note.NewEd25519VerifierKey(signer.Name(), public)
	if err != nil {
		return Key{}, fmt.Errorf("read audit key: %w", err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return Key{}, fmt.Errorf("read audit key: %w", err)
	}
	return Key{signer, verifier}, nil
}

// ReadVerifier reads the public half of a key from its file.
func ReadVerifier(file string) (note.Verifier, error) {
	public, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read public audit key: %w", err)
	}
	verifier, err := note.NewVerifier(string(bytes.TrimSpace(public)))
	if err != nil {
		return nil, fmt.Errorf("read public audit key %s: is none; try: the file that ends in %s: %w", file, publicSuffix, err)
	}
	return verifier, nil
}
