package config

import (
	"net"
	"net/url"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// listener is an address with the key that gave it.
type listener struct {
	path string
	addr Addr
}

// checkCollisions refuses two listeners on one port. Port 0 is chosen by the system and never collides.
func checkCollisions(c *Checker, all []listener) {
	for i, a := range all {
		for _, earlier := range all[:i] {
			if collide(a.addr, earlier.addr) {
				c.Complain(a.path, "is taken by "+earlier.path, "a port of its own")
			}
		}
	}
}

// checkLoops refuses an upstream that is one of our own listeners.
func checkLoops(c *Checker, listeners, upstreams []listener) {
	for _, u := range upstreams {
		for _, l := range listeners {
			if sameAddr(u.addr, l.addr) {
				c.Complain(u.path, "is the sidecar's own "+l.path, "the address of the server behind it")
			}
		}
	}
}

func collide(a, b Addr) bool {
	hostA, portA, errA := net.SplitHostPort(string(normal(a)))
	hostB, portB, errB := net.SplitHostPort(string(normal(b)))
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	return hostA == hostB || wild(hostA) || wild(hostB)
}

func wild(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsUnspecified()
}

func sameAddr(a, b Addr) bool {
	return a != "" && b != "" && normal(a) == normal(b) && !strings.HasSuffix(string(a), ":0")
}

// normal writes an address one way: no leading zeros in the port, lower case, and one name for this machine.
func normal(a Addr) Addr {
	host, port, err := net.SplitHostPort(string(a))
	if err != nil {
		return a
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if port = strings.TrimLeft(port, "0"); port == "" {
		port = "0"
	}
	return Addr(net.JoinHostPort(host, port))
}

func sameHost(a, b *url.URL) bool { return sameAddr(hostOf(a), hostOf(b)) }

// hostOf gives host:port of a URL, with the scheme's own port where none is written.
func hostOf(u *url.URL) Addr {
	if u == nil {
		return ""
	}
	port := u.Port()
	switch {
	case port == "" && u.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	return Addr(net.JoinHostPort(u.Hostname(), port))
}

// checkDSNs refuses a DSN that cannot be read and two that name one database. The text of a DSN is never shown.
func checkDSNs(c *Checker, primaryPath string, primary SecretFile, shadowPath string, shadow SecretFile) {
	p := parseDSN(c, primaryPath, primary)
	s := parseDSN(c, shadowPath, shadow)
	if p != nil && s != nil && sameDatabase(p, s) {
		c.Complain(shadowPath, "names the same database as "+primaryPath, "the shadow's own database")
	}
}

// checkProved refuses to apply to another database than the one that was proved to be the shadow.
func checkProved(c *Checker, proved, applied SecretFile) {
	const path = "mysql.apply.shadow_dsn_file"
	p, a := parseDSN(c, "mysql.prove.shadow_dsn_file", proved), parseDSN(c, path, applied)
	if p != nil && a != nil && !sameDatabase(p, a) {
		c.Complain(path, "names another database than mysql.prove.shadow_dsn_file", "the database that is proved to be the shadow")
	}
}

func parseDSN(c *Checker, path string, file SecretFile) *mysql.Config {
	if !file.Set() || c.Blamed(path) {
		return nil
	}
	dsn, err := mysql.ParseDSN(file.Text())
	if err != nil || dsn.DBName == "" {
		c.Complain(path, "holds no data source name with a database", "a line such as user:password@tcp(127.0.0.1:3306)/pay")
		return nil
	}
	return dsn
}

func sameDatabase(a, b *mysql.Config) bool {
	return normal(Addr(a.Addr)) == normal(Addr(b.Addr)) && a.DBName == b.DBName
}

// checkName wants a name that is safe as a metric label, once.
func checkName(c *Checker, path, name string, seen map[string]bool) {
	switch {
	case !plainName(name):
		c.Complain(path, "is not a plain name", "1 to 32 of a-z, 0-9, '-' and '_'")
	case seen[name]:
		c.Complain(path, "stands here a second time", "a name of its own")
	}
	seen[name] = true
}

func plainName(name string) bool {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return name != "" && len(name) <= 32
}

func checkPath(c *Checker, path, text string) {
	if !strings.HasPrefix(text, "/") {
		c.Complain(path, "does not begin with a slash", "a path such as /payments or /payments/{id}")
	}
}
