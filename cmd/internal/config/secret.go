package config

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
)

const maxSecret = 64 << 10

// SecretFile is a secret kept in a file of its own. Printing or logging it shows the path, never the content.
type SecretFile struct {
	path   string
	secret []byte
}

// Path is where the secret was read.
func (s SecretFile) Path() string { return s.path }

// Set tells whether the configuration names such a file.
func (s SecretFile) Set() bool { return s.path != "" }

// Bytes is the content without surrounding white space.
func (s SecretFile) Bytes() []byte { return bytes.Clone(s.secret) }

// Again reads the file once more: a secret may be replaced while a process runs.
func (s SecretFile) Again() ([]byte, error) {
	secret, bad := readSecret(s.path)
	if bad != nil {
		return nil, fmt.Errorf("read %s: it %s", s.path, bad.what)
	}
	return secret, nil
}

// Texts are secrets by the names they were given, nil where there are none.
func Texts(secrets map[string]SecretFile) map[string]string {
	if len(secrets) == 0 {
		return nil
	}
	out := map[string]string{}
	for name, file := range secrets {
		out[name] = file.Text()
	}
	return out
}

// Text is the content without surrounding white space.
func (s SecretFile) Text() string { return string(s.secret) }

// Format prints the path for every verb.
func (s SecretFile) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "<secret in %s>", s.path) }

// MarshalText keeps the content out of JSON and YAML.
func (s SecretFile) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", s), nil }

// LogValue keeps the content out of logs.
func (s SecretFile) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(s)) }

func (s *SecretFile) resolve(folder, text string) *complaint {
	if text == "" || bytes.ContainsRune([]byte(text), 0) {
		return &complaint{"is not a path", "the path of a file that holds the secret"}
	}
	path := within(folder, text)
	secret, bad := readSecret(path)
	*s = SecretFile{path: path, secret: secret}
	return bad
}

func readSecret(path string) ([]byte, *complaint) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, &complaint{"cannot be read: " + bare(err), "the path of a file that holds the secret, relative to this file's folder"}
	case !info.Mode().IsRegular():
		return nil, &complaint{"is not a regular file", "the path of a file that holds the secret"}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &complaint{"cannot be read: " + bare(err), "chown it to the user that runs this"}
	}
	defer f.Close()
	if info, err = f.Stat(); err == nil && info.Mode().Perm()&0o007 != 0 {
		return nil, &complaint{fmt.Sprintf("is open to everybody (mode %#o)", info.Mode().Perm()), "chmod 600 " + path}
	}
	secret, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	switch secret = bytes.TrimSpace(secret); {
	case err != nil:
		return nil, &complaint{"cannot be read: " + bare(err), ""}
	case len(secret) == 0:
		return nil, &complaint{"is an empty file", "write the secret into " + path}
	case len(secret) > maxSecret:
		return nil, &complaint{"is longer than 64 KiB", ""}
	}
	return secret, nil
}
