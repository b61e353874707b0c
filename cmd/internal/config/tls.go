package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// PortTLS encrypts both legs of a MySQL port.
type PortTLS struct {
	Cert       Path       `yaml:"cert_file" required:"true"` // the port's certificate and what leads to its authority, PEM
	Key        SecretFile `yaml:"key_file" required:"true"`
	CA         Path       `yaml:"ca_file" required:"true"`     // authority of the database's certificate, PEM
	ServerName string     `yaml:"server_name" required:"true"` // in the database's certificate
}

var errNoAuthority = errors.New("holds no certificate")

// Server is the configuration of the leg to the clients.
func (t *PortTLS) Server() (*tls.Config, error) {
	cert, err := os.ReadFile(string(t.Cert))
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(cert, t.Key.Bytes())
	if err != nil {
		return nil, fmt.Errorf("pair certificate and key: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// Client is the configuration of the leg to the database.
func (t *PortTLS) Client() (*tls.Config, error) {
	pem, err := os.ReadFile(string(t.CA))
	if err != nil {
		return nil, fmt.Errorf("read authority: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read authority: %s %w", t.CA, errNoAuthority)
	}
	return &tls.Config{RootCAs: roots, ServerName: t.ServerName, MinVersion: tls.VersionTLS12}, nil
}

func (t *PortTLS) check(c *Checker, at string) {
	if t == nil {
		return
	}
	if _, err := t.Server(); err != nil && t.Cert != "" && t.Key.Set() {
		c.Complain(child(at, "cert_file"), "does not work with the key: "+bare(err), "a PEM certificate, and the PEM key that belongs to it as key_file")
	}
	if _, err := t.Client(); err != nil && t.CA != "" {
		c.Complain(child(at, "ca_file"), "cannot be used: "+bare(err), "the PEM certificate of the authority that signed the database's certificate")
	}
}

// HTTPTLS encrypts the clients' port.
type HTTPTLS struct {
	Cert     Path       `yaml:"cert_file" required:"true"` // the port's certificate and what leads to its authority, PEM
	Key      SecretFile `yaml:"key_file" required:"true"`
	ClientCA Path       `yaml:"client_ca_file"` // authority of the clients' certificates, PEM; "" = none is asked for
}

// Server is the configuration of the port.
func (t *HTTPTLS) Server() (*tls.Config, error) {
	out, err := (&PortTLS{Cert: t.Cert, Key: t.Key}).Server()
	if err != nil {
		return nil, err
	}
	out.NextProtos = []string{"h2", "http/1.1", "http/1.0"}
	if t.ClientCA != "" {
		clients, err := (&PortTLS{CA: t.ClientCA}).Client()
		if err != nil {
			return nil, err
		}
		out.ClientCAs, out.ClientAuth = clients.RootCAs, tls.RequireAndVerifyClientCert
	}
	return out, nil
}

func (t *HTTPTLS) check(c *Checker, at string) {
	if t == nil || t.Cert == "" || !t.Key.Set() {
		return
	}
	if _, err := t.Server(); err != nil {
		c.Complain(at, "cannot be used: "+bare(err), "cert_file and key_file as a PEM pair, client_ca_file as a PEM certificate")
	}
}
