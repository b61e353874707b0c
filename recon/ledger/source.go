package ledger

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Source is one table of a database, or a part of it.
type Source struct {
	Config  *mysql.Config // how to connect
	Table   string
	Columns []string // in this order; none = all
	Key     string   // indexed column by whose ranges it is read; "" = the first of the primary key
	Zone    string   // in which TIMESTAMP is read, for example "+08:00", the default
	Time    Range    // a closed range: nobody writes into it any more
	Options Options
	where   string // further condition, SQL
}

// Range is a range of a date and time column, as the column writes them: from From, and before Until.
type Range struct{ Column, From, Until string }

// Options bound what reading asks of a server.
type Options struct {
	Parallel   int           // connections that read; default 4
	MaxRunning int           // wait while the server runs more threads; 0 = no bound
	MaxLag     time.Duration // wait while a replica is further behind; 0 = no bound
	Replicas   []string      // DSNs of the replicas that MaxLag is about; none = the server itself
	Patience   time.Duration // for such waits, each; default 10 m
	LockWait   time.Duration // for the lock under which snapshots are opened; default 2 s
	Metrics    *Metrics      // nil: nothing is measured
}

func (s Source) withDefaults() Source {
	o := &s.Options
	if o.Parallel < 1 {
		o.Parallel = 4
	}
	if o.Patience <= 0 {
		o.Patience = 10 * time.Minute
	}
	if o.LockWait <= 0 {
		o.LockWait = 2 * time.Second
	}
	if s.Zone == "" {
		s.Zone = "+08:00"
	}
	return s
}

const urlForm = "mysql://user:password@host:3306/schema?table=payments"

// ParseURL reads a table's URL:
//
//	mysql://user:password@host:3306/schema?table=payments&columns=order_id,amount,status&key=id&time=paid_at&from=2026-11-23&until=2026-11-24
//
// Further parameters: zone, parallel, max_running, max_lag, password_file (instead of the password in the URL), tls. What is
// in the URL never shows in an error: it holds a password.
func ParseURL(text string) (Source, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "mysql" || u.Hostname() == "" || u.Opaque != "" || u.Fragment != "":
		return Source{}, fmt.Errorf("database: not a URL of a table; try: %s", urlForm)
	case u.User.Username() == "":
		return Source{}, fmt.Errorf("database %s: no user; try: %s", u.Host, urlForm)
	}
	p := parameters{host: u.Host}
	if p.values, err = url.ParseQuery(u.RawQuery); err != nil {
		return Source{}, fmt.Errorf("database %s: its parameters cannot be read; try: %s", u.Host, urlForm)
	}
	schema := strings.TrimPrefix(u.Path, "/")
	if schema == "" || strings.Contains(schema, "/") {
		return Source{}, fmt.Errorf("database %s: no schema (got %q); try: %s", u.Host, u.Path, urlForm)
	}
	s := Source{Config: mysql.NewConfig()}
	s.Config.Net, s.Config.Addr, s.Config.DBName, s.Config.User = "tcp", addressOf(u), schema, u.User.Username()
	s.Config.Passwd, _ = u.User.Password()
	p.fill(&s)
	return s, errors.Join(p.errs...)
}

func addressOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "3306"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// parameters reads the parameters of a URL and remembers every complaint.
type parameters struct {
	host   string
	values url.Values
	errs   []error
}

func (p *parameters) say(name, what, try string) {
	p.errs = append(p.errs, fmt.Errorf("database %s: %s: %s (got %q); try: %s", p.host, name, what, p.values.Get(name), try))
}

func (p *parameters) fill(s *Source) {
	known := []string{"table", "columns", "key", "zone", "time", "from", "until", "parallel", "max_running", "max_lag", "password_file", "tls"}
	for name := range p.values {
		if !slices.Contains(known, name) {
			p.say(name, "no such parameter", "one of "+strings.Join(known, ", "))
		}
	}
	if s.Table = p.values.Get("table"); s.Table == "" {
		p.say("table", "is missing", "table=payments")
	}
	if text := p.values.Get("columns"); text != "" {
		s.Columns = strings.Split(text, ",")
	}
	s.Key, s.Zone = p.values.Get("key"), p.zone()
	s.Time = Range{p.values.Get("time"), p.values.Get("from"), p.values.Get("until")}
	if (s.Time.Column == "") != (s.Time.From == "" && s.Time.Until == "") {
		p.say("time", "a range needs its column and a bound", "time=paid_at&from=2026-11-23&until=2026-11-24")
	}
	s.Options.Parallel, s.Options.MaxRunning = p.number("parallel"), p.number("max_running")
	s.Options.MaxLag = p.duration("max_lag")
	p.password(s)
	if s.Config.TLSConfig = p.values.Get("tls"); !slices.Contains([]string{"", "true", "false", "preferred", "skip-verify"}, s.Config.TLSConfig) {
		p.say("tls", "unknown", "tls=true")
	}
}

func (p *parameters) zone() string {
	zone := p.values.Get("zone")
	if zone != "" && !regexp.MustCompile(`^([+-]\d\d:\d\d|[A-Za-z_]+(/[A-Za-z_]+)*)$`).MatchString(zone) {
		p.say("zone", "not a zone", "zone=%2B08:00")
	}
	return zone
}

func (p *parameters) number(name string) int {
	text := p.values.Get(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		p.say(name, "not a whole number from 1", name+"=4")
	}
	return n
}

func (p *parameters) duration(name string) time.Duration {
	text := p.values.Get(name)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		p.say(name, "not a duration with its unit", name+"=5s")
	}
	return d
}

func (p *parameters) password(s *Source) {
	path := p.values.Get("password_file")
	if path == "" {
		return
	}
	if s.Config.Passwd != "" {
		p.say("password_file", "stands beside a password", "one of the two")
		return
	}
	secret, err := os.ReadFile(path)
	if err != nil {
		p.say("password_file", "cannot be read", "chmod 600 FILE, owned by who runs this")
		return
	}
	s.Config.Passwd = strings.TrimSpace(string(secret))
}

// Name is how messages call the table: without credentials.
func (s Source) Name() string { return s.Config.Addr + "/" + s.Config.DBName + "." + s.Table }
