package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/recon/casework"
	"github.com/seed-3356bd69/touchstone/recon/store"
)

// Cases is the configuration of the desk: touchstone recon serve.
type Cases struct {
	Role        string       `yaml:"role" required:"true" oneof:"cases"`
	Listen      Addr         `yaml:"listen" required:"true"`
	Store       string       `yaml:"store"`      // sqlite:///path, or:
	StoreFile   SecretFile   `yaml:"store_file"` // holds a mysql:// URL with its password
	Attachments Path         `yaml:"attachments" required:"true"`
	Audit       AuditLog     `yaml:"audit" required:"true"`
	SLA         CasesSLA     `yaml:"sla"`
	Tokens      []CasesToken `yaml:"tokens"`
	OIDC        *CasesOIDC   `yaml:"oidc"`
	Channels    []CasesAsked `yaml:"channels"`   // that can be asked; the books take over nothing unasked
	Books       *CasesBooks  `yaml:"books"`      // nil: nothing is supplemented
	Service     *CasesCalls  `yaml:"service"`    // nil: nothing is reversed
	Traces      *CasesTraces `yaml:"traces"`     // nil: cases are shown without
	Operations  bool         `yaml:"operations"` // repairs are carried out by touchstone worker on the same store, as operations
}

// CasesAsked is the adapter of a channel that is asked for its state of one transaction.
type CasesAsked struct {
	Name     string                `yaml:"name" required:"true"` // of the channel, as cases have it
	Path     Path                  `yaml:"path" required:"true"`
	SHA256   string                `yaml:"sha256" required:"true"` // of the adapter, 64 hex digits
	BaseURL  *url.URL              `yaml:"base_url" schemes:"http,https"`
	Settings map[string]string     `yaml:"settings"`
	Secrets  map[string]SecretFile `yaml:"secrets"` // environment variables of the adapter
}

// CasesSLA says how soon cases must be closed.
type CasesSLA struct {
	Within time.Duration  `yaml:"within" default:"4h" min:"1m" max:"8760h"`
	Share  Percent        `yaml:"share" default:"99.99%"`
	Rules  []CasesSLARule `yaml:"rules"`
}

// CasesSLARule is a stricter demand from an amount on, from an age on.
type CasesSLARule struct {
	Over     string         `yaml:"over"` // decimal, of Currency; "" = every amount
	Currency recon.Currency `yaml:"currency" default:"CNY"`
	Age      time.Duration  `yaml:"age" default:"0s" min:"0s" max:"8760h"`
	Within   time.Duration  `yaml:"within" required:"true" min:"1m" max:"8760h"`
}

// CasesToken is somebody who comes with a token.
type CasesToken struct {
	Name   string        `yaml:"name" required:"true"`
	Role   casework.Role `yaml:"role" required:"true" oneof:"viewer,operator,reviewer,admin"`
	SHA256 string        `yaml:"sha256" required:"true"` // of the token, hex; in lower case once it is checked
}

// CasesOIDC accepts tokens that an issuer signed.
type CasesOIDC struct {
	Issuer   *url.URL                 `yaml:"issuer" required:"true" schemes:"https,http"`
	Audience string                   `yaml:"audience" required:"true"`
	Name     string                   `yaml:"name_claim" default:"preferred_username"`
	Groups   string                   `yaml:"groups_claim" default:"groups"`
	Roles    map[string]casework.Role `yaml:"roles" required:"true" oneof:"viewer,operator,reviewer,admin"` // of groups
}

// CasesBooks is our own database, which supplements change.
type CasesBooks struct {
	DSN    SecretFile `yaml:"dsn_file" required:"true"`
	Tables []string   `yaml:"tables" required:"true"`
}

// CasesCalls is the payment service, which takes payments back.
type CasesCalls struct {
	URL   *url.URL   `yaml:"url" required:"true" schemes:"http,https"` // the repair's id is added
	Token SecretFile `yaml:"token_file"`
}

// CasesTraces links a case to the traces of its order's requests.
type CasesTraces struct {
	Comparer *url.URL `yaml:"comparer" required:"true" schemes:"http,https"` // its API: it has the order's evidence
	URL      string   `yaml:"url"`                                           // of a trace's page, with {trace} in it; "" = the id alone
}

func (t *CasesTraces) check(c *Checker) {
	if t != nil && t.URL != "" && !strings.Contains(t.URL, "{trace}") {
		c.Complain("traces.url", "has no {trace}", "https://jaeger.internal/trace/{trace}")
	}
}

// StoreURL is where the store is.
func (m *Cases) StoreURL() string {
	if m.StoreFile.Set() {
		return m.StoreFile.Text()
	}
	return m.Store
}

