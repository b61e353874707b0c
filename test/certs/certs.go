// Package certs makes the certificates of tests.
//
// In: a folder.
// Out: a fresh authority, and a certificate for 127.0.0.1 and localhost signed by it, as PEM files and as tls.Configs.
// Never: anything but tests.
package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Set is one authority with one certificate.
type Set struct {
	CA, Cert, Key string // paths of PEM files
	Server        *tls.Config
	Client        *tls.Config
}

// New writes a set into dir.
func New(dir string) (Set, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Set{}, fmt.Errorf("make key of authority: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Set{}, fmt.Errorf("make key: %w", err)
	}
	ca := template(1, "test authority")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return Set{}, fmt.Errorf("sign authority: %w", err)
	}
	leaf := template(2, "localhost")
	leaf.IPAddresses, leaf.DNSNames = []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"}
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		return Set{}, fmt.Errorf("sign certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Set{}, fmt.Errorf("encode key: %w", err)
	}
	s := Set{CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	if err := errors.Join(write(s.CA, "CERTIFICATE", caDER), write(s.Cert, "CERTIFICATE", leafDER), write(s.Key, "PRIVATE KEY", keyDER)); err != nil {
		return Set{}, err
	}
	return s, s.load(caDER)
}

func (s *Set) load(caDER []byte) error {
	pair, err := tls.LoadX509KeyPair(s.Cert, s.Key)
	if err != nil {
		return fmt.Errorf("load certificate: %w", err)
	}
	ca, err := x509.ParseCertificate(caDER)
	if err != nil {
		return fmt.Errorf("read authority: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	s.Server = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.Client = &tls.Config{RootCAs: roots, ServerName: "localhost"}
	return nil
}

func template(serial int64, name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

func write(path, kind string, der []byte) error {
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	return nil
}
