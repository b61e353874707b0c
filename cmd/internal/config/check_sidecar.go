package config

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/seed-3356bd69/touchstone/recon"
	"github.com/seed-3356bd69/touchstone/shadow"
)

const minKey = 16 // bytes of a signing key or salt

// check holds the rules between the keys of a sidecar.
func (s *Sidecar) check(c *Checker) {
	s.name(c)
	checkRelease(c, s.Release)
	if s.Telemetry.JaegerAgent != "" && s.Telemetry.OTLPEndpoint != nil {
		c.Complain("telemetry.jaeger_agent", "stands beside otlp_endpoint", "one of the two")
	}
	if a := s.MySQL.Apply; a != nil && s.Bus.Spool != "" && a.Journal == s.Bus.Spool {
		c.Complain("bus.spool", "is the folder of mysql.apply.journal", "a folder of its own")
	}
	s.Tag.check(c)
	s.checkControl(c)
	s.checkRules(c)
	s.checkCutover(c)
	s.checkSides(c)
	s.checkListeners(c)
	routes := s.HTTP.check(c)
	s.Compare.check(c, routes)
	if s.Egress != nil {
		s.Egress.check(c)
	}
	s.MySQL.checkTables(c)
}

// name gives a sidecar without a name that of its host.
func (s *Sidecar) name(c *Checker) {
	if s.Instance != "" {
		return
	}
	var err error
	if s.Instance, err = os.Hostname(); err != nil {
		c.Complain("instance", "is missing and the host has no name", "instance: pod-1")
	}
}

func checkRelease(c *Checker, release string) {
	if !shadow.ValidRelease(release) {
		c.Complain("release", "is not a release name", "1 to 32 letters, digits, '.', '_' or '-', such as v2")
	}
}

func (t Tag) check(c *Checker) {
	for path, secret := range map[string]SecretFile{"tag.key_file": t.KeyFile, "tag.salt_file": t.SaltFile} {
		if n := len(secret.secret); n < minKey {
			c.Complain(path, fmt.Sprintf("holds %d bytes, at least %d are needed", n, minKey), "head -c 32 /dev/urandom | base64 > FILE; chmod 600 FILE")
		}
	}
}

func (s *Sidecar) checkRules(c *Checker) {
	merchants := false
	for _, r := range s.HTTP.Routes {
		merchants = merchants || r.Key.Merchant != nil
	}
	for i, r := range s.Tag.Rules {
		at := fmt.Sprintf("tag.rules[%d]", i)
		for j, p := range r.Paths {
			checkPath(c, fmt.Sprintf("%s.paths[%d]", at, j), p)
		}
		switch {
		case r.Header != "" && r.Cookie != "":
			c.Complain(child(at, "cookie"), "stands beside header", "two rules")
		case len(r.Values) > 0 && r.Header == "" && r.Cookie == "":
			c.Complain(child(at, "values"), "are of nothing", "header: NAME or cookie: NAME")
		case len(r.Merchants) > 0 && !merchants:
			c.Complain(child(at, "merchants"), "cannot be told: no route says where the merchant is", "key: {merchant: {header: X-Merchant}} on the routes")
		case r.Header == "" && r.Cookie == "" && len(r.Paths)+len(r.Methods)+len(r.Networks)+len(r.Merchants) == 0:
			c.Complain(at, "has no condition", "tag.percent holds for all orders")
		}
	}
}

func (s *Sidecar) checkCutover(c *Checker) {
	service := s.Cutover == CutoverService
	for _, rule := range []struct {
		path string
		set  bool
		only Cutover
	}{
		{"http.candidate", s.HTTP.Candidate != nil, CutoverService},
		{"http.copies", s.HTTP.Copies, CutoverService},
		{"http.serving", s.HTTP.Serving != nil, CutoverService},
		{"mysql.divert", s.MySQL.Divert != nil, CutoverService},
		{"egress", s.Egress != nil, CutoverService},
		{"mysql.apply", s.MySQL.Apply != nil, CutoverDatabase},
		{"mysql.row_log", s.MySQL.RowLog != nil, CutoverDatabase},
	} {
		wanted := (rule.only == CutoverService) == service
		switch {
		case c.Blamed("cutover"):
			return
		case wanted && !rule.set && slices.Contains([]string{"mysql.row_log", "http.copies", "http.serving"}, rule.path):
		case wanted && !rule.set:
			c.Complain(rule.path, fmt.Sprintf("is missing, a %s cutover needs it", s.Cutover), "add it, or change cutover")
		case !wanted && rule.set && rule.path != "egress":
			c.Complain(rule.path, fmt.Sprintf("has no place in a %s cutover", s.Cutover), "take it out, or change cutover")
		}
	}
}

