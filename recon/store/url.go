package store

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/go-sql-driver/mysql"
)

const (
	sqliteForm = "sqlite:///var/lib/touchstone/state.db"
	mysqlForm  = "mysql://user:password@host:3306/schema"
)

// place is where a store is: a file, or a schema of a server.
type place struct {
	path   string        // SQLite
	config *mysql.Config // MySQL
}

// CheckURL tells whether a URL names a store, without opening it.
func CheckURL(text string) error {
	_, err := parse(text)
	return err
}

// parse reads a URL. What is in the URL never shows in an error: it may hold a password.
func parse(text string) (place, error) {
	u, err := url.Parse(text)
	if err != nil {
		return place{}, fmt.Errorf("store: not a URL; try: %s or %s", sqliteForm, mysqlForm)
	}
	switch u.Scheme {
	case "sqlite":
		return sqlitePlace(u)
	case "mysql":
		return mysqlPlace(u)
	}
	return place{}, fmt.Errorf("store: unknown kind (got %q); try: %s or %s", u.Scheme, sqliteForm, mysqlForm)
}

// sqlitePlace takes sqlite:///absolute/path and sqlite:relative/path.
func sqlitePlace(u *url.URL) (place, error) {
	path := u.Path
	if u.Opaque != "" {
		var err error
		if path, err = url.PathUnescape(u.Opaque); err != nil {
			return place{}, fmt.Errorf("store: its path cannot be read; try: %s", sqliteForm)
		}
	}
	switch {
	case u.Host != "" || path == "" || strings.HasSuffix(path, "/"):
		return place{}, fmt.Errorf("store: no path of a file (got host %q, path %q); try: %s", u.Host, path, sqliteForm)
	case u.RawQuery != "" || u.Fragment != "":
		return place{}, fmt.Errorf("store %s: takes no parameters; try: %s", path, sqliteForm)
	}
	return place{path: path}, nil
}

func mysqlPlace(u *url.URL) (place, error) {
	schema := strings.TrimPrefix(u.Path, "/")
	switch {
	case u.Hostname() == "" || u.Opaque != "" || u.Fragment != "":
		return place{}, fmt.Errorf("store: no host; try: %s", mysqlForm)
	case u.User.Username() == "":
		return place{}, fmt.Errorf("store %s: no user; try: %s", u.Host, mysqlForm)
	case schema == "" || strings.Contains(schema, "/"):
		return place{}, fmt.Errorf("store %s: no schema (got %q); try: %s", u.Host, u.Path, mysqlForm)
	}
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName, c.User = "tcp", net.JoinHostPort(u.Hostname(), port), schema, u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.Logger = &mysql.NopLogger{} // errors are returned; lines of another form have no place in a log
	c.InterpolateParams = true    // one round trip a statement
	c.Params = map[string]string{"sql_mode": "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'"}
	for name, values := range u.Query() {
		if name != "tls" || !slices.Contains([]string{"true", "false", "preferred", "skip-verify"}, values[0]) {
			return place{}, fmt.Errorf("store %s: %s: no such parameter or value; try: tls=true", u.Host, name)
		}
		c.TLSConfig = values[0]
	}
	return place{config: c}, nil
}
