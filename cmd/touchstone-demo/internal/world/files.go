package world

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"embed"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"github.com/seed-3356bd69/touchstone/recon/audit"
)

//go:embed sidecar.yaml.tmpl comparer.yaml.tmpl
var templates embed.FS

// Settings are what the configuration files of a run are made of.
type Settings struct {
	Cutover       string
	Capture       Capture
	Release       string
	GrayPercent   string
	MaxBound      string
	Stages        []Stage // none = no rollout
	Control       string  // address of the control plane
	Account       string
	Day           string
	Stable        string // addresses, host:port
	Candidate     string
	ChannelAddr   string
	PrimaryDB     string
	ShadowDB      string
	HTTP          string
	Admin         string
	Bus           string
	Comparer      string
	EgressPrimary string
	EgressShadow  string
	DualWrite     string
	Divert        string
	Adapter       string // path
	AdapterSHA256 string
}

// Stage is one rung of the demo's ladder, as the configuration writes it.
type Stage struct{ Gray, Bound string }

// AuditKey is the file with the key of the rollout's audit log, beside its public half.
func (Settings) AuditKey() string { return "audit.key" }

// Salt decides which orders are gray. It is fixed, so that the demo's slice is the same in every run.
const Salt = "the demo slices alike in every run"

// MerchantKey is the file with the merchant's signing key.
const MerchantKey = "merchant.pem"

// WriteKeys puts the merchant's signing key and the channel's public key into dir.
func WriteKeys(dir string, merchant *rsa.PrivateKey, platform *rsa.PublicKey) error {
	private, err := x509.MarshalPKCS8PrivateKey(merchant)
	if err != nil {
		return fmt.Errorf("encode the merchant's key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(platform)
	if err != nil {
		return fmt.Errorf("encode the channel's key: %w", err)
	}
	return errors.Join(
		writeSecret(dir, MerchantKey, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		writeSecret(dir, "platform.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
	)
}

// ReadKey reads the merchant's signing key from the file that WriteKeys made.
func ReadKey(path string) (*rsa.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the merchant's key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("read the merchant's key: %s holds no PEM block", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse the merchant's key: %w", err)
	}
	private, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("parse the merchant's key: %s holds no RSA key", path)
	}
	return private, nil
}

func writeSecret(dir, name string, content []byte) error {
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
		return fmt.Errorf("write secret: %w", err)
	}
	return nil
}

// WriteFiles puts the two configuration files and the secrets they name into dir.
func WriteFiles(dir string, s Settings) error {
	for name, content := range map[string]string{
		"primary.dsn": DSN(s.PrimaryDB, Schema), "shadow.dsn": DSN(s.ShadowDB, Schema),
		"tag.key": rand.Text(), "salt.key": Salt,
		"bus-sidecar.pass": rand.Text(), "bus-comparer.pass": rand.Text(),
	} {
		if err := writeSecret(dir, name, []byte(content)); err != nil {
			return err
		}
	}
	if err := audit.NewKey(filepath.Join(dir, s.AuditKey()), "touchstone-demo/rollout"); err != nil {
		return err
	}
	parsed, err := template.ParseFS(templates, "*.tmpl")
	if err != nil {
		return fmt.Errorf("parse configuration templates: %w", err)
	}
	for _, name := range []string{"sidecar.yaml", "comparer.yaml"} {
		var text bytes.Buffer
		if err := parsed.ExecuteTemplate(&text, name+".tmpl", s); err != nil {
			return fmt.Errorf("fill %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text.Bytes(), 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}

// SideNames are the two databases in the comparer's configuration.
func (Settings) SideNames() []string { return []string{"primary", "shadow"} }