// checkSides refuses any pair of names that would make the two sides one.
func (s *Sidecar) checkSides(c *Checker) {
	if u := s.HTTP.Candidate; u != nil && s.HTTP.Stable != nil && sameHost(s.HTTP.Stable, u) {
		c.Complain("http.candidate", "is the same address as http.stable", "the candidate's own address")
	}
	if u := s.HTTP.Serving; u != nil && s.HTTP.Candidate != nil && sameHost(s.HTTP.Candidate, u) {
		c.Complain("http.serving", "is the same address as http.candidate, which writes to the shadow", "an instance of the candidate with the primary's database and channel")
	}
	if d := s.MySQL.Divert; d != nil && sameAddr(d.Upstream, s.MySQL.Primary.Upstream) {
		c.Complain("mysql.divert.upstream", "is the same address as mysql.primary.upstream", "the shadow server's own address")
	}
	checkDSNs(c, "mysql.prove.primary_dsn_file", s.MySQL.Prove.PrimaryDSN, "mysql.prove.shadow_dsn_file", s.MySQL.Prove.ShadowDSN)
	if a := s.MySQL.Apply; a != nil {
		checkDSNs(c, "mysql.prove.primary_dsn_file", s.MySQL.Prove.PrimaryDSN, "mysql.apply.shadow_dsn_file", a.ShadowDSN)
		checkProved(c, s.MySQL.Prove.ShadowDSN, a.ShadowDSN)
	}
}

func (s *Sidecar) checkListeners(c *Checker) {
	all := []listener{{"admin.listen", s.Admin.Listen}, {"http.listen", s.HTTP.Listen}, {"mysql.primary.listen", s.MySQL.Primary.Listen}}
	if s.Egress != nil {
		all = append(all, listener{"egress.primary.listen", s.Egress.Primary.Listen}, listener{"egress.shadow.listen", s.Egress.Shadow.Listen})
	}
	if s.MySQL.Divert != nil {
		all = append(all, listener{"mysql.divert.listen", s.MySQL.Divert.Listen})
	}
	checkCollisions(c, all)
	checkLoops(c, all, s.upstreams())
}

func (s *Sidecar) upstreams() []listener {
	ups := []listener{{"mysql.primary.upstream", s.MySQL.Primary.Upstream}, {"http.stable", hostOf(s.HTTP.Stable)}, {"http.candidate", hostOf(s.HTTP.Candidate)}, {"http.serving", hostOf(s.HTTP.Serving)}}
	if s.MySQL.Divert != nil {
		ups = append(ups, listener{"mysql.divert.upstream", s.MySQL.Divert.Upstream})
	}
	if s.Egress != nil {
		ups = append(ups, listener{"egress.channel", hostOf(s.Egress.Channel)})
	}
	return ups
}

// check gives the names of the routes.
func (h HTTP) check(c *Checker) map[string]bool {
	h.TLS.check(c, "http.tls")
	names, creates := map[string]bool{}, false
	for i, r := range h.Routes {
		at := fmt.Sprintf("http.routes[%d]", i)
		checkName(c, child(at, "name"), r.Name, names)
		checkPath(c, child(at, "path"), r.Path)
		if r.Key.Order() == (Source{}) {
			c.Complain(child(at, "key"), "names no place of the order number", "{header: X-Order-Id}")
		}
		if r.Amount != nil {
			checkCurrency(c, child(at, "amount.currency"), r.Amount.Currency)
		}
		if r.Creates && r.Callback {
			c.Complain(child(at, "callback"), "stands beside creates: a channel's notice is about an order that exists", "one of the two")
		}
		if r.CopyTo != nil && !r.Callback {
			c.Complain(child(at, "copy_to"), "is for callbacks, and the route is none", "callback: true")
		}
		creates = creates || r.Creates
	}
	if len(h.Routes) > 0 && !creates {
		c.Complain("http.routes", "has no route that creates orders, so no order could be born gray", "creates: true on that route")
	}
	return names
}