// check holds the rules between the keys.
func (m *Cases) check(c *Checker) {
	switch {
	case m.Store != "" && m.StoreFile.Set():
		c.Complain("store", "stands beside store_file", "one of the two")
	case m.Store != "" && !strings.HasPrefix(m.Store, "sqlite:"): // blamed on store_file: what stands in store may be a password, and is not shown
		c.Complain("store_file", "is missing: store is for files, and the URL of a server holds a password", "store_file: FILE, with the URL in it, instead of store")
	case m.Store == "" && !m.StoreFile.Set():
		c.Complain("store", "is missing", "store: sqlite:///var/lib/touchstone/state.db, or store_file: FILE")
	case store.CheckURL(m.StoreURL()) != nil && m.StoreFile.Set():
		c.Complain("store_file", "holds no URL of a store", "mysql://user:password@host:3306/schema")
	case store.CheckURL(m.StoreURL()) != nil:
		c.Complain("store", "is no URL of a store", "sqlite:///var/lib/touchstone/state.db")
	}
	m.Audit.check(c, "audit")
	m.checkPeople(c)
	m.checkRepairs(c)
	m.Traces.check(c)
	for i, r := range m.SLA.Rules {
		if due := r.Age + r.Within; r.Within > 0 && m.SLA.Within > 0 && due >= m.SLA.Within {
			c.Complain(fmt.Sprintf("sla.rules[%d].within", i), fmt.Sprintf("has no effect: with the age it makes %s, and sla.within asks for %s of every case", due, m.SLA.Within), "age and within that are together less than sla.within")
		}
		if _, err := m.SLA.Rules[i].rule(); err != nil {
			c.Complain(fmt.Sprintf("sla.rules[%d].over", i), "is no amount: "+err.Error(), "over: '10000.00', with its currency")
		}
	}
	if m.OIDC != nil && m.OIDC.Issuer != nil && m.OIDC.Issuer.Scheme == "http" && !hostOf(m.OIDC.Issuer).Loopback() {
		c.Complain("oidc.issuer", "is not encrypted: whoever is on the way could name any key", "https://…")
	}
}

func (m *Cases) checkPeople(c *Checker) {
	if len(m.Tokens) == 0 && m.OIDC == nil {
		c.Complain("tokens", "is missing: nobody could use it", "tokens, from touchstone recon token NAME, or oidc")
	}
	seen := map[string]bool{}
	for i, t := range m.Tokens {
		path := fmt.Sprintf("tokens[%d]", i)
		if raw, err := hex.DecodeString(t.SHA256); (err != nil || len(raw) != 32) && t.SHA256 != "" {
			c.Complain(path, "sha256 is none, in hex", "what touchstone recon token NAME prints; never the token itself") // which may stand there, and is not shown
		}
		key := strings.ToLower(t.SHA256)
		if key != "" && seen[key] {
			c.Complain(path+".sha256", "stands here a second time", "a token of one's own: four eyes need two people")
		}
		seen[key], m.Tokens[i].SHA256 = true, key
	}
}

func (m *Cases) checkRepairs(c *Checker) {
	if m.Operations && (m.Books != nil || m.Service != nil) {
		c.Complain("operations", "stands beside books or service: a repair has one way to be carried out", "books and service in operations of the worker's configuration")
	}
	if m.Books != nil {
		parseDSN(c, "books.dsn_file", m.Books.DSN)
		if len(m.Channels) == 0 {
			c.Complain("books", "may be changed and there is no channel to ask: nothing is taken over unasked", "channels, with the adapter of each")
		}
	}
	seen := map[string]bool{}
	for i, ch := range m.Channels {
		path := fmt.Sprintf("channels[%d]", i)
		checkName(c, path+".name", ch.Name, seen)
		if raw, err := hex.DecodeString(ch.SHA256); err != nil || len(raw) != 32 {
			c.Complain(path+".sha256", "is no SHA-256 in hex", "what touchstone plugin list prints")
		}
	}
}

func (r *CasesSLARule) rule() (casework.SLARule, error) {
	out := casework.SLARule{Age: r.Age, Within: r.Within}
	if r.Over == "" {
		return out, nil
	}
	over, err := recon.ParseMajor(r.Over, r.Currency)
	if err == nil && over.Minor <= 0 {
		err = errors.New("not more than zero")
	}
	out.Over = &over
	return out, err
}

// Policy is the SLA as cases know it.
func (s CasesSLA) Policy() (casework.SLA, error) {
	out := casework.SLA{Within: s.Within, Share: int(s.Share / 100)} // millionths to ten thousandths
	for i := range s.Rules {
		rule, err := s.Rules[i].rule()
		if err != nil {
			return out, err
		}
		out.Rules = append(out.Rules, rule)
	}
	return out, nil
}
