package wire

import (
	"bytes"
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/seed-3356bd69/touchstone/test/certs"
	"github.com/seed-3356bd69/touchstone/test/mariadb"
)

func newCerts(t *testing.T) certs.Set {
	t.Helper()
	set, err := certs.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// encrypted starts a database of its own that offers TLS.
func encrypted(t *testing.T, set certs.Set) *mariadb.Server {
	t.Helper()
	s, err := mariadb.Start(t.Context(), t.TempDir(), "--ssl-ca="+set.CA, "--ssl-cert="+set.Cert, "--ssl-key="+set.Key, "--plugin-load-add=auth_ed25519")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func TestTLSOnBothLegs(t *testing.T) {
	set := newCerts(t)
	db := encrypted(t, set)
	w := &watcher{}
	s, stop := relay(t, w, func(c *Config) { c.Upstream, c.TLS = db.Addr, &TLS{Server: set.Server, Client: set.Client} })
	admin := open(t, db.Addr, nil)
	for _, q := range []string{"CREATE USER safe IDENTIFIED BY 'secret' REQUIRE SSL", "CREATE USER ed IDENTIFIED VIA ed25519 USING PASSWORD('secret')",
		"CREATE USER card IDENTIFIED BY 'secret' REQUIRE X509"} {
		if _, err := admin.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		user    string
		tls     *tls.Config
		cipher  bool
		refused uint16
	}{
		"encrypted":                   {"safe", set.Client, true, 0},
		"plain where TLS is asked":    {"safe", nil, false, 1045},
		"ed25519 plain":               {"ed", nil, false, 0},
		"ed25519 encrypted":           {"ed", set.Client, true, 0},
		"client certificate demanded": {"card", set.Client, true, 1045},
	} {
		t.Run(name, func(t *testing.T) {
			client := open(t, s.Addr(), func(cfg *mysql.Config) { cfg.User, cfg.Passwd, cfg.TLS = c.user, "secret", c.tls })
			var variable, cipher string
			err := client.QueryRow("SHOW STATUS LIKE 'Ssl_cipher'").Scan(&variable, &cipher)
			var denied *mysql.MySQLError
			switch {
			case c.refused != 0 && (!errors.As(err, &denied) || denied.Number != c.refused):
				t.Fatalf("not refused with %d: %v", c.refused, err)
			case c.refused == 0 && (err != nil || (cipher != "") != c.cipher):
				t.Fatalf("cipher %q, %v", cipher, err)
			}
		})
	}
	stop()
	if lines := strings.Join(w.take(), "; "); !strings.Contains(lines, "0x3 rows") {
		t.Errorf("statements behind TLS were not seen: %s", lines)
	}
}

func TestTLSOnOneLegOnlyIsRefused(t *testing.T) {
	set := newCerts(t)
	plain, err := mariadb.Start(t.Context(), t.TempDir(), "--skip-ssl")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(plain.Stop)
	s, _ := relay(t, &watcher{}, func(c *Config) { c.Upstream, c.TLS = plain.Addr, &TLS{Server: set.Server, Client: set.Client} })
	var refusal *mysql.MySQLError
	if err := open(t, s.Addr(), nil).Ping(); !errors.As(err, &refusal) || refusal.Number != 2026 || !strings.Contains(refusal.Message, "one leg") {
		t.Fatalf("a port with a certificate before a database without: %v", err)
	}
	s, _ = relay(t, &watcher{}, nil)
	if err := open(t, s.Addr(), func(c *mysql.Config) { c.TLS = set.Client }).Ping(); !errors.Is(err, mysql.ErrNoTLS) {
		t.Fatalf("TLS asked of a port without a certificate: %v", err)
	}
}

func TestForeignCertificateOfTheDatabaseIsRefused(t *testing.T) {
	set, other := newCerts(t), newCerts(t)
	db := encrypted(t, other)
	s, _ := relay(t, &watcher{}, func(c *Config) { c.Upstream, c.TLS = db.Addr, &TLS{Server: set.Server, Client: set.Client} })
	var refusal *mysql.MySQLError
	if err := open(t, s.Addr(), func(c *mysql.Config) { c.TLS = set.Client }).Ping(); !errors.As(err, &refusal) || refusal.Number != 2026 {
		t.Fatalf("got %v", err)
	}
}

func TestLoginThatClaimsTLSWithoutItIsRefused(t *testing.T) {
	set := newCerts(t)
	db := encrypted(t, set)
	s, _ := relay(t, &watcher{}, func(c *Config) { c.Upstream, c.TLS = db.Addr, &TLS{Server: set.Server, Client: set.Client} })
	c := dial(t, s.Addr(), capSSL)
	if b := c.read(); len(b) == 0 || b[0] != markErr || !bytes.Contains(b, []byte("touchstone")) {
		t.Fatalf("got %q", b)
	}
}