func (p Compare) check(c *Checker, routes map[string]bool) {
	seen := map[string]bool{}
	for i, r := range p.Responses {
		at := fmt.Sprintf("compare.responses[%d]", i)
		switch {
		case !routes[r.Route] && !c.Blamed("http.routes"):
			c.Complain(child(at, "route"), "is not the name of a route", "a name out of http.routes")
		case seen[r.Route]:
			c.Complain(child(at, "route"), "has a policy already", "one entry a route")
		}
		seen[r.Route] = true
		for j, n := range r.Noise {
			if _, err := n.End(); err != nil {
				c.Complain(fmt.Sprintf("%s.noise[%d].until", at, j), "is not a day", "a day such as 2026-12-31")
			}
			if class := r.Fields[n.Path]; class.Hard() {
				c.Complain(fmt.Sprintf("%s.noise[%d].path", at, j), fmt.Sprintf("is of class %s, which can never be noise", class), "take it out")
			}
		}
	}
}

func (e *Egress) check(c *Checker) {
	names := map[string]bool{}
	for i, o := range e.Operations {
		at := fmt.Sprintf("egress.operations[%d]", i)
		checkName(c, child(at, "name"), o.Name, names)
		checkPath(c, child(at, "path"), o.Path)
		for j, field := range o.IgnoreFields {
			if class := o.Fields[field]; class.Hard() {
				c.Complain(fmt.Sprintf("%s.ignore_fields[%d]", at, j), fmt.Sprintf("is of class %s, which is always compared", class), "take it out")
			}
		}
	}
}

func (m MySQL) checkTables(c *Checker) {
	m.Primary.TLS.check(c, "mysql.primary.tls")
	if m.Divert != nil {
		m.Divert.TLS.check(c, "mysql.divert.tls")
		m.Divert.Reads.check(c, m)
	}
	if t := m.Tag; m.RowLog != nil && (t.Port || t.UserSuffix != "" || t.Variable) {
		c.Complain("mysql.tag", "tags connections, which the row log does not show", "take it out and tag by the comment /* gray='v2' */ in the statements, or take out mysql.row_log")
	}
	if m.RowLog != nil && m.Apply != nil && m.Apply.Wait > 0 {
		c.Complain("mysql.apply.wait", "has no place beside mysql.row_log: a commit is read back after its client was answered", "take it out")
	}
	names, orders := map[string]bool{}, false
	for i, t := range m.Tables {
		at := fmt.Sprintf("mysql.tables[%d]", i)
		if t.Name != "" && names[t.Name] {
			c.Complain(child(at, "name"), "stands here a second time", "one entry a table")
		}
		if t.Policy == TableAll && m.RowLog == nil {
			c.Complain(child(at, "policy"), "is all, which needs the row log", "mysql.row_log: {dsn_file: FILE, server_id: NUMBER}, or policy: insert")
		}
		if t.Shadow != nil && m.Apply == nil {
			c.Complain(child(at, "shadow"), "has no place here: nothing is applied in a service cutover", "take it out")
		}
		switch {
		case len(t.Shared) == 0:
		case m.Apply != nil:
			c.Complain(child(at, "shared"), "has no place in a database cutover, where rows are compared as they are", "take it out")
		case len(t.Key) == 0:
			c.Complain(child(at, "shared"), "needs the key that names a row", "key: [COLUMN]")
		case t.Order != "":
			c.Complain(child(at, "shared"), "stands beside an order column: rows of one order are not shared", "one of the two")
		}
		if slices.Contains(m.References, t.Name) {
			c.Complain(child(at, "name"), "stands among mysql.reference_tables too", "one of the two")
		}
		names[t.Name] = true
		orders = orders || t.Order != "" && t.Policy != TableIgnore
	}
	if !orders && len(m.Tables) > 0 {
		c.Complain("mysql.tables", "names no table with an order column, so no transaction could be bound to its order", "order: COLUMN on the table that holds the orders")
	}
}

func (r *Reads) check(c *Checker, m MySQL) {
	if r == nil {
		return
	}
	for i, name := range r.Tables {
		at := fmt.Sprintf("mysql.divert.reads.tables[%d]", i)
		written := slices.ContainsFunc(m.Tables, func(t Table) bool { return strings.EqualFold(t.Name, name) })
		if written || slices.ContainsFunc(m.References, func(t string) bool { return strings.EqualFold(t, name) }) {
			c.Complain(at, "is on the shadow too, by mysql.tables or mysql.reference_tables", "one of the two")
		}
	}
}

func checkCurrency(c *Checker, path, code string) {
	if _, err := recon.ParseCurrency(code); err != nil {
		c.Complain(path, "is not a known currency", "an ISO 4217 code such as CNY")
	}
}
